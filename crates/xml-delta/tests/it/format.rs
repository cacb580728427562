//! The rules of the delta format.

use xml_delta::{self as xml, CompareOptions, Context, ErrorKind, MatchOptions, Whitespace};

use super::{compared, inside, recovered, root_mark};

fn plain() -> CompareOptions {
    CompareOptions::default()
}

fn with(change: impl FnOnce(&mut MatchOptions)) -> CompareOptions {
    let mut options = plain();
    change(&mut options.matching);
    options
}

/// Checks the content of the delta's root; `d` stands for `deltaxml:deltaV2`, and `:` for `deltaxml:`.
fn check(a: &str, b: &str, options: &CompareOptions, expected: &str) {
    let delta = compared(a, b, options);
    let short = inside(&delta)
        .replace("deltaxml:deltaV2", "d")
        .replace("deltaxml:", ":");
    assert_eq!(short, expected);
}

#[test]
fn equal_documents_have_one_mark() {
    let text = "<r><a k='1'>x<!--c--></a> </r>";
    let delta = compared(text, text, &plain());
    assert_eq!(root_mark(&delta), "A=B");
    assert_eq!(inside(&delta), "<a k=\"1\">x<!--c--></a> ");
    assert_eq!((delta.counts.changes, delta.counts.conflicts), (0, 0));
}

#[test]
fn root_has_namespaces_and_metadata() {
    let delta = compared("<r/>", "<r a='1'/>", &plain());
    let wanted = [
        "xmlns:deltaxml=\"http://www.deltaxml.com/ns/well-formed-delta-v1\"",
        "xmlns:dxa=\"http://www.deltaxml.com/ns/non-namespaced-attribute\"",
        "xmlns:dxx=\"http://www.deltaxml.com/ns/xml-namespaced-attribute\"",
        "deltaxml:deltaV2=\"A!=B\" deltaxml:version=\"2.0\" deltaxml:content-type=\"full-context\"",
    ];
    for part in wanted {
        assert!(delta.xml.contains(part), "{part} in {}", delta.xml);
    }
}

#[test]
fn text_is_compared_by_words() {
    check(
        "<r>The quick fox</r>",
        "<r>The slow fox</r>",
        &plain(),
        "The <:textGroup d=\"A!=B\"><:text d=\"A\">quick</:text><:text d=\"B\">slow</:text></:textGroup> fox",
    );
    check(
        "<r>The quick fox</r>",
        "<r>The slow fox</r>",
        &with(|matching| matching.words = false),
        "<:textGroup d=\"A!=B\"><:text d=\"A\">The quick fox</:text><:text d=\"B\">The slow fox</:text></:textGroup>",
    );
    check(
        "<r>one two</r>",
        "<r>one two three</r>",
        &plain(),
        "one two<:textGroup d=\"B\"><:text d=\"B\"> three</:text></:textGroup>",
    );
}

#[test]
fn short_common_word_between_changes_is_dropped() {
    check(
        "<r>keep this early a late keep this</r>",
        "<r>keep this first a other keep this</r>",
        &plain(),
        "keep this <:textGroup d=\"A!=B\"><:text d=\"A\">early a late</:text><:text d=\"B\">first a other</:text></:textGroup> keep this",
    );
}

#[test]
fn differing_attributes_move_to_attributes_element() {
    let a = "<r xmlns:x='urn:x'><p id='1' x:k='old' xml:lang='en' e=''/></r>";
    let b = "<r xmlns:x='urn:x'><p id='1' x:k='new' n='9'/></r>";
    check(
        a,
        b,
        &plain(),
        "<p d=\"A!=B\" id=\"1\"><:attributes d=\"A!=B\"><x:k d=\"A!=B\"><:attributeValue d=\"A\">old</:attributeValue>\
         <:attributeValue d=\"B\">new</:attributeValue></x:k><dxx:lang d=\"A\"><:attributeValue d=\"A\">en</:attributeValue></dxx:lang>\
         <dxa:e d=\"A\"><:attributeValue d=\"A\"></:attributeValue></dxa:e>\
         <dxa:n d=\"B\"><:attributeValue d=\"B\">9</:attributeValue></dxa:n></:attributes></p>",
    );
}

#[test]
fn added_and_deleted_elements_have_one_mark() {
    check(
        "<r><a>1</a><b>long text that goes</b></r>",
        "<r><a>1</a><c><d/></c></r>",
        &plain(),
        "<a d=\"A=B\">1</a><b d=\"A\">long text that goes</b><c d=\"B\"><d/></c>",
    );
}

