"""What the description cannot tell: which paths are below the server's root, and that a key belongs to one request."""

import hashlib

import schemathesis
from hypothesis import strategies as st

# The files that `run` puts below the root.
PATHS = ["/docs", "/docs/a.txt", "/docs/deep", "/docs/deep/b.txt"]

schemathesis.openapi.format("path", st.sampled_from(PATHS))


@schemathesis.hook
def before_call(context, case, kwargs):
    """The same key for another request is refused, and rightly: so each request that has one has its own."""
    key = (case.headers or {}).get("Idempotency-Key")
    if key and case.meta is not None and case.meta.generation.mode.is_positive:
        request = repr((case.path, case.query, case.body, case.media_type))
        case.headers["Idempotency-Key"] = hashlib.sha256(request.encode()).hexdigest()
