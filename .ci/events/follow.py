"""Follows a job of a real server with somebody else's client of server-sent events, and comes back to it.

follow.py SERVER DOCUMENTS: the command line's first words are those of the server, the folder is its root `docs`.
"""

import json
import subprocess
import sys
import tempfile
import urllib.request

import sseclient


def events(url, last=None):
    """The status of the reply, and what the client makes of its body."""
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
    assert len({version for _, version, _ in seen}) == len(seen), "each version once"
    percents = [body["percentComplete"] or 0 for *_, body in seen]
    assert percents == sorted(percents) and percents[-1] == 100, percents
    assert seen[-1][2]["status"] == "succeeded", seen[-1]

    # Whoever comes back after the end is told not to, and whoever missed it sees it.
    status, stream = events(job["links"]["events"], last=seen[-1][1])
    assert status == 204 and not list(stream), status
    status, stream = events(job["links"]["events"], last=seen[0][1])
    assert [event.id for event in stream] == [seen[-1][1]], status
    print(f"{len(seen)} events")


main(*sys.argv[1:])