#[test]
fn inserted_paragraph_is_one_change() {
    let a = "<r><p>one</p><p>two</p><p>three</p></r>";
    let b = "<r><p>one</p><p>new words here</p><p>two</p><p>three</p></r>";
    assert_eq!(compared(a, b, &plain()).counts.changes, 1);
}

#[test]
fn comments_and_instructions_use_content_groups() {
    check(
        "<r><!--old--><?p x?></r>",
        "<r><!--new--></r>",
        &plain(),
        "<:contentGroup d=\"A!=B\"><:content d=\"A\"><!--old--></:content><:content d=\"B\"><!--new--></:content></:contentGroup>\
         <:contentGroup d=\"A\"><:content d=\"A\"><?p x?></:content></:contentGroup>",
    );
}

#[test]
fn elements_with_equal_identifiers_are_matched() {
    let a = "<r><s name='x'>alpha beta</s><s name='y'>gamma</s></r>";
    let b = "<r><s name='w'>delta</s><s name='x'>entirely other words</s><s name='y'>gamma</s></r>";
    let delta = compared(a, b, &plain());
    assert!(
        inside(&delta).starts_with("<s deltaxml:deltaV2=\"B\" name=\"w\">"),
        "{}",
        delta.xml
    );
    assert!(
        delta
            .xml
            .contains("<s deltaxml:deltaV2=\"A!=B\" name=\"x\">"),
        "{}",
        delta.xml
    );
}

#[test]
fn moves_have_matching_ids() {
    let a = "<r><a>moves</a><b>some words that stay</b></r>";
    let b = "<r><b>some words that stay</b><a>moves</a></r>";
    let mut options = plain();
    options.moves = true;
    check(
        a,
        b,
        &options,
        "<a d=\"A\" :move-id=\"m1\">moves</a><b d=\"A=B\">some words that stay</b><a d=\"B\" :move-idref=\"m1\">moves</a>",
    );
}

#[test]
fn elements_with_different_keys_never_match() {
    let keyed = with(|matching| matching.keys = vec!["i@k".into()]);
    check(
        "<r><i k='1' v='a'>same</i></r>",
        "<r><i k='2' v='a'>same</i></r>",
        &keyed,
        "<i d=\"A\" :key=\"1\" k=\"1\" v=\"a\">same</i><i d=\"B\" :key=\"2\" k=\"2\" v=\"a\">same</i>",
    );
    let d = "xmlns:deltaxml='http://www.deltaxml.com/ns/well-formed-delta-v1'";
    let a = format!("<r {d}><i deltaxml:key='1'>same</i></r>");
    let b = format!("<r {d}><i deltaxml:key='2'>same</i></r>");
    let delta = xml::compare(a.into(), b.into(), &plain(), &()).expect("the comparison succeeds");
    assert_eq!(delta.counts.changes, 2, "{}", delta.xml);
}

#[test]
fn unordered_children_have_original_positions() {
    let orderless = with(|matching| matching.unordered = vec!["/r".into()]);
    check(
        "<r>\n<i id='1'/>\n<i id='2'/>\n<i id='3'/></r>",
        "<r>\n<i id='3'/>\n<i id='1'/>\n<i id='4'/></r>",
        &orderless,
        "\n<i d=\"A=B\" :original-position=\"A=1, B=2\" id=\"1\"/><:textGroup d=\"A\"><:text d=\"A\">\n</:text></:textGroup>\
         <i d=\"A\" :original-position=\"A=2\" id=\"2\"/><:textGroup d=\"A=B\"><:text d=\"A=B\">\n</:text></:textGroup>\
         <i d=\"A=B\" :original-position=\"A=3, B=1\" id=\"3\"/>\
         <:textGroup d=\"B\"><:text d=\"B\">\n</:text></:textGroup><i d=\"B\" :original-position=\"B=3\" id=\"4\"/>",
    );
}

#[test]
fn comparison_directives_keep_the_usual_prefix() {
    let d = "xmlns:deltaxml='http://www.deltaxml.com/ns/well-formed-delta-v1'";
    let a = format!("<r {d}><l deltaxml:ordered='false'><i/><j/></l></r>");
    let b = format!("<r {d}><l deltaxml:ordered='false'><j/><i/></l></r>");
    let delta = compared_as(&a, &b, "<r><l><i/><j/></l></r>", "<r><l><j/><i/></l></r>");
    assert_eq!(
        inside(&delta)
            .replace("deltaxml:deltaV2", "d")
            .replace("deltaxml:", ":"),
        "<l d=\"A!=B\" :ordered=\"false\"><i d=\"A=B\" :original-position=\"A=1, B=2\"/>\
         <j d=\"A=B\" :original-position=\"A=2, B=1\"/></l>",
    );
}

