//! Three-way merges: additions of both sides, and conflicts, which every form counts alike.

use xml_delta::{self as xml, Additions, Delta, MergeForm, MergeOptions};

use super::{inside, merged, named};

/// Merges base, anna and ben in both forms, checks that both count the same conflicts, and returns the merged document.
fn merge(base: &str, anna: &str, ben: &str) -> Delta {
    let versions = [("base", base), ("anna", anna), ("ben", ben)];
    let delta = merged(&versions, &MergeOptions::default());
    let options = MergeOptions {
        form: MergeForm::Merged,
        ..MergeOptions::default()
    };
    let document = xml::merge(named(&versions), &options, &()).expect("the merge succeeds");
    assert_eq!(
        document.counts.conflicts, delta.counts.conflicts,
        "{}",
        document.xml
    );
    document
}

fn without_conflict(base: &str, anna: &str, ben: &str, expected: &str) {
    let document = merge(base, anna, ben);
    assert_eq!(
        (inside(&document), document.counts.conflicts),
        (expected, 0)
    );
}

#[test]
fn one_of_many_edited_attributes_is_in_conflict() {
    let list = |v: &dyn Fn(u32) -> u32| {
        let item = |n| format!("  <i n=\"k{n}\" v=\"{}\">word{n}</i>\n", v(n));
        format!(
            "<r>\n <list>\n{} </list>\n</r>",
            (0..10).map(item).collect::<String>()
        )
    };
    let ben = list(&|n| if n == 5 { 3 } else { 1 });
    let document = merge(&list(&|_| 1), &list(&|_| 2), &ben);
    assert_eq!(document.counts.conflicts, 1);
    assert_eq!(document.xml.matches("<deltaxml:attributes ").count(), 1);
}

#[test]
fn equal_additions_around_a_blank_line_or_comment_appear_once() {
    without_conflict(
        "<l>\n <d>a</d>\n\n <!--t-->\n <d>t</d>\n</l>",
        "<l>\n <d>a</d>\n\n <d>new</d>\n <!--t-->\n <d>t</d>\n</l>",
        "<l>\n <d>a</d>\n <d>new</d>\n\n <!--t-->\n <d>t</d>\n</l>",
        "\n <d>a</d>\n <d>new</d>\n\n <!--t-->\n <d>t</d>\n",
    );
    without_conflict(
        "<l><d>a</d><!--t--><d>t</d></l>",
        "<l><d>a</d><d>new</d><!--t--><d>t</d></l>",
        "<l><d>a</d><!--t--><d>new</d><d>t</d></l>",
        "<d>a</d><!--t--><d>new</d><d>t</d>",
    );
}

#[test]
fn different_additions_at_one_place_stay_apart() {
    let list = |added: &str| format!("<l>\n <c i=\"Alpha\"/>\n <c i=\"Gamma\"/>{added}\n</l>");
    without_conflict(
        &list(""),
        &list("\n <c i=\"Socket\"/>"),
        &list("\n <c i=\"Spooler\"/>"),
        "\n <c i=\"Alpha\"/>\n <c i=\"Gamma\"/>\n <c i=\"Socket\"/>\n <c i=\"Spooler\"/>\n",
    );
    let dependency = |group: &str, version: &str| {
        format!("\n <d>\n  <g>{group}</g>\n  <v>{version}</v>\n  <s>test</s>\n </d>")
    };
    let list = |added: &str| format!("<l>{}{added}\n</l>", dependency("log", "1"));
    let (anna, ben) = (dependency("junit", "4"), dependency("mockito", "3"));
    let both = list(&(anna.clone() + &ben));
    let expected = both
        .strip_prefix("<l>")
        .and_then(|rest| rest.strip_suffix("</l>"));
    without_conflict(
        &list(""),
        &list(&anna),
        &list(&ben),
        expected.expect("a list"),
    );
}

#[test]
fn different_additions_at_one_place_follow_the_option() {
    let list = |added: &str| format!("<l>\n <i>one</i>{added}\n <i>two</i>\n</l>");
    let (x, y) = ("\n <i>anna's</i>", "\n <j>ben's</j>");
    let texts = [list(""), list(x), list(y)];
    let versions = [
        ("base", texts[0].as_str()),
        ("anna", &texts[1]),
        ("ben", &texts[2]),
    ];
    let check = |additions: Additions, conflicts: u64, expected: Option<&str>| {
        let options = |form| MergeOptions {
            form,
            additions,
            ..MergeOptions::default()
        };
        let delta = merged(&versions, &options(MergeForm::Delta));
        let document = xml::merge(named(&versions), &options(MergeForm::Merged), &())
            .expect("the merge succeeds");
        assert_eq!(delta.counts.conflicts, conflicts, "{}", delta.xml);
        assert_eq!(document.counts.conflicts, conflicts, "{}", document.xml);
        if let Some(expected) = expected {
            let expected = list(expected);
            assert_eq!(
                Some(inside(&document)),
                expected
                    .strip_prefix("<l>")
                    .and_then(|rest| rest.strip_suffix("</l>"))
            );
        }
    };
    check(Additions::Both, 0, Some(&format!("{x}{y}")));
    check(Additions::Ours, 0, Some(x));
    check(Additions::Theirs, 0, Some(y));
    check(Additions::Conflict, 1, None);
}

