//! What is read from another server, across breaks of the connection.
//!
//! After a break the rest is asked for, under the condition that it is still the same (`Range` and `If-Range`, RFC 9110),
//! which needs a strong entity tag. Where the other server has none, or has something else by now, or does not know
//! ranges, reading starts again from the beginning, for which the reader has to be prepared. A break is forgiven again
//! and again as long as something comes in between.

mod coding;
mod input;
mod reader;

pub(in crate::operations) use crate::operations::documents::remote::reader::RemoteReader;
pub(in crate::operations) use input::{Piece, Remote};
