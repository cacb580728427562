//! Deltas mark what changed and little else, and stay short.

use xml_delta::{CompareOptions, Delta};

use super::compared;

fn compare(a: &str, b: &str) -> Delta {
    compared(a, b, &CompareOptions::default())
}

/// Counts elements that only one of the versions has.
fn one_sided(delta: &Delta, element: &str, version: &str) -> usize {
    let tag = format!("<{element} deltaxml:deltaV2=\"{version}\"");
    delta.xml.matches(&tag).count()
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("<r>\n <list>\n{} </list>\n</r>", items.collect::<String>())
}

#[test]
fn each_edited_attribute_of_a_short_list_is_one_change() {
    let document =
        |v: u32| list((0..10).map(|n| format!("  <i n=\"k{n}\" v=\"{v}\">word{n}</i>\n")));
    let delta = compare(&document(1), &document(2));
    assert_eq!(delta.counts.changes, 10, "{}", delta.xml);
    assert_eq!(
        delta
            .xml
            .matches("<dxa:v deltaxml:deltaV2=\"A!=B\">")
            .count(),
        10
    );
    assert_eq!(one_sided(&delta, "list", "A"), 0, "{}", delta.xml);
}

#[test]
fn insertions_between_all_items_delete_nothing() {
    let item = |n| format!("  <i n=\"k{n}\">word{n} stays</i>\n");
    let added = |n| format!("  <i n=\"new{n}\">added {n}</i>\n");
    let delta = compare(
        &list((0..20).map(item)),
        &list((0..20).map(|n| item(n) + &added(n))),
    );
    assert_eq!(one_sided(&delta, "i", "B"), 20, "{}", delta.xml);
    assert_eq!(
        delta.xml.matches("deltaV2=\"A\"").count(),
        0,
        "{}",
        delta.xml
    );
}

#[test]
fn reindented_document_is_at_most_six_times_as_long() {
    let row = |n| format!("<row><v>{n}</v><w/></row>");
    let flat = format!("<t>{}</t>", (0..3000).map(row).collect::<String>());
    let indented = flat.replace("><", ">\n    <");
    let delta = compare(&flat, &indented);
    assert!(
        delta.xml.len() < 6 * indented.len() + (16 << 10),
        "{}",
        delta.xml.len()
    );
}
