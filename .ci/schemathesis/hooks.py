"""Provides what the description cannot: paths below the server's root, tags of results, one idempotency key per request."""

import hashlib

import schemathesis
from hypothesis import strategies as st

# The files that ./run creates below the root.
PATHS = ["/docs/a.txt", "/docs/deep/b.txt", "/docs/long.bin"]

schemathesis.openapi.format("path", st.sampled_from(PATHS))
schemathesis.openapi.format("filename", st.sampled_from(["a", "archive.zip", "Zürich", "x" * 251]))
schemathesis.openapi.format("humantime", st.sampled_from(["0s", "250ms", "1s", "1m 30s", "2h"]))
# Nothing listens on this port, so no other server is called.
schemathesis.openapi.format("uri", st.sampled_from(["http://127.0.0.1:9/a", "http://127.0.0.1:9/?b=c"]))
schemathesis.openapi.format("header-value", st.sampled_from(["Bearer a", "Basic YTpi"]))
schemathesis.openapi.format("glob", st.sampled_from(["*.o", "deep/*", "[ab].txt", "{a,b}.*"]))


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Replace `*/*` by some media types: it would include JSON and forms, which have entries of their own."""
    for path in raw_schema["paths"].values():
        content = path.get("post", {}).get("requestBody", {}).get("content", {})
        document = content.pop("*/*", None)
        if document is not None:
            content.update({kind: document for kind in ("application/octet-stream", "text/xml", "image/png")})


def without_jobs(value):
    """Replaces results of other jobs, used as documents, by files: no such jobs exist."""
    if isinstance(value, dict):
        if value.get("type") == "job":
            return {"type": "file", "path": PATHS[0], **{k: v for k, v in value.items() if k == "name"}}
        return {key: without_jobs(member) for key, member in value.items()}
    return [without_jobs(item) for item in value] if isinstance(value, list) else value


@schemathesis.hook
def before_call(context, case, kwargs):
    """Give each valid request its own idempotency key: reusing a key for another request is rejected, rightly.

    Also use conditions and ranges that every result meets.
    """
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    # The description does not say whether a job succeeds, so only archives are waited for.
    if case.method == "POST" and not case.path.endswith("/zip") and "Prefer" in (case.headers or {}):
        case.headers["Prefer"] = "respond-async"
    if isinstance(case.body, dict):
        case.body = without_jobs(case.body)
        # The schema does not say how many versions each mode needs.
        if "versions" in case.body:
            case.body.pop("mode", None)
    # Results must not replace the input files of other jobs.
    if "output" in (case.query or {}):
        case.query["output"] = "/docs/out"
    # The tag and the length of a result are unknown here.
    for header, value in (("If-Match", "*"), ("Range", "bytes=0-0")):
        if header in (case.headers or {}):
            case.headers[header] = value
    key = (case.headers or {}).get("Idempotency-Key")
    if key:
        request = repr((case.path, case.query, case.body, case.media_type))
        case.headers["Idempotency-Key"] = hashlib.sha256(request.encode()).hexdigest()
