//! The HTML page.

use xml_delta::{self as xml, CompareOptions, Limits};

use super::{compared, merged};

#[test]
fn page_shows_deletions_and_additions() {
    let delta = compared(
        "<r k='1'><p>one &lt; two</p><gone/></r>",
        "<r k='2'><p>one &lt; 2</p></r>",
        &CompareOptions::default(),
    );
    let page = xml::render_html(delta.xml, &Limits::default(), &()).expect("a page");
    let content = page
        .split_once("<main>")
        .expect("content")
        .1
        .split_once("</main>")
        .expect("its end")
        .0;
    let expected = "<i>&lt;r</i> <span class=\"change\">k=\"<del class=\"text\">1</del><ins class=\"text\">2</ins>\"</span><i>&gt;</i>\
                    <i>&lt;p</i><i>&gt;</i>one &lt; <span class=\"change\"><del class=\"text\">two</del><ins class=\"text\">2</ins></span>\
                    <i>&lt;/p&gt;</i><del class=\"change\"><i>&lt;gone</i><i>/&gt;</i></del><i>&lt;/r&gt;</i>";
    assert_eq!(content, expected);
    // The page loads nothing.
    assert!(
        !page.contains("http://") && !page.contains("https://"),
        "{page}"
    );
}

#[test]
fn page_escapes_document_content() {
    let delta = compared(
        "<r/>",
        "<r a='&lt;script>'>&lt;script>CONTENT<!--<script>--></r>",
        &CompareOptions::default(),
    );
    let page = xml::render_html(delta.xml, &Limits::default(), &()).expect("a page");
    assert_eq!(page.matches("<script>").count(), 1, "{page}");
}

#[test]
fn page_of_a_merge_names_versions() {
    let versions = [
        ("base", "<r>x</r>"),
        ("anna", "<r>y</r>"),
        ("ben", "<r>x</r>"),
    ];
    let page = xml::render_html(
        merged(&versions, &xml::MergeOptions::default()).xml,
        &Limits::default(),
        &(),
    )
    .expect("a page");
    assert!(
        page.contains(
            "<del class=\"text\"><b>base=ben</b>x</del><ins class=\"text\"><b>anna</b>y</ins>"
        ),
        "{page}"
    );
}
