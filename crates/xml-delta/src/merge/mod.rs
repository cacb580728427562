//! Merges several versions into one document with marks.
//!
//! Elements are processed top down with an explicit stack, so deep documents need memory but no call stack. A
//! comparison is a merge of two versions.

mod additions;
mod alignment;
mod attributes;
mod budget;
mod common_ends;
mod conflicts;
mod content;
mod emit;
mod equality;
mod frame;
mod mark_names;
mod marks;
mod merger;
mod moves;
mod nearby;
mod opening;
mod plan;
mod prolog;
mod root;
mod settings;
mod table;
mod text_runs;
mod windows;

pub(crate) use marks::MAX_VERSIONS;
pub(crate) use merger::merge;
pub use settings::Counts;
pub(crate) use settings::{Form, Settings};
