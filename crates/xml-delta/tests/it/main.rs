//! Integration tests: every version must be recovered from its delta.

mod canonical;
mod conflicts;
mod example;
mod format;
mod generate;
mod ignoring;
mod long;
mod marks;
mod merging;
mod oracle;
mod outside;
mod page;
mod quality;
mod reading;
mod triples;

use xml_delta::{self as xml, CompareOptions, Delta, Limits, MergeOptions, Version};

use canonical::canonical;

/// Compares two documents and checks that both are recovered.
fn compared(a: &str, b: &str, options: &CompareOptions) -> Delta {
    let delta = xml::compare(a.into(), b.into(), options, &()).expect("the comparison succeeds");
    marks::check(&delta.xml, &["A", "B"]);
    for (name, version) in [("A", a), ("B", b)] {
        recovered(&delta, name, version);
    }
    delta
}

/// Merges versions and checks that all are recovered.
fn merged(versions: &[(&str, &str)], options: &MergeOptions) -> Delta {
    let delta = xml::merge(named(versions), options, &()).expect("the merge succeeds");
    let names: Vec<&str> = versions.iter().map(|(name, _)| *name).collect();
    marks::check(&delta.xml, &names);
    for (name, version) in versions {
        recovered(&delta, name, version);
    }
    delta
}

fn named(versions: &[(&str, &str)]) -> Vec<Version> {
    let version = |(name, text): &(&str, &str)| Version {
        name: (*name).to_owned(),
        source: (*text).into(),
    };
    versions.iter().map(version).collect()
}

fn recovered(delta: &Delta, name: &str, version: &str) {
    let back = xml::extract(delta.xml.clone().into(), name, &Limits::default(), &());
    let back = back.unwrap_or_else(|error| panic!("{error} in\n{}", delta.xml));
    assert_eq!(
        canonical(&back),
        canonical(version),
        "{name} out of\n{}",
        delta.xml
    );
}

/// The content of the root element.
fn inside(delta: &Delta) -> &str {
    let text = delta.xml.split_once("?>").expect("a declaration").1.trim();
    let start = text.find('>').expect("a start tag") + 1;
    let end = text.rfind("</").unwrap_or(start);
    &text[start..end]
}

/// The mark of the root element.
fn root_mark(delta: &Delta) -> &str {
    let rest = delta
        .xml
        .split_once("deltaxml:deltaV2=\"")
        .expect("a mark")
        .1;
    rest.split('"').next().expect("its end")
}
