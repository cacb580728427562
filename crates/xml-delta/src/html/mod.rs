//! Renders a delta as a self-contained HTML page. The page holds the delta as compact lines and renders those in view, so
//! that large deltas open quickly.

mod lines;
mod page;
mod walk;

pub(super) use page::render;
