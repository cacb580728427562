//! Parses a document into a [`Tree`](crate::tree::Tree). quick-xml tokenizes the markup; all well-formedness checks
//! that it omits are here.

mod content;
mod element;
mod keys;
mod parser;

pub(crate) use parser::{ReadOptions, memory_message, read};
