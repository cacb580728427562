//! Content that is matched in windows gives the same results.

use xml_delta::{CompareOptions, MatchOptions};

use super::compared;

/// Compares thousands of units with a window of 512.
fn in_parts(a: &str, b: &str) -> xml_delta::Delta {
    let matching = MatchOptions {
        window: 512,
        ..MatchOptions::default()
    };
    let options = CompareOptions {
        matching,
        ..CompareOptions::default()
    };
    compared(a, b, &options)
}

fn rows(numbers: impl Iterator<Item = usize>) -> String {
    let row = |n: usize| format!("<row>{}</row>", n * 7919 % 10_007);
    numbers.map(row).collect()
}

#[test]
fn insertion_longer_than_a_window_is_only_an_insertion() {
    let (before, added, after) = (rows(0..2000), rows(5000..7000), rows(2000..4000));
    let a = format!("<t>{before}{after}</t>");
    let b = format!("<t>{before}{added}{after}</t>");
    let delta = in_parts(&a, &b);
    assert_eq!(delta.counts.changes, 2000);
    assert_eq!(delta.xml.matches("deltaV2=\"B\"").count(), 2000);
    assert_eq!(delta.xml.matches("deltaV2=\"A\"").count(), 0);
}

#[test]
fn only_changed_words_of_a_long_text_are_marked() {
    let word = |n: usize| format!("w{} ", n * 7919 % 1009);
    let text: String = (0..5000).map(word).collect();
    let changed: String = (0..5000)
        .map(|n| {
            if n % 500 == 0 {
                "new ".to_owned()
            } else {
                word(n)
            }
        })
        .collect();
    let delta = in_parts(&format!("<t>{text}</t>"), &format!("<t>{changed}</t>"));
    assert_eq!(delta.counts.changes, 10);
    assert_eq!(delta.xml.matches("<deltaxml:text ").count(), 20);
}

#[test]
fn repeated_elements_stay_matched() {
    let same = "<x/>".repeat(5000);
    let changed = "<x/>".repeat(99) + "<y/>";
    let delta = in_parts(
        &format!("<t>{same}</t>"),
        &format!("<t>{}</t>", changed.repeat(50)),
    );
    assert_eq!(delta.counts.changes, 100);
    // Everything after the deletion has moved by one.
    let delta = in_parts(
        &format!("<t>{}</t>", changed.repeat(50)),
        &format!("<t><y/>{}</t>", &changed.repeat(50)["<x/>".len()..]),
    );
    assert!(delta.counts.changes <= 4, "{}", delta.counts.changes);
}
