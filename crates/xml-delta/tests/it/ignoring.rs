//! Options that make differences count less: ignored content, tolerance, namespaces and roots; and keys.

use xml_delta::{self as xml, CompareOptions, Delta, Limits, MatchOptions, Namespaces, Roots};

use super::{compared, inside, root_mark};

fn compare(a: &str, b: &str, matching: MatchOptions) -> Delta {
    let options = CompareOptions {
        matching,
        ..CompareOptions::default()
    };
    xml::compare(a.into(), b.into(), &options, &()).expect("the comparison succeeds")
}

fn options(change: impl FnOnce(&mut MatchOptions)) -> CompareOptions {
    let mut options = CompareOptions::default();
    change(&mut options.matching);
    options
}

fn list(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}

#[test]
fn ignored_elements_and_attributes_are_no_change() {
    let a = r#"<r built="1"><time>1</time><p x="1" built="2">one</p></r>"#;
    let b = r#"<r built="3"><time>2<b/></time><p x="1">one</p></r>"#;
    let delta = compare(
        a,
        b,
        MatchOptions {
            ignored: list(&["time", "@built"]),
            ..MatchOptions::default()
        },
    );
    assert_eq!(delta.counts.changes, 0);
    assert_eq!(root_mark(&delta), "A=B");
    // The last version's content is written.
    assert_eq!(inside(&delta), r#"<time>2<b/></time><p x="1">one</p>"#);
    let only_attributes = compare(
        a,
        b,
        MatchOptions {
            ignored: list(&["r@built", "r/p@built"]),
            ..MatchOptions::default()
        },
    );
    assert_eq!(only_attributes.counts.changes, 2);
}

#[test]
fn ignored_elements_of_one_version_are_no_change() {
    let matching = || MatchOptions {
        ignored: list(&["time"]),
        ..MatchOptions::default()
    };
    let (with, without) = ("<r><time>1</time><p>one</p></r>", "<r><p>two</p></r>");
    let removed = compare(with, without, matching());
    assert_eq!(removed.counts.changes, 1);
    assert!(!removed.xml.contains("time"));
    let added = compare(without, with, matching());
    assert_eq!(added.counts.changes, 1);
    assert!(
        added
            .xml
            .contains(r#"<time deltaxml:deltaV2="A=B">1</time>"#)
    );
}

#[test]
fn numbers_within_the_tolerance_are_equal() {
    let a = r#"<r><p x="1.0">0.50</p><q y="2">5<i/></q><s>7 m</s></r>"#;
    let b = r#"<r><p x="1.05"> 0.55 </p><q y="2.2">5.01<i/><i/></q><s>7.01 m</s></r>"#;
    let delta = compare(
        a,
        b,
        MatchOptions {
            tolerance: 0.05,
            ..MatchOptions::default()
        },
    );
    assert!(
        delta
            .xml
            .contains(r#"<p deltaxml:deltaV2="A=B" x="1.05"> 0.55 </p>"#),
        "{}",
        delta.xml
    );
    // The attribute `y`, the element `i`, and the text of `s`, which is no number.
    assert_eq!(delta.counts.changes, 3, "{}", delta.xml);
    let back =
        xml::extract(delta.xml.into(), "B", &Limits::default(), &()).expect("the version exists");
    assert!(back.contains(b), "{back}");
}

#[test]
fn elements_match_by_keys_of_several_parts() {
    let item = |group: &str, name: &str, version: &str| {
        format!("<d><g>{group}</g><n>{name}</n><v>{version}</v></d>")
    };
    let a = format!(
        "<r>{}{}</r>",
        item("org", "one", "1"),
        item("com", "one", "1")
    );
    let b = format!(
        "<r>{}{}</r>",
        item("com", "one", "2"),
        item("net", "one", "1")
    );
    let options = options(|matching| matching.keys = list(&["d: g, n"]));
    let delta = compared(&a, &b, &options);
    let marks: Vec<&str> = delta
        .xml
        .split("<d deltaxml:deltaV2=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap_or_default())
        .collect();
    assert_eq!(marks, ["A", "A!=B", "B"], "{}", delta.xml);
    let options = self::options(|matching| matching.keys = list(&["d: v, @none"]));
    assert!(
        compared(&a, &b, &options)
            .xml
            .contains("deltaxml:key=\"1&#10;\"")
    );
}

#[test]
fn identifiers_can_be_left_out_of_matching() {
    let (a, b) = (
        r#"<r><p id="1">one two three</p><p id="2">four five six</p></r>"#,
        r#"<r><p id="2">one two three and</p><p id="1">four five six and</p></r>"#,
    );
    let options = options(|matching| matching.ids = false);
    assert_eq!(compared(a, b, &options).counts.changes, 4);
}

#[test]
fn renamed_namespaces_are_recovered() {
    let pairs = [
        (
            r#"<db xmlns="urn:v1"><p>1</p></db>"#,
            r#"<db xmlns="urn:v2"><p>2</p></db>"#,
        ),
        ("<db><p>1</p></db>", r#"<db xmlns="urn:v2"><p>2</p></db>"#),
        (r#"<db xmlns="urn:v1"><p>1</p></db>"#, "<db><p>2</p></db>"),
        (
            r#"<x:db xmlns:x="urn:v1"><x:p x:k="1">1</x:p></x:db>"#,
            r#"<y:db xmlns:y="urn:v2"><y:p y:k="1">2</y:p></y:db>"#,
        ),
        (
            r#"<x:db xmlns:x="urn:v1"><x:p k="1">1</x:p></x:db>"#,
            r#"<db><p k="1">2</p></db>"#,
        ),
        (
            r#"<db><p k="1">1</p></db>"#,
            r#"<x:db xmlns:x="urn:v1"><x:p k="1">2</x:p></x:db>"#,
        ),
    ];
    for (a, b) in pairs {
        let strict = xml::compare(a.into(), b.into(), &CompareOptions::default(), &());
        assert_eq!(
            strict.expect_err("the roots differ").kind,
            xml::ErrorKind::DifferentRoots
        );
        let delta = compared(
            a,
            b,
            &options(|matching| matching.namespaces = Namespaces::Ignored),
        );
        assert_eq!(delta.counts.changes, 1, "{}", delta.xml);
    }
}

#[test]
fn roots_with_different_names_are_compared() {
    let pairs = [
        ("<db><p>1</p><q/></db>", "<database><p>2</p><q/></database>"),
        (
            r#"<x:db xmlns:x="urn:v1"><p>1</p></x:db>"#,
            r#"<y:base xmlns:y="urn:v2"><p>2</p></y:base>"#,
        ),
        (
            "<db><p>1</p></db>",
            r#"<base xmlns="urn:v2"><p xmlns="">2</p></base>"#,
        ),
    ];
    for (a, b) in pairs {
        let delta = compared(a, b, &options(|matching| matching.roots = Roots::Any));
        assert_eq!(delta.counts.changes, 1, "{}", delta.xml);
    }
}
