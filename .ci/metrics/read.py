"""Reads the metrics of a real server with Prometheus's own strict OpenMetrics parser.

read.py SERVER DOCUMENTS: the path of the server's program, and the folder for its root `docs`.
"""

import json
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

from prometheus_client import parser
from prometheus_client.openmetrics.parser import text_string_to_metric_families

# Units are base units, without prefixes, and stand in the metric's name.
UNITS = {"seconds", "bytes"}


def ask(url, params=None, accept="*/*"):
    data = None if params is None else json.dumps(params).encode()
    headers = {"content-type": "application/json", "accept": accept}
    request = urllib.request.Request(url, data=data, headers=headers)
    return urllib.request.urlopen(request, timeout=60)


def main(server, documents):
    with open(f"{documents}/a", "w") as file:
        file.write("a")
    with tempfile.TemporaryDirectory() as data:
        command = [server, "serve", "--data", data, "--root", f"docs={documents}"]
        command += ["--listen", "127.0.0.1:0", "--announce", "json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            try:
                read(json.loads(process.stdout.readline())["urls"][0])
            finally:
                process.terminate()


def read(url):
    for path in ("/docs/a", "/docs/none"):
        job = json.load(ask(f"{url}/v1/operations/zip", {"path": path}))
        ask(job["links"]["self"] + "?wait=20s")
    try:
        ask(f"{url}/no/such/address")
    except urllib.error.HTTPError as error:
        assert error.code == 404, error.code

    plain = ask(f"{url}/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4"), plain.headers
    older = {family.name for family in parser.text_string_to_metric_families(plain.read().decode())}

    reply = ask(f"{url}/metrics", accept="application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
    assert reply.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0"), reply.headers
    families = list(text_string_to_metric_families(reply.read().decode()))
    assert len({family.name for family in families}) == len(families), "a name is used twice"
    # The older format has no info type.
    assert older == {f.name + "_info" if f.type == "info" else f.name for f in families}, older
    for family in families:
        assert family.documentation.endswith("."), family.name
        assert family.name.startswith(("cloakroom_", "process_")), family.name
        assert not family.unit or family.unit in UNITS, family
        assert family.samples, family.name
        for sample in family.samples:
            assert job["id"] not in str(sample.labels), sample

    def value(name, **labels):
        found = [s.value for f in families for s in f.samples if s.name == name and s.labels == labels]
        assert len(found) == 1, (name, labels, found)
        return found[0]

    assert value("cloakroom_jobs_submitted_total", operation="zip") == 2
    assert value("cloakroom_jobs_ended_total", operation="zip", status="succeeded") == 1
    assert value("cloakroom_jobs_ended_total", operation="zip", status="failed") == 1
    assert value("cloakroom_http_requests_total", route="other", method="GET", code="4xx") == 1
    print(f"{len(families)} metrics, {sum(len(family.samples) for family in families)} samples")


main(*sys.argv[1:])
