//! Forms with files, `multipart/form-data` (RFC 2046, RFC 7578), as a stream of parts. Pure: bytes in, events out.
//!
//! [`Reader`] finds the parts, [`Head`] holds the headers of one part, and `disposition` reads `Content-Disposition` as
//! real clients write it. `http::request::form` feeds the reader and decides on the use of each part.
//!
//! **Every length is bounded, except that of a part's content**, which the caller counts. A form is rejected as soon as it
//! exceeds a limit. At most [`limits::HEAD_BYTES`] and one chunk are held in memory.

mod disposition;
mod events;
mod head;
pub(crate) mod limits;
mod reader;

pub(crate) use crate::http::request::multipart::head::Head;
pub(crate) use crate::http::request::multipart::reader::{Event, Reader};
pub(crate) use events::Error;
