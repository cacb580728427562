//! The architecture that the crate docs describe, checked against the sources.

mod planted;
mod rules;
mod tree;

use std::path::Path;

use rules::violations;
use tree::Tree;

#[test]
fn sources_follow_the_architecture() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let docs = std::fs::read_to_string(src.join("lib.rs")).expect("the crate docs");
    let found = violations(&Tree::read(&src), &docs);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
