//! Merges of several versions.

use xml_delta::{self as xml, Counts, ErrorKind, MergeForm, MergeOptions, Mode};

use super::{inside, merged, named};

fn delta(mode: Mode) -> MergeOptions {
    MergeOptions {
        mode,
        ..MergeOptions::default()
    }
}

/// Merges base, anna and ben into one document.
fn one(base: &str, anna: &str, ben: &str) -> xml::Delta {
    let options = MergeOptions {
        form: MergeForm::Merged,
        ..MergeOptions::default()
    };
    let versions = [("base", base), ("anna", anna), ("ben", ben)];
    merged(&versions, &delta(Mode::Concurrent));
    xml::merge(named(&versions), &options, &()).expect("the merge succeeds")
}

#[test]
fn versions_are_grouped_by_equal_content() {
    let versions = [
        (
            "base",
            "<l t='1'><i>one</i><i>two words here</i><i>three</i></l>",
        ),
        (
            "anna",
            "<l t='1'><i>one</i><i>two words there</i><i>three</i><i>four</i></l>",
        ),
        ("ben", "<l t='2'><i>one</i><i>two words HERE</i></l>"),
        (
            "chris",
            "<l t='2'><i>one</i><i>two words here</i><i>three</i><i>four</i></l>",
        ),
    ];
    let delta = merged(&versions, &delta(Mode::Concurrent));
    for part in [
        "deltaxml:deltaV2=\"base!=anna!=ben!=chris\"",
        "deltaxml:content-type=\"merge-concurrent\" deltaxml:version-order=\"base, anna, ben, chris\"",
        "<dxa:t deltaxml:deltaV2=\"base=anna!=ben=chris\">",
        "<i deltaxml:deltaV2=\"base=anna=ben=chris\">one</i>",
        "<i deltaxml:deltaV2=\"base=chris!=anna!=ben\">two words <deltaxml:textGroup deltaxml:deltaV2=\"base=chris!=anna!=ben\">",
        "<i deltaxml:deltaV2=\"base=anna=chris\">three</i>",
        "<i deltaxml:deltaV2=\"anna=chris\">four</i>",
    ] {
        assert!(delta.xml.contains(part), "{part} in\n{}", delta.xml);
    }
}

#[test]
fn changes_of_both_sides_are_merged() {
    let base = "<r a='1' b='1'>\n<p>one two three four</p>\n<q>x</q>\n<s/>\n</r>";
    let anna = "<r a='2' b='1'>\n<p>one 2 three four</p>\n<q>x</q>\n<new/>\n<s/>\n</r>";
    let ben = "<r a='1'>\n<p>one two three 4</p>\n<s/>\n</r>";
    let delta = one(base, anna, ben);
    assert_eq!(delta.counts.conflicts, 0);
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<r a=\"2\">\n<p>one 2 three 4</p>\n<new/>\n<s/>\n</r>\n";
    assert_eq!(delta.xml, expected);
}

#[test]
fn equal_changes_are_no_conflict() {
    let delta = one("<r>a<x/></r>", "<r>b<x/><y/></r>", "<r>b<x/><y/></r>");
    assert_eq!(delta.counts.conflicts, 0);
    assert_eq!(inside(&delta), "b<x/><y/>");
}

#[test]
fn different_additions_at_one_place_are_both_kept() {
    let delta = one(
        "<r>\n<a/>\n</r>",
        "<r>\n<a/>\n<x/>\n</r>",
        "<r>\n<a/>\n<y/>\n</r>",
    );
    assert_eq!(delta.counts.conflicts, 0);
    assert_eq!(inside(&delta), "\n<a/>\n<x/>\n<y/>\n");
}

#[test]
fn additions_keep_their_surrounding_white_space() {
    let delta = one(
        "<r>\n <a/>\n <b/>\n</r>",
        "<r>\n <a/>\n <b/>\n <x/>\n <y/>\n</r>",
        "<r>\n <a/>\n <z id='1'>instead</z>\n</r>",
    );
    assert_eq!(delta.counts.conflicts, 0);
    assert_eq!(
        inside(&delta),
        "\n <a/>\n <z id=\"1\">instead</z>\n <x/>\n <y/>\n"
    );
}

