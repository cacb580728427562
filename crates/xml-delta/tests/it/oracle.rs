//! Property: every version is recovered from its delta.

use proptest::prelude::*;
use xml_delta::{
    self as xml, CompareOptions, Limits, MatchOptions, MergeForm, MergeOptions, Mode, Namespaces,
    Roots, Whitespace,
};

use super::canonical::canonical;
use super::generate::{document, edited, edits, written};
use super::{compared, merged, named, recovered};

fn matching(words: bool, orderless: bool, window: usize) -> MatchOptions {
    MatchOptions {
        words,
        window,
        unordered: if orderless {
            vec!["item".into(), "/root".into()]
        } else {
            Vec::new()
        },
        ..MatchOptions::default()
    }
}

/// Content is matched all at once, in the smallest windows, or in somewhat larger ones.
fn windows() -> impl Strategy<Value = usize> {
    prop_oneof![2 => Just(MatchOptions::default().window), 1 => Just(1), 1 => Just(50)]
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Concurrent), Just(Mode::Sequential)]
}

fn ignored_paths() -> impl Strategy<Value = Vec<String>> {
    let paths = ["a", "/root/item", "p:x", "@k", "item@id", "*@xml:lang"].map(str::to_owned);
    prop::sample::subsequence(paths.to_vec(), 0..=4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_versions_are_recovered_from_a_comparison(
        a in document(), changes in edits(), other in document(), is_edited in prop::bool::weighted(0.8),
        words: bool, moves: bool, orderless in prop::bool::weighted(0.2), window in windows(),
    ) {
        let b = if is_edited { edited(&a, &changes) } else { other };
        let options = CompareOptions { moves, matching: matching(words, orderless, window), ..CompareOptions::default() };
        compared(&written(&a), &written(&b), &options);
    }

    #[test]
    fn renamed_prefixes_are_recovered(a in document(), changes in edits(), both: bool) {
        let rename = |text: String, old: &str, new: &str| {
            let pairs = [("<", ":"), ("</", ":"), (" ", ":"), (" xmlns:", "=")];
            pairs.iter().fold(text, |text, (before, after)| {
                text.replace(&format!("{before}{old}{after}"), &format!("{before}{new}{after}"))
            })
        };
        let (a, b) = (written(&a), rename(written(&edited(&a, &changes)), "p", "pp"));
        let b = if both { rename(b, "q", "p") } else { b };
        compared(&a, &b, &CompareOptions::default());
        compared(&b, &a, &CompareOptions::default());
        merged(&[("base", &a), ("anna", &b), ("ben", &a)], &MergeOptions::default());
    }

    #[test]
    fn renamed_namespaces_and_roots_are_recovered(
        a in document(), changes in edits(), old in prop::sample::select(&["urn:1", "urn:2", "urn:3"][..]), to_root: bool,
    ) {
        let quoted = |uri: &str| format!("=\"{uri}\"");
        let b = written(&edited(&a, &changes)).replace(&quoted(old), &quoted("urn:9"));
        let a = written(&a);
        let b = if to_root { b.replace("<root", "<p:top").replace("</root", "</p:top") } else { b };
        let mut options = CompareOptions::default();
        options.matching.namespaces = Namespaces::Ignored;
        if to_root {
            options.matching.roots = Roots::Any;
        }
        compared(&a, &b, &options);
        compared(&b, &a, &options);
    }

    #[test]
    fn last_version_is_recovered_although_content_is_ignored(
        a in document(), changes in edits(), other in edits(), ignored in ignored_paths(), orderless in prop::bool::weighted(0.2),
        window in windows(), tolerance in prop_oneof![Just(0.0), Just(1.0)],
    ) {
        let texts = [written(&a), written(&edited(&a, &other)), written(&edited(&a, &changes))];
        let keys = vec!["item: @k,a".into(), "p:x: .".into()];
        let matching = MatchOptions { ignored, tolerance, keys, ..matching(true, orderless, window) };
        let options = CompareOptions { matching: matching.clone(), ..CompareOptions::default() };
        let delta = xml::compare(texts[0].as_str().into(), texts[2].as_str().into(), &options, &()).expect("the comparison succeeds");
        recovered(&delta, "B", &texts[2]);
        let versions = named(&[("base", &texts[0]), ("anna", &texts[1]), ("ben", &texts[2])]);
        let options = MergeOptions { matching, ..MergeOptions::default() };
        let delta = xml::merge(versions, &options, &()).expect("the merge succeeds");
        recovered(&delta, "ben", &texts[2]);
    }

    #[test]
    fn loose_comparison_recovers_versions_except_white_space(
        a in document(), changes in edits(), words: bool, window in windows(),
    ) {
        let (a, b) = (written(&a), written(&edited(&a, &changes)));
        let matching = MatchOptions { whitespace: Whitespace::Loose, ..matching(words, false, window) };
        let options = CompareOptions { matching, ..CompareOptions::default() };
        let delta = xml::compare(a.clone().into(), b.clone().into(), &options, &()).expect("the comparison succeeds");
        let bare = |text: &str| canonical(text).replace("&#13;", "").split_whitespace().collect::<String>();
        for (name, version) in [("A", &a), ("B", &b)] {
            let back = xml::extract(delta.xml.clone().into(), name, &Limits::default(), &()).expect("the version exists");
            prop_assert_eq!(bare(&back), bare(version), "{}", delta.xml);
        }
    }

    #[test]
    fn all_versions_are_recovered_from_a_merge(
        base in document(), changes in prop::collection::vec(edits(), 1..5), mode in modes(),
        words: bool, orderless in prop::bool::weighted(0.2), window in windows(),
    ) {
        let mut texts = vec![written(&base)];
        let mut last = base.clone();
        for edits in &changes {
            last = edited(if mode == Mode::Sequential { &last } else { &base }, edits);
            texts.push(written(&last));
        }
        let names = ["base", "anna", "ben", "chris", "dora"];
        let versions: Vec<(&str, &str)> = names.into_iter().zip(texts.iter().map(String::as_str)).collect();
        let options = MergeOptions { mode, matching: matching(words, orderless, window), ..MergeOptions::default() };
        merged(&versions, &options);
    }

    #[test]
    fn merged_documents_and_deltas_count_the_same_conflicts(
        base in document(), anna in edits(), ben in edits(), window in windows(),
    ) {
        let texts = [written(&base), written(&edited(&base, &anna)), written(&edited(&base, &ben))];
        let conflicts = |form| {
            let versions = named(&[("base", &texts[0]), ("anna", &texts[1]), ("ben", &texts[2])]);
            let options = MergeOptions { form, matching: matching(true, false, window), ..MergeOptions::default() };
            xml::merge(versions, &options, &()).expect("the merge succeeds").counts.conflicts
        };
        prop_assert_eq!(conflicts(MergeForm::Merged), conflicts(MergeForm::Delta));
    }

    #[test]
    fn one_sided_changes_merge_without_conflict(base in document(), changes in edits(), first: bool) {
        let (base_text, other) = (written(&base), written(&edited(&base, &changes)));
        let (anna, ben) = if first { (&other, &base_text) } else { (&base_text, &other) };
        let options = MergeOptions { form: MergeForm::Merged, ..MergeOptions::default() };
        let versions = named(&[("base", &base_text), ("anna", anna), ("ben", ben)]);
        let merged = xml::merge(versions, &options, &()).expect("the merge succeeds");
        prop_assert_eq!(merged.counts.conflicts, 0);
        prop_assert!(!merged.xml.contains("deltaxml:"));
    }
}
