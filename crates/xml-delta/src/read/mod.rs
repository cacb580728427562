//! A document's text becomes a [`Tree`]: quick-xml finds the markup, everything that it lets pass is refused here.

mod content;
mod element;
mod parser;

pub(crate) use parser::{Reading, read};
