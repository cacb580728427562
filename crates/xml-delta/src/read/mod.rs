//! Parses a document into a [`Tree`](crate::tree::Tree). quick-xml tokenizes the markup; all well-formedness checks
//! that it omits are here.

mod content;
mod element;
mod keys;
mod parser;
mod read_options;

pub(crate) use parser::read;
pub(crate) use read_options::{ReadOptions, memory_message};