#[test]
fn a_conflict_inside_a_conflict_is_not_counted() {
    let document = merge(
        "<l><s id='1'><p k='1'>one</p><q/></s></l>",
        "<l><q/></l>",
        "<l><s id='1'><p k='2'>two</p><q/></s></l>",
    );
    assert_eq!(document.counts.conflicts, 1, "{}", document.xml);
}

#[test]
fn white_space_between_elements_is_no_conflict() {
    let document = merge(
        "<l><a/><b/></l>",
        "<l>\n<a/>\n<b/>\n</l>",
        "<l>\n\t<a/>\n\t<b/>\n</l>",
    );
    assert_eq!(document.counts.conflicts, 0, "{}", document.xml);
    let document = merge("<p>one</p>", "<p>one </p>", "<p>one\t</p>");
    assert_eq!(document.counts.conflicts, 1, "{}", document.xml);
}

#[test]
fn equal_additions_may_differ_in_white_space() {
    let document = merge("<l/>", "<l><p>one two</p></l>", "<l><p> one\ntwo</p></l>");
    assert_eq!(document.counts.conflicts, 0, "{}", document.xml);
    assert_eq!(document.xml.matches("one").count(), 1, "{}", document.xml);
}

#[test]
fn additions_with_the_same_identifier_are_in_conflict() {
    let document = merge(
        "<l><i id='1'/></l>",
        "<l><i id='1'/><i id='2'>anna</i></l>",
        "<l><i id='1'/><i id='2'>ben</i></l>",
    );
    assert_eq!(document.counts.conflicts, 1, "{}", document.xml);
    assert_eq!(
        document.xml.matches("id=\"2\"").count(),
        1,
        "{}",
        document.xml
    );
}

#[test]
fn wrapping_against_editing_is_a_conflict() {
    let document = merge(
        "<p>beta five six seven eight</p>",
        "<p>beta five <em>six</em> seven eight</p>",
        "<p>beta five SIX seven eight</p>",
    );
    assert_eq!(document.counts.conflicts, 1);
    let marked = "<deltaxml:text deltaxml:deltaV2=\"base\">six</deltaxml:text></deltaxml:textGroup>\
                  <em deltaxml:deltaV2=\"anna\">six</em>";
    assert!(document.xml.contains(marked), "{}", document.xml);
    // Elements that both sides replaced by others.
    let document = merge(
        "<l><a>one</a><b>two</b></l>",
        "<l><x>anna</x><b>two</b></l>",
        "<l><y>ben</y><b>two</b></l>",
    );
    assert_eq!(document.counts.conflicts, 1, "{}", document.xml);
    // Equal replacements and plain deletions do not conflict.
    let replaced = "<l><x>both</x><b>two</b></l>";
    without_conflict(
        "<l><a>one</a><b>two</b></l>",
        replaced,
        replaced,
        "<x>both</x><b>two</b>",
    );
    without_conflict(
        "<l><a>one</a><b>two</b></l>",
        "<l><x>anna</x><b>two</b></l>",
        "<l><b>two</b></l>",
        "<x>anna</x><b>two</b>",
    );
}

#[test]
fn moving_against_deleting_or_moving_elsewhere_is_a_conflict() {
    let sections = |order: &str| {
        let section = |name: char| format!("\n <s id=\"{name}\"><p>text of section {name}</p></s>");
        format!(
            "<doc>{}\n</doc>",
            order.chars().map(section).collect::<String>()
        )
    };
    let conflicts = |anna: &str, ben: &str| {
        let document = merge(&sections("abc"), &sections(anna), &sections(ben));
        document.counts.conflicts
    };
    assert_eq!(conflicts("cab", "ab"), 1);
    assert_eq!(conflicts("ab", "cab"), 1);
    assert_eq!(conflicts("cab", "acb"), 1);
    assert_eq!(conflicts("cab", "cab"), 0);
    assert_eq!(conflicts("cab", "abc"), 0);
    assert_eq!(conflicts("ab", "ab"), 0);
}
