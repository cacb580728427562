"""Follows a job of a real server with a public client library for server-sent events, and resumes the stream.

follow.py SERVER DOCUMENTS: the path of the server's program, and the folder for its root `docs`.
"""

import json
import subprocess
import sys
import tempfile
import urllib.request

import sseclient


def events(url, last=None):
    """The status of the reply, and the events that the client finds in its body."""
    headers = {"accept": "text/event-stream"}
    if last:
        headers["last-event-id"] = last
    reply = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60)
    return reply.status, sseclient.SSEClient(reply).events()


def main(server, documents):
    with open(f"{documents}/long", "wb") as file:
        file.truncate(1 << 28)
    with tempfile.TemporaryDirectory() as data:
        command = [server, "serve", "--data", data, "--root", f"docs={documents}"]
        command += ["--listen", "127.0.0.1:0", "--announce", "json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            try:
                follow(json.loads(process.stdout.readline())["urls"][0])
            finally:
                process.terminate()


def follow(url):
    request = urllib.request.Request(
        f"{url}/v1/operations/zip",
        data=json.dumps({"path": "/docs/long"}).encode(),
        headers={"content-type": "application/json"},
    )
    job = json.load(urllib.request.urlopen(request, timeout=60))
    status, stream = events(job["links"]["events"])
    assert status == 200, status
    seen = [(event.event, event.id, json.loads(event.data)) for event in stream]
    assert len(seen) > 1, seen
    assert all(name == "job" and body["id"] == job["id"] for name, _, body in seen), seen
    assert len({version for _, version, _ in seen}) == len(seen), "a version was sent twice"
    percents = [body["percentComplete"] or 0 for *_, body in seen]
    assert percents == sorted(percents) and percents[-1] == 100, percents
    assert seen[-1][2]["status"] == "succeeded", seen[-1]

    # A client that has seen the last event gets 204; one that missed it gets it.
    status, stream = events(job["links"]["events"], last=seen[-1][1])
    assert status == 204 and not list(stream), status
    status, stream = events(job["links"]["events"], last=seen[0][1])
    assert [event.id for event in stream] == [seen[-1][1]], status
    print(f"{len(seen)} events")


main(*sys.argv[1:])
