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
fn items_of_a_long_list_are_paired_in_order() {
    let list = |text: &str| format!("<r>{}</r>", format!("<a>{text}</a>").repeat(1000));
    let delta = compared(&list("1"), &list("2"), &CompareOptions::default());
    assert_eq!(delta.counts.changes, 1000);
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

#[test]
fn renamed_only_child_is_matched() {
    let document = |name: &str, changed: u32| {
        let item = |n| {
            let word = if n < changed { "beta" } else { "alpha" };
            format!("<Item id=\"{n}\" name=\"{word}{n}\"/>")
        };
        let items: String = (0..40).map(item).collect();
        format!("<doc><chapter name=\"{name}\">{items}</chapter></doc>")
    };
    let delta = compare(&document("Thai", 0), &document("thai", 29));
    assert_eq!(delta.counts.changes, 30, "{}", delta.xml);
    assert_eq!(one_sided(&delta, "Item", "A"), 0, "{}", delta.xml);
}

#[test]
fn paragraphs_inserted_at_the_head_of_long_sections_are_additions_only() {
    let paragraph = |s: u32, n: u32| {
        let word = |w: u32| format!("word{} ", (s * 7919 + n * 104_729 + w * 31) % 5003);
        format!("  <p>{}</p>\n", (0..20).map(word).collect::<String>())
    };
    let document = |added: u32| {
        let section = |s: u32| {
            let new: String = (0..added).map(|n| paragraph(s + 50, n + 500)).collect();
            let old: String = (0..40).map(|n| paragraph(s, n)).collect();
            format!(" <section>\n{new}{old} </section>\n")
        };
        format!("<doc>\n{}</doc>", (0..3).map(section).collect::<String>())
    };
    let delta = compare(&document(0), &document(12));
    assert_eq!(one_sided(&delta, "p", "B"), 36, "{}", delta.counts.changes);
    assert_eq!(delta.xml.matches("deltaV2=\"A\"").count(), 0);
}

#[test]
fn elements_with_unique_names_are_matched_without_similarity() {
    let a = "<r><meta><x>one two three</x></meta><body><p>four five six seven</p></body></r>";
    let b = "<r><new/><meta><x>eight nine</x><y/></meta><body><q>ten</q></body></r>";
    let delta = compare(a, b);
    for name in ["meta", "body"] {
        assert!(
            delta
                .xml
                .contains(&format!("<{name} deltaxml:deltaV2=\"A!=B\">")),
            "{}",
            delta.xml
        );
    }
}

#[test]
fn prefixed_identifiers_are_recognized() {
    let item = |name: &str, text: &str| format!("<i o:name=\"{name}\"><t>{text}</t><u/></i>");
    let document = |items: String| format!("<r xmlns:o=\"urn:o\">{items}</r>");
    let a = document(item("x", "one two") + &item("y", "three four"));
    let b = document(item("w", "five six") + &item("x", "seven") + &item("y", "eight"));
    let delta = compare(&a, &b);
    assert_eq!(one_sided(&delta, "i", "B"), 1, "{}", delta.xml);
    assert_eq!(one_sided(&delta, "i", "A"), 0, "{}", delta.xml);
    assert!(
        delta
            .xml
            .contains("<i deltaxml:deltaV2=\"A!=B\" o:name=\"x\">"),
        "{}",
        delta.xml
    );
}

#[test]
fn content_outweighs_identifiers_that_were_renumbered() {
    let item = |id: u32, text: u32| {
        let words: Vec<String> = (0..12).map(|w| (text * 131 + w * 17).to_string()).collect();
        format!("<i id=\"{id}\">{}</i>", words.join(" "))
    };
    let a: String = (0..20).map(|n| item(n, n)).collect();
    let b: String = (0..21)
        .map(|n| item(n, if n == 0 { 99 } else { n - 1 }))
        .collect();
    let delta = compare(&format!("<r>{a}</r>"), &format!("<r>{b}</r>"));
    assert_eq!(one_sided(&delta, "i", "B"), 1, "{}", delta.xml);
    assert_eq!(
        delta.xml.matches("<deltaxml:text ").count(),
        0,
        "{}",
        delta.xml
    );
}
