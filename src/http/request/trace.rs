//! `traceparent` and `tracestate` of a submission.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::job::TraceContext;

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The trace context of a request, if it has a valid one.
pub(crate) fn of(headers: &HeaderMap) -> Option<Box<TraceContext>> {
    let text = |value: &HeaderValue| value.to_str().map(str::to_owned).unwrap_or_default();
    let mut parents = headers.get_all(TRACEPARENT).iter();
    let (Some(parent), None) = (parents.next(), parents.next()) else {
        return None;
    };
    let states: Vec<_> = headers.get_all(TRACESTATE).iter().map(text).collect();
    TraceContext::new(&text(parent), &states.join(",")).map(Box::new)
}
