//! Forms with files, `multipart/form-data` (RFC 2046, RFC 7578), as a stream of parts. Pure: bytes in, events out.
//!
//! [`Reader`] finds the parts, [`Head`] is what the headers of one say, `disposition` reads `Content-Disposition` as
//! real clients write it. `http::form` feeds them and decides what a part becomes.
//!
//! **Every length is bounded, except that of a part's content**, which the caller counts. A form that is over a limit
//! is refused as soon as the limit is passed, with at most [`limits::HEAD_BYTES`] and one chunk held.

mod disposition;
mod events;
mod head;
pub(in crate::http) mod limits;
mod reader;

pub(in crate::http) use crate::http::request::multipart::head::Head;
pub(in crate::http) use crate::http::request::multipart::reader::{Event, Reader};
pub(in crate::http) use events::Error;