/// Compares two documents and checks which documents are extracted.
fn compared_as(a: &str, b: &str, own_a: &str, own_b: &str) -> xml::Delta {
    let delta = xml::compare(a.into(), b.into(), &plain(), &()).expect("the comparison succeeds");
    recovered(&delta, "A", own_a);
    recovered(&delta, "B", own_b);
    delta
}

#[test]
fn changes_only_omits_unchanged_content() {
    let mut options = plain();
    options.context = Context::ChangesOnly;
    let a = "<r><a><b/>text</a><c>1</c></r>";
    let delta = xml::compare(
        a.into(),
        "<r><a><b/>text</a><c>2</c></r>".into(),
        &options,
        &(),
    )
    .expect("the comparison succeeds");
    assert!(
        delta.xml.contains("deltaxml:content-type=\"changes-only\""),
        "{}",
        delta.xml
    );
    assert!(
        inside(&delta).starts_with("<a deltaxml:deltaV2=\"A=B\"/><c deltaxml:deltaV2=\"A!=B\">"),
        "{}",
        delta.xml
    );
    let error = xml::extract(delta.xml.into(), "A", &xml::Limits::default(), &())
        .expect_err("the delta is incomplete");
    assert_eq!(error.kind, ErrorKind::NotADelta);
}

#[test]
fn insignificant_white_space_is_no_change() {
    let a = "<r><p>some text <b>here</b></p><q xml:space='preserve'> x </q></r>";
    let b = "<r>\n  <p>\n some\ttext <b>here</b>\n  </p>\n  <q xml:space='preserve'> x </q>\n</r>";
    for whitespace in [Whitespace::Loose, Whitespace::Ignore] {
        let options = with(|matching| matching.whitespace = whitespace);
        let delta =
            xml::compare(a.into(), b.into(), &options, &()).expect("the comparison succeeds");
        assert_eq!(
            (root_mark(&delta), delta.counts.changes),
            ("A=B", 0),
            "{}",
            delta.xml
        );
    }
    let preserved = b.replace("'> x <", "'>x <");
    let options = with(|matching| matching.whitespace = Whitespace::Loose);
    let delta =
        xml::compare(a.into(), preserved.into(), &options, &()).expect("the comparison succeeds");
    assert_eq!(delta.counts.changes, 1, "{}", delta.xml);
}

#[test]
fn white_space_significant_in_one_version_is_kept() {
    for whitespace in [Whitespace::Loose, Whitespace::Ignore] {
        let options = with(|matching| matching.whitespace = whitespace);
        let check = |a: &str, b: &str, name: &str, expected: &str| {
            let delta =
                xml::compare(a.into(), b.into(), &options, &()).expect("the comparison succeeds");
            recovered(&delta, name, expected);
        };
        // Preserved in one version only.
        let kept = "<r><p xml:space='preserve'> <c/>  x  y</p></r>";
        check(kept, "<r><p>\n<c/> x y</p></r>", "A", kept);
        check("<r><p>\n<c/> x y</p></r>", kept, "B", kept);
        let kept = "<r xml:space='preserve'><p><c>x</c></p></r>";
        check(kept, "<r><p><c> x </c></p></r>", "A", kept);
        // Mixed content in one version only.
        let flowing = "<r><p><x/>text<d/></p></r>";
        check("<r><p><x/>\n<c/><d/></p></r>", flowing, "B", flowing);
    }
}

#[test]
fn ignored_white_space_is_omitted() {
    let options = with(|matching| matching.whitespace = Whitespace::Ignore);
    let a = "<r>\n  <p>  a   b </p>\n</r>";
    let delta = xml::compare(a.into(), "<r><p>a c</p></r>".into(), &options, &())
        .expect("the comparison succeeds");
    assert_eq!(
        inside(&delta)
            .replace("deltaxml:deltaV2", "d")
            .replace("deltaxml:", ":"),
        "<p d=\"A!=B\">a <:textGroup d=\"A!=B\"><:text d=\"A\">b</:text><:text d=\"B\">c</:text></:textGroup></p>",
    );
}

