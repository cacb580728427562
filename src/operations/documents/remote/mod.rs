//! Downloads documents from other servers, and resumes when the connection breaks.

mod coding;
mod input;
mod reader;

pub(in crate::operations) use crate::operations::documents::remote::reader::RemoteReader;
pub(in crate::operations) use input::{Piece, Remote};
