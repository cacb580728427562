//! Several versions become one document with marks.
//!
//! Element by element from the root down, each pushed on a stack of our own, so that depth costs memory only. Two
//! versions are the same case as many: a comparison is a merge of two.

mod alignment;
mod attributes;
mod budget;
mod content;
mod frame;
mod level;
mod marks;
mod merger;
mod moves;
mod opening;
mod pieces;
mod root;
mod settings;
mod stretch;
mod tags;
mod trim;
mod windows;

pub(crate) use marks::VERSIONS;
pub(crate) use merger::merge;
pub use settings::Counts;
pub(crate) use settings::{Form, Settings};
