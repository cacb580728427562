//! Document types, entities of unread declarations, and what is outside the root element.

use xml_delta::{self as xml, CompareOptions, Delta, Limits, MergeForm, MergeOptions, PageOptions};

use super::named;

fn compare(a: &str, b: &str) -> Delta {
    xml::compare(a.into(), b.into(), &CompareOptions::default(), &())
        .expect("the comparison succeeds")
}

fn extract(delta: &Delta, version: &str) -> String {
    xml::extract(delta.xml.clone().into(), version, &Limits::default(), &())
        .unwrap_or_else(|error| panic!("{error} in\n{}", delta.xml))
}

fn merge(base: &str, anna: &str, ben: &str, form: MergeForm) -> Delta {
    let versions = named(&[("base", base), ("anna", anna), ("ben", ben)]);
    let options = MergeOptions {
        form,
        ..MergeOptions::default()
    };
    xml::merge(versions, &options, &()).expect("the merge succeeds")
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

#[test]
fn shared_document_type_is_kept() {
    let doctype = "<!DOCTYPE doc SYSTEM \"doc.dtd\" [<!ENTITY e 'x'>]>";
    let document = |text: &str| format!("{doctype}\n<doc>{text}</doc>");
    let (base, anna, ben) = (
        document("<p>one</p><p>two</p>"),
        document("<p>1</p><p>two</p>"),
        document("<p>one</p><p>2</p>"),
    );
    let merged = merge(&base, &anna, &ben, MergeForm::Merged);
    let expected = format!("{DECLARATION}{}\n", document("<p>1</p><p>2</p>"));
    assert_eq!((merged.xml, merged.counts.conflicts), (expected, 0));
    let delta = merge(&base, &anna, &ben, MergeForm::Delta);
    assert_eq!(extract(&delta, "ben"), format!("{DECLARATION}{ben}\n"));
    assert_eq!(
        extract(&compare(&base, &anna), "A"),
        format!("{DECLARATION}{base}\n")
    );
}

#[test]
fn different_document_types_are_one_change_and_recovered() {
    let a = "<!--c-->\n<!DOCTYPE r SYSTEM \"a\">\n<r/>\n";
    let b = "<!--c-->\n<!DOCTYPE r SYSTEM \"b\">\n<r/>\n";
    let delta = compare(a, b);
    assert_eq!(delta.counts.changes, 1);
    for (name, version) in [("A", a), ("B", b)] {
        assert_eq!(extract(&delta, name), format!("{DECLARATION}{version}"));
    }
    let merged = merge(a, b, a, MergeForm::Merged);
    assert_eq!(merged.xml, format!("{DECLARATION}{b}"));
    let none = "<!--c-->\n<r/>\n";
    let merged = merge(a, b, none, MergeForm::Merged);
    assert_eq!(
        (merged.xml, merged.counts.conflicts > 0),
        (merged_with_metadata(a), true)
    );
}

/// A merged document whose conflict cannot be marked: the ancestor's document type, and metadata on the root.
fn merged_with_metadata(base: &str) -> String {
    let delta = "http://www.deltaxml.com/ns/well-formed-delta-v1";
    let plain = "http://www.deltaxml.com/ns/non-namespaced-attribute";
    let xml = "http://www.deltaxml.com/ns/xml-namespaced-attribute";
    let metadata = format!(
        "<r xmlns:deltaxml=\"{delta}\" xmlns:dxa=\"{plain}\" xmlns:dxx=\"{xml}\" deltaxml:version=\"2.0\" \
         deltaxml:content-type=\"merge-concurrent\" deltaxml:version-order=\"base, anna, ben\"/>"
    );
    DECLARATION.to_owned() + &base.replace("<r/>", &metadata)
}

#[test]
fn entities_of_a_supplied_dtd_are_expanded() {
    let dtd = r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- Characters: <!ENTITY no "no"> -->
<!ENTITY % HTMLlat1 PUBLIC "-//W3C//ENTITIES Latin 1" "lat1.ent">
%HTMLlat1;
<!ENTITY % include "INCLUDE"><!ENTITY % model "(#PCDATA)*">
<!ELEMENT p %model;><!ATTLIST p t CDATA "a > b">
<![%include;[<!ENTITY nbsp "&#160;">
<![IGNORE[<!ENTITY nbsp "wrong"> <![INCLUDE[ ]]> ]]>
]]>
<!ENTITY % more '<!ENTITY two "%model; 100&#37;">'>
%more;
<!ENTITY own "external">"#;
    let document = |internal: &str, text: &str| {
        format!("<!DOCTYPE p SYSTEM \"p.dtd\" [{internal}]><p>{text}</p>")
    };
    let compare = |a: &str, b: &str, dtd: &str| {
        let mut options = CompareOptions::default();
        options.matching.external_subset = Some(dtd.to_owned());
        xml::compare(a.into(), b.into(), &options, &())
    };
    let text = |internal: &str, text: &str, same: &str| {
        let (a, b) = (document(internal, text), document(internal, same));
        let delta = compare(&a, &b, dtd).expect("the comparison succeeds");
        assert_eq!(delta.counts.changes, 0, "{}", delta.xml);
    };
    text("", "a&nbsp;b", "a\u{a0}b");
    text("", "&two;", "(#PCDATA)* 100%");
    // The internal subset takes precedence, and unknown entities are kept.
    text("<!ENTITY own 'internal'>", "&own;", "internal");
    text("", "&unknown;", "&unknown;");
    let a = document("", "&own;");
    for wrong in ["x", "<!ENTITY a", "<![INCLUDE", "<!ENTITY a '&;'>", "<!-- "] {
        let error = compare(&a, &a, wrong).expect_err(wrong);
        assert_eq!(
            error.kind,
            xml::ErrorKind::NotWellFormed,
            "{wrong}: {error}"
        );
    }
    let bomb = format!(
        "<!ENTITY % a '{}'>{}",
        "<!-- -->".repeat(1000),
        "%a;".repeat(2000)
    );
    let error = compare(&a, &a, &bomb).expect_err("too long");
    assert_eq!(error.kind, xml::ErrorKind::OverLimit);
    let loops = "<!ENTITY % a '&#37;a;'>%a;";
    assert_eq!(
        compare(&a, &a, loops).expect_err("a loop").kind,
        xml::ErrorKind::OverLimit
    );
}

#[test]
fn entities_of_unread_declarations_are_kept() {
    let doctype =
        "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \"xhtml1-strict.dtd\">";
    let document = |text: &str| format!("{doctype}\n<html><p t=\"&eacute;\">{text}</p></html>\n");
    let (a, b) = (
        document("a&nbsp;b &mdash; c &eacute;"),
        document("a&nbsp;b &mdash; d"),
    );
    let delta = compare(&a, &b);
    for (name, version) in [("A", &a), ("B", &b)] {
        assert_eq!(extract(&delta, name), format!("{DECLARATION}{version}"));
    }
    assert!(
        delta.xml.contains("a&nbsp;b &mdash; <deltaxml:textGroup"),
        "{}",
        delta.xml
    );
    let page =
        xml::render_html(delta, &PageOptions::default(), &Limits::default(), &()).expect("a page");
    assert!(page.contains("a\\u0026nbsp;b"), "{page}");
    // Also in an unread parameter entity, and where only one version needs its document type.
    let c = "<!DOCTYPE html [%p;]>\n<html><p>&x;</p></html>\n".to_owned();
    let delta = compare(&a, &c);
    for (name, version) in [("A", &a), ("B", &c)] {
        assert_eq!(extract(&delta, name), format!("{DECLARATION}{version}"));
    }
    let standalone = format!("<?xml version='1.0' standalone='yes'?>{a}");
    let options = CompareOptions::default();
    let error = xml::compare(standalone.into(), b.into(), &options, &()).expect_err("not declared");
    assert!(error.message.contains("eacute is not declared"), "{error}");
}

#[test]
fn changes_outside_the_root_are_counted_and_recovered() {
    let a = "<?pi one?>\n<!-- before -->\n<d>t</d>\n<!-- after -->\n<?end?>\n";
    let b = "<?pi two?>\n<!-- before2 -->\n<d>t</d>\n<!-- after -->\n";
    let delta = compare(a, b);
    assert_eq!(delta.counts.changes, 3, "{}", delta.xml);
    for (name, version) in [("A", a), ("B", b)] {
        assert_eq!(extract(&delta, name), format!("{DECLARATION}{version}"));
    }
    // A delta of deltas, and an instruction that looks like a mark.
    let outer = compare(&delta.xml, "<?deltaxml-misc x?>\n<d/>\n");
    assert_eq!(extract(&outer, "A"), delta.xml);
    let b = extract(&outer, "B");
    assert!(
        b.starts_with(&format!("{DECLARATION}<?deltaxml-misc x?>\n<d ")),
        "{b}"
    );
}

#[test]
fn additions_and_deletions_outside_the_root_are_merged() {
    let base = "<!--one-->\n<!--two-->\n<r/>\n";
    let anna = "<!--one-->\n<?new?>\n<!--two-->\n<r/>\n<!--end-->\n";
    let ben = "<!--two-->\n<r/>\n";
    let merged = merge(base, anna, ben, MergeForm::Merged);
    let expected = "<?new?>\n<!--two-->\n<r/>\n<!--end-->\n";
    assert_eq!(merged.xml, format!("{DECLARATION}{expected}"));
}

#[test]
fn invalid_marks_outside_the_root_are_rejected() {
    let delta = compare("<!--a-->\n<r/>", "<r/>").xml;
    for data in [
        "&lt;r/&gt;",
        "text",
        "",
        "&lt;!--a--&gt;&lt;!--b--&gt;",
        "&x;",
    ] {
        let wrong = delta.replace("&lt;!--a--&gt;", data);
        let error = xml::extract(wrong.into(), "A", &Limits::default(), &()).expect_err(data);
        assert_eq!(error.kind, xml::ErrorKind::NotADelta, "{data}");
    }
}
