//! Three-way merges as people would do them.

use xml_delta::{self as xml, MergeForm, MergeOptions};

use super::named;

/// Each triple has a name, a base, two changed versions, and the right result: a document, or a number of conflicts.
const TRIPLES: &str = include_str!("triples.txt");

#[test]
fn triples_are_merged_as_people_would() {
    let mut wrong = Vec::new();
    for triple in TRIPLES.split("=== ").skip(1) {
        let (name, _) = triple.split_once('\n').expect("a name");
        let part = |name: &str| {
            let start = format!("\n--- {name}\n");
            let (_, rest) = triple.split_once(&start).expect("a part");
            rest.split("\n--- ").next().unwrap_or(rest).trim()
        };
        let versions = ["base", "ours", "theirs"].map(|name| (name, part(name)));
        let options = MergeOptions {
            form: MergeForm::Merged,
            ..MergeOptions::default()
        };
        let merged = xml::merge(named(&versions), &options, &()).expect("the merge succeeds");
        let (_, document) = merged.xml.split_once("?>\n").expect("a declaration");
        let is_right = match part("right").strip_prefix("CONFLICT ") {
            Some(count) => merged.counts.conflicts.to_string() == count,
            None => merged.counts.conflicts == 0 && document.trim() == part("right"),
        };
        if !is_right {
            let conflicts = merged.counts.conflicts;
            wrong.push(format!("{name} ({conflicts} conflicts):\n{document}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