#[test]
fn merged_document_marks_only_conflicts() {
    let delta = one(
        "<r k='1'><p>one</p><q>same words</q></r>",
        "<r k='2'><p>two</p><q>same words</q><n/></r>",
        "<r k='3'><p>three</p><q>same words</q></r>",
    );
    assert_eq!(
        delta.counts,
        Counts {
            changes: 3,
            conflicts: 2
        }
    );
    assert_eq!(
        inside(&delta)
            .replace("deltaxml:deltaV2", "d")
            .replace("deltaxml:", ":"),
        "<:attributes d=\"base!=anna!=ben\"><dxa:k d=\"base!=anna!=ben\"><:attributeValue d=\"base\">1</:attributeValue>\
         <:attributeValue d=\"anna\">2</:attributeValue><:attributeValue d=\"ben\">3</:attributeValue></dxa:k></:attributes>\
         <p><:textGroup d=\"base!=anna!=ben\"><:text d=\"base\">one</:text><:text d=\"anna\">two</:text>\
         <:text d=\"ben\">three</:text></:textGroup></p><q>same words</q><n/>",
    );
}

#[test]
fn deltas_merge_into_a_delta() {
    let delta = |b: &str| {
        let a = "<r><p>one</p><q>two</q></r>";
        let options = xml::CompareOptions::default();
        let delta = xml::compare(a.into(), b.into(), &options, &());
        delta.expect("the comparison succeeds").xml
    };
    let (base, anna) = (
        delta("<r><p>one</p><q>2</q></r>"),
        delta("<r><p>one</p></r>"),
    );
    let options = MergeOptions {
        form: MergeForm::Merged,
        ..MergeOptions::default()
    };
    let versions = named(&[("base", &base), ("anna", &anna), ("ben", &base)]);
    let merged = xml::merge(versions, &options, &()).expect("the merge succeeds");
    assert_eq!(merged.counts.conflicts, 0);
    let back = xml::extract(merged.xml.into(), "B", &xml::Limits::default(), &());
    assert!(back.is_ok_and(|back| back.ends_with("<r><p>one</p></r>\n")));
}

#[test]
fn deletion_against_change_is_a_conflict() {
    let delta = one(
        "<r><p id='1'>one two</p></r>",
        "<r/>",
        "<r><p id='1'>one three</p></r>",
    );
    assert_eq!(delta.counts.conflicts, 1);
    assert!(
        inside(&delta).starts_with("<p deltaxml:deltaV2=\"base!=ben\" id=\"1\">one "),
        "{}",
        delta.xml
    );
}

#[test]
fn sequential_merge_yields_the_last_version() {
    let texts = ["<r><a/>one</r>", "<r><a/><b/>two</r>", "<r><b/>three</r>"];
    let versions = [("v1", texts[0]), ("v2", texts[1]), ("v3", texts[2])];
    let marked = merged(&versions, &delta(Mode::Sequential));
    assert!(
        marked
            .xml
            .contains("deltaxml:content-type=\"merge-sequential\""),
        "{}",
        marked.xml
    );
    let options = MergeOptions {
        form: MergeForm::Merged,
        ..delta(Mode::Sequential)
    };
    let last = xml::merge(named(&versions), &options, &()).expect("the merge succeeds");
    assert_eq!((inside(&last), last.counts.conflicts), ("<b/>three", 0));
}

#[test]
fn version_names_are_checked() {
    let check = |names: &[&str], mode: Mode, is_fine: bool| {
        let code = xml::check_versions(names, mode).map_err(|error| error.kind);
        assert_eq!(
            code,
            if is_fine {
                Ok(())
            } else {
                Err(ErrorKind::BadVersions)
            },
            "{names:?}"
        );
    };
    check(&["a", "b"], Mode::Concurrent, true);
    check(&["base", "b", "c"], Mode::ThreeWay, true);
    check(&["a", "b"], Mode::ThreeWay, false);
    check(&["a"], Mode::Concurrent, false);
    check(&["a", "a"], Mode::Concurrent, false);
    for odd in ["", "a=b", "a!", "a b", "a,b", "a\"", "<", "\u{1}"] {
        check(&["a", odd], Mode::Concurrent, false);
    }
}
