"""What the description cannot tell: which paths are below the server's root, and that a key belongs to one request."""

import hashlib

import schemathesis
from hypothesis import strategies as st

# The files that the script beside this one puts below the root.
PATHS = ["/docs/a.txt", "/docs/deep/b.txt", "/docs/long.bin"]

schemathesis.openapi.format("path", st.sampled_from(PATHS))


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Make "anything else" some types: Schemathesis takes JSON and forms for it too, which have entries of their own."""
    for path in raw_schema["paths"].values():
        content = path.get("post", {}).get("requestBody", {}).get("content", {})
        document = content.pop("*/*", None)
        if document is not None:
            content.update({kind: document for kind in ("application/octet-stream", "text/xml", "image/png")})


@schemathesis.hook
def before_call(context, case, kwargs):
    """Give each valid request that has a key one of its own: under the same key another request is refused, rightly."""
    key = (case.headers or {}).get("Idempotency-Key")
    if key and case.meta is not None and case.meta.generation.mode.is_positive:
        request = repr((case.path, case.query, case.body, case.media_type))
        case.headers["Idempotency-Key"] = hashlib.sha256(request.encode()).hexdigest()
