//! Who may ask, as far as a request says so itself: Host, proxies, browsers. Pure: facts in, verdict out.
//!
//! A server without tokens trusts whoever reaches it on loopback, and a browser there runs strangers' pages: so the
//! Host must be one of ours (or the page's own name was pointed at us), and a page of another origin is refused. With
//! tokens a page has none to show, but a session's cookie is sent along: so the latter holds there as well.

mod check;
pub(in crate::http) mod fetch_metadata;
pub(in crate::http) mod host;
mod rules;

pub(in crate::http) use check::{Admission, behind_a_proxy, is_through_proxy};
pub(in crate::http) use rules::{Guard, RequestFacts};
