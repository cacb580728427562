#!/usr/bin/env python3
"""A minimal desktop program that runs slow work in its own Cloakroom server, which stops with the program.

    sidecar.py FOLDER ARCHIVE [CLOAKROOM]

Starts `cloakroom serve` as a child process, zips FOLDER with it, shows the progress, saves the result as ARCHIVE and stops
the server. CLOAKROOM is the server's executable, by default `cloakroom`. Needs only Python's standard library.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import uuid


class Sidecar:
    """A private server on a free port, with a token that only this program knows."""

    def __init__(self, program, data, *roots):
        command = [program, "serve", "--data", data, "--listen", "127.0.0.1:0", "--announce", "json"]
        # The server stops when its standard input ends, which happens even if this program is killed.
        command += ["--exit-with-parent", "--token-per-run"]
        for root in roots:
            command += ["--root", root]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(self.process.wait())
        announced = json.loads(line)
        self.url, self.token = announced["urls"][0], announced["token"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def request(self, method, path, params=None, headers=()):
        """Sends a request and returns the response, a file object. `path` may also be a link from another response."""
        request = urllib.request.Request(urllib.parse.urljoin(self.url, path), method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        for name, value in headers:
            request.add_header(name, value)
        if params is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(params).encode()
        return urllib.request.urlopen(request, timeout=90)

    def submit(self, operation, params):
        # The key makes it safe to send the request again if no response arrives: the server creates only one job.
        key = ("Idempotency-Key", str(uuid.uuid4()))
        with self.request("POST", f"/v1/operations/{operation}", params, [key]) as reply:
            return json.load(reply)

    def watch(self, job):
        """Yields the job after each change, until it has finished."""
        version = None
        while True:
            path, headers = job["links"]["self"], []
            if version:
                # The server responds when the job changes, or after 30 seconds.
                path, headers = path + "?wait=30s", [("If-None-Match", version)]
            try:
                with self.request("GET", path, headers=headers) as reply:
                    version, job = reply.headers["ETag"], json.load(reply)
            except urllib.error.HTTPError as error:
                if error.code != 304:
                    raise
                continue
            yield job
            if job["finishedAt"]:
                return

    def save(self, job, path):
        """Downloads the result to a temporary name, verifies its SHA-256 and renames it."""
        output = job["output"]
        digest = hashlib.sha256()
        part = path.with_name(path.name + ".part")
        with self.request("GET", output["uri"]) as reply, open(part, "wb") as file:
            while chunk := reply.read(1 << 20):
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != output["sha256"]:
            raise SystemExit("the result is damaged")
        os.replace(part, path)


def main():
    if len(sys.argv) not in (3, 4):
        raise SystemExit("usage: sidecar.py FOLDER ARCHIVE [CLOAKROOM]")
    folder, archive = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
    program = sys.argv[3] if len(sys.argv) > 3 else "cloakroom"
    # A real program would use a permanent folder, so that jobs survive a restart.
    with tempfile.TemporaryDirectory() as data, Sidecar(program, data, f"source={folder}:ro") as sidecar:
        job = sidecar.submit("zip", {"path": "/source", "name": archive.name})
        try:
            for job in sidecar.watch(job):
                done = job["percentComplete"]
                print(job["status"], "" if done is None else f"{done} %", file=sys.stderr)
        except KeyboardInterrupt:
            sidecar.request("POST", job["links"]["cancel"]).close()
            raise SystemExit("canceled")
        if job["status"] != "succeeded":
            raise SystemExit(job["error"]["message"])
        sidecar.save(job, archive)
        print(archive)


if __name__ == "__main__":
    main()
