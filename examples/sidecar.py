#!/usr/bin/env python3
"""A desktop program in miniature: it has slow work done by a Cloakroom of its own, which ends with it.

    sidecar.py FOLDER ARCHIVE [CLOAKROOM]

Starts `cloakroom serve` beside itself, lets it zip FOLDER, shows how far that is, saves the result as ARCHIVE and stops
the server. CLOAKROOM is the program to start, `cloakroom` unless it is given. Nothing but Python's own library is used.
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
    """A server that is ours alone: on a port of its own, with a token that nobody else is told."""

    def __init__(self, program, data, *roots):
        command = [program, "serve", "--data", data, "--listen", "127.0.0.1:0", "--announce", "json"]
        # It stops when its standard input ends, which it does even if we are killed.
        command += ["--exit-with-parent", "--token-per-run"]
        for root in roots:
            command += ["--root", root]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(self.process.wait())
        told = json.loads(line)
        self.url, self.token = told["urls"][0], told["token"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, method, path, params=None, headers=()):
        """Sends a request; gives the reply, which is read like a file. A path may be one of its own links, too."""
        request = urllib.request.Request(urllib.parse.urljoin(self.url, path), method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        for name, value in headers:
            request.add_header(name, value)
        if params is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(params).encode()
        return urllib.request.urlopen(request, timeout=90)

    def submit(self, operation, params):
        # The key makes it safe to send this again where no answer came: there is one job all the same.
        key = ("Idempotency-Key", str(uuid.uuid4()))
        with self.ask("POST", f"/v1/operations/{operation}", params, [key]) as reply:
            return json.load(reply)

    def watch(self, job):
        """Yields the job whenever it is another than it was, until it has ended."""
        version = None
        while True:
            path, headers = job["links"]["self"], []
            if version:
                # Answered when it has another version, or after that time.
                path, headers = path + "?wait=30s", [("If-None-Match", version)]
            try:
                with self.ask("GET", path, headers=headers) as reply:
                    version, job = reply.headers["ETag"], json.load(reply)
            except urllib.error.HTTPError as error:
                if error.code != 304:
                    raise
                continue
            yield job
            if job["finishedAt"]:
                return

    def save(self, job, path):
        """Saves the result under its name when it is whole, and is what it should be."""
        output = job["output"]
        digest = hashlib.sha256()
        part = path.with_name(path.name + ".part")
        with self.ask("GET", output["uri"]) as reply, open(part, "wb") as file:
            while piece := reply.read(1 << 20):
                digest.update(piece)
                file.write(piece)
        if digest.hexdigest() != output["sha256"]:
            raise SystemExit("the result is damaged")
        os.replace(part, path)


def main():
    folder, archive = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
    program = sys.argv[3] if len(sys.argv) > 3 else "cloakroom"
    # A real program has a folder of its own for this, where jobs outlive it.
    with tempfile.TemporaryDirectory() as data, Sidecar(program, data, f"source={folder}:ro") as sidecar:
        job = sidecar.submit("zip", {"path": "/source", "name": archive.name})
        try:
            for job in sidecar.watch(job):
                done = job["percentComplete"]
                print(job["status"], "" if done is None else f"{done} %", file=sys.stderr)
        except KeyboardInterrupt:
            sidecar.ask("POST", job["links"]["cancel"]).close()
            raise SystemExit("canceled")
        if job["status"] != "succeeded":
            raise SystemExit(job["error"]["message"])
        sidecar.save(job, archive)
        print(archive)


if __name__ == "__main__":
    main()
