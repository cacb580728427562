//! Admission by the request's own headers: Host, proxy headers, browser headers. Pure.
//!
//! A server without tokens trusts every client that connects on loopback, and a browser on the same machine runs pages of
//! other sites. So the Host must be a name of this server, which stops pages whose domain was pointed at it (DNS
//! rebinding), and requests from pages of other origins are rejected. Pages of other origins are rejected with tokens as
//! well, because the browser sends a session's cookie along.

mod check;
pub(crate) mod fetch_metadata;
pub(crate) mod host;
mod rules;

pub(crate) use check::{Admission, behind_a_proxy, is_through_proxy};
pub(crate) use rules::{Guard, RequestFacts};
