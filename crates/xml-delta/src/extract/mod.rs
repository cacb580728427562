//! A version taken out of a delta again.

mod attributes;
mod extractor;
mod names;
mod order;

pub(crate) use extractor::extract;
