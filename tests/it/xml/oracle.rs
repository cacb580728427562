//! Whatever is compared or merged comes back out as it went in.

use cloakroom::xml::{CompareOptions, MatchOptions, MergeForm, MergeOptions, Mode};
use proptest::prelude::*;

use super::generate::{document, edited, edits, written};
use super::{compared, merged, named};

fn matching(words: bool, orderless: bool) -> MatchOptions {
    MatchOptions {
        words,
        orderless: if orderless {
            vec!["item".into(), "/root".into()]
        } else {
            Vec::new()
        },
        ..MatchOptions::default()
    }
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Concurrent), Just(Mode::Sequential)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_documents_come_back_out_of_a_comparison(
        a in document(), changes in edits(), other in document(), is_edited in prop::bool::weighted(0.8),
        words: bool, moves: bool, orderless in prop::bool::weighted(0.2),
    ) {
        let b = if is_edited { edited(&a, &changes) } else { other };
        let options = CompareOptions { moves, matching: matching(words, orderless), ..CompareOptions::default() };
        compared(&written(&a), &written(&b), &options);
    }

    #[test]
    fn every_version_comes_back_out_of_a_merge(
        base in document(), changes in prop::collection::vec(edits(), 1..5), mode in modes(),
        words: bool, orderless in prop::bool::weighted(0.2),
    ) {
        let mut texts = vec![written(&base)];
        let mut last = base.clone();
        for edits in &changes {
            last = edited(if mode == Mode::Sequential { &last } else { &base }, edits);
            texts.push(written(&last));
        }
        let names = ["base", "anna", "ben", "chris", "dora"];
        let versions: Vec<(&str, &str)> = names.into_iter().zip(texts.iter().map(String::as_str)).collect();
        let options = MergeOptions { mode, matching: matching(words, orderless), ..MergeOptions::default() };
        merged(&versions, &options);
    }

    #[test]
    fn one_sided_changes_merge_into_that_side(base in document(), changes in edits(), first: bool) {
        let (base_text, other) = (written(&base), written(&edited(&base, &changes)));
        let (anna, ben) = if first { (&other, &base_text) } else { (&base_text, &other) };
        let options = MergeOptions { form: MergeForm::Merged, ..MergeOptions::default() };
        let versions = named(&[("base", &base_text), ("anna", anna), ("ben", ben)]);
        let merged = cloakroom::xml::merge(versions, &options, &()).expect("they can be merged");
        prop_assert_eq!(merged.counts.conflicts, 0);
        prop_assert!(!merged.xml.contains("deltaxml:"));
    }
}
