"""Copies on a real server with a public OneDrive client library, and checks the copies.

drive.py SERVER DOCUMENTS: the path of the server's program, and the folder for its root `docs`.
"""

import json
import os
import subprocess
import sys
import tempfile

from O365.connection import Connection, MSGraphProtocol
from O365.drive import Drive, File, Folder


def main(server, documents):
    os.mkdir(f"{documents}/there")
    os.mkdir(f"{documents}/tree")
    contents = {name: os.urandom(100_000) for name in ("one.bin", "two.bin")}
    for name, content in contents.items():
        with open(f"{documents}/tree/{name}", "wb") as file:
            file.write(content)
    with tempfile.TemporaryDirectory() as data:
        command = [server, "serve", "--data", data, "--root", f"docs={documents}"]
        command += ["--listen", "127.0.0.1:0", "--announce", "json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            try:
                copy(drive(json.loads(process.stdout.readline())["urls"][0]), documents, contents)
            finally:
                process.terminate()


def drive(url):
    """The drive as a signed-in client sees it."""

    class LocalProtocol(MSGraphProtocol):
        _protocol_url = f"{url}/"

    connection = Connection(("client", "secret"))
    connection.session = connection.get_session(load_token=False)
    connection.session.headers["Authorization"] = "Bearer unused"
    return Drive(con=connection, protocol=LocalProtocol())


def copy(drive, documents, contents):
    tree = drive.get_item_by_path("/docs/tree")
    assert isinstance(tree, Folder) and tree.name == "tree", tree
    one = drive.get_item_by_path("/docs/tree/one.bin")
    assert isinstance(one, File) and one.size == len(contents["one.bin"]), one

    made = finished(one.copy(name="renamed.bin"))
    assert made.name == "renamed.bin" and made.object_id != one.object_id, made
    with open(f"{documents}/tree/renamed.bin", "rb") as file:
        assert file.read() == contents["one.bin"]

    made = finished(tree.copy(name="again"))
    assert isinstance(made, Folder), made
    for name, content in contents.items():
        with open(f"{documents}/again/{name}", "rb") as file:
            assert file.read() == content, name

    with tempfile.TemporaryDirectory() as folder:
        assert one.download(to_path=folder)
        with open(f"{folder}/one.bin", "rb") as file:
            assert file.read() == contents["one.bin"]
    print("copied a file and a folder, and downloaded a file")


def finished(operation):
    """Waits for a copy and returns the new item."""
    assert operation, "the copy was rejected"
    for status, percent in operation.check_status(delay=0.1):
        assert status in ("notStarted", "inProgress", "completed"), status
        assert 0 <= percent <= 100, percent
    item = operation.get_item()
    assert item, operation.item_id
    return item


main(*sys.argv[1:])