#[test]
fn prefixes_may_be_rebound() {
    let a = "<r xmlns:p='urn:1'><p:x p:k='1'/><y/></r>";
    let b = "<r xmlns:p='urn:2'><p:x p:k='1'/><y/></r>";
    compared(a, b, &plain());
    compared(
        "<p:r xmlns:p='urn:1'/>",
        "<r xmlns='urn:1'><a/></r>",
        &plain(),
    );
}

#[test]
fn another_prefix_for_a_namespace_is_no_change() {
    let a = "<svg xmlns='urn:svg'><g id='x'><rect width='1'/></g></svg>";
    let b = "<svg:svg xmlns:svg='urn:svg'><svg:g id='x'><svg:rect width='1'/></svg:g></svg:svg>";
    for (a, b) in [(a, b), (b, a)] {
        let delta = compared(a, b, &plain());
        assert_eq!(
            (root_mark(&delta), delta.counts.changes),
            ("A=B", 0),
            "{}",
            delta.xml
        );
    }
    let delta = compared(a, b, &plain());
    assert!(
        delta.xml.contains(" deltaxml:prefixes=\"B=svg=urn:svg\""),
        "{}",
        delta.xml
    );
    // Attributes, a prefix that the other document uses for something else, and a namespace with two prefixes.
    let a = "<r xmlns:p='urn:1' xmlns:q='urn:2'><p:x p:k='1' q:k='2'/><q:y/></r>";
    let b = "<r xmlns:p='urn:2' xmlns:q='urn:1'><q:x q:k='1' p:k='3'/><p:y/></r>";
    compared(a, b, &plain());
    let b =
        "<r xmlns:a='urn:1' xmlns:b='urn:2' xmlns:c='urn:1'><a:x c:k='1' b:k='3'/><c:y/><b:y/></r>";
    compared(a, b, &plain());
    compared(b, a, &plain());
}

#[test]
fn different_roots_are_rejected_by_name() {
    let error = xml::compare("<a/>".into(), "<b xmlns='urn:b'/>".into(), &plain(), &())
        .expect_err("they differ");
    assert_eq!(error.kind, ErrorKind::DifferentRoots);
    assert!(error.message.contains("a and {urn:b}b"), "{error}");
}

#[test]
fn deltas_are_recovered_from_a_delta_of_deltas() {
    let first = compared("<r><a>x</a></r>", "<r><a>y</a></r>", &plain()).xml;
    let second = compared("<r><a>x</a></r>", "<r><a>z</a><b/></r>", &plain()).xml;
    // The outer marks have other prefixes, because the documents declare the usual ones.
    let third = xml::compare(first.clone().into(), second.clone().into(), &plain(), &())
        .expect("the comparison succeeds");
    recovered(&third, "A", &first);
    recovered(&third, "B", &second);
    let fourth = xml::compare(
        third.xml.clone().into(),
        first.clone().into(),
        &plain(),
        &(),
    )
    .expect("the comparison succeeds");
    recovered(&fourth, "A", &third.xml);
}

#[test]
fn order_directives_inside_compared_deltas_are_content() {
    let orderless = with(|matching| matching.unordered = vec!["/r".into()]);
    let a = "<r><i>1</i><i>2</i><x>3</x></r>";
    let inner = compared(a, "<r><x>3</x><i>2</i><i>1</i></r>", &orderless).xml;
    let other = compared(a, "<r><i>2</i></r>", &orderless).xml;
    let outer = xml::compare(inner.clone().into(), other.clone().into(), &plain(), &())
        .expect("the comparison succeeds");
    recovered(&outer, "A", &inner);
    recovered(&outer, "B", &other);
}

#[test]
fn order_directive_is_no_change() {
    let d = "xmlns:d='http://www.deltaxml.com/ns/well-formed-delta-v1'";
    let a = format!("<r {d}><l d:ordered='false'><i/><j/></l></r>");
    let b = a.replace(" d:ordered='false'", "");
    let delta = xml::compare(a.into(), b.into(), &plain(), &()).expect("the comparison succeeds");
    assert_eq!((root_mark(&delta), delta.counts.changes), ("A=B", 0));
}

#[test]
fn one_changed_word_marks_only_its_ancestors() {
    let row = |n: usize| format!("<row><name>name {n}</name><value>{}</value></row>\n", n * 7);
    let a = format!("<t>{}</t>", (0..5000).map(row).collect::<String>());
    let b = a.replace("name 2500<", "changed 2500<");
    let delta = compared(&a, &b, &plain());
    assert_eq!(delta.counts.changes, 1);
    assert_eq!(delta.xml.matches("A!=B").count(), 4);
}
