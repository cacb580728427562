"""What the description cannot tell: paths below the server's root, tags of results, one key for one request."""

import hashlib

import schemathesis
from hypothesis import strategies as st

# The files that the script beside this one puts below the root.
PATHS = ["/docs/a.txt", "/docs/deep/b.txt", "/docs/long.bin"]

schemathesis.openapi.format("path", st.sampled_from(PATHS))
schemathesis.openapi.format("filename", st.sampled_from(["a", "archive.zip", "Zürich", "x" * 251]))
schemathesis.openapi.format("humantime", st.sampled_from(["0s", "250ms", "1s", "1m 30s", "2h"]))
# Nobody listens there, and nobody else is called.
schemathesis.openapi.format("uri", st.sampled_from(["http://127.0.0.1:9/a", "http://127.0.0.1:9/?b=c"]))
schemathesis.openapi.format("header-value", st.sampled_from(["Bearer a", "Basic YTpi"]))
schemathesis.openapi.format("glob", st.sampled_from(["*.o", "deep/*", "[ab].txt", "{a,b}.*"]))


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Make "anything else" some types: Schemathesis takes JSON and forms for it too, which have entries of their own."""
    for path in raw_schema["paths"].values():
        content = path.get("post", {}).get("requestBody", {}).get("content", {})
        document = content.pop("*/*", None)
        if document is not None:
            content.update({kind: document for kind in ("application/octet-stream", "text/xml", "image/png")})


def without_jobs(value):
    """The results of jobs that are documents are those of jobs that there are: here they are files."""
    if isinstance(value, dict):
        if value.get("type") == "job":
            return {"type": "file", "path": PATHS[0], **{k: v for k, v in value.items() if k == "name"}}
        return {key: without_jobs(member) for key, member in value.items()}
    return [without_jobs(item) for item in value] if isinstance(value, list) else value


@schemathesis.hook
def before_call(context, case, kwargs):
    """Give each valid request that has a key one of its own: under the same key another request is refused, rightly.

    And let conditions and ranges be such as every result meets.
    """
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    # Whether a job goes well is not a question of its form, so nobody waits for its end but that of an archive.
    if case.method == "POST" and not case.path.endswith("/zip") and "Prefer" in (case.headers or {}):
        case.headers["Prefer"] = "respond-async"
    if isinstance(case.body, dict):
        case.body = without_jobs(case.body)
        # How many versions a mode takes is no matter of form.
        if "versions" in case.body:
            case.body.pop("mode", None)
    # Results are not put over the files that others are made of.
    if "output" in (case.query or {}):
        case.query["output"] = "/docs/out"
    # What is right of a result is known to whoever has it: its tag, and which bytes it has.
    for header, value in (("If-Match", "*"), ("Range", "bytes=0-0")):
        if header in (case.headers or {}):
            case.headers[header] = value
    key = (case.headers or {}).get("Idempotency-Key")
    if key:
        request = repr((case.path, case.query, case.body, case.media_type))
        case.headers["Idempotency-Key"] = hashlib.sha256(request.encode()).hexdigest()
