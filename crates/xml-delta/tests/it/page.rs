//! The HTML page.

use xml_delta::{self as xml, CompareOptions, Delta, Limits, MergeOptions, PageOptions};

use super::{compared, merged};

fn page(delta: Delta) -> String {
    let options = PageOptions {
        files: vec!["old <1>.xml".into(), "new.xml".into()],
    };
    xml::render_html(delta, &options, &Limits::default(), &()).expect("a page")
}

/// The data of a page, with `<`, `>` and `&` as they are.
fn data(page: &str) -> String {
    let (_, rest) = page.split_once("id=\"data\">").expect("data");
    let data = rest.split("</script>").next().expect("its end");
    let pairs = [
        ("\\u003c", "<"),
        ("\\u003e", ">"),
        ("\\u0026", "&"),
        ("\\\"", "'"),
    ];
    pairs
        .iter()
        .fold(data.to_owned(), |data, (from, to)| data.replace(from, to))
}

#[test]
fn page_has_lines_and_changes() {
    let delta = compared(
        "<r k='1'><p>one &lt; two</p><gone><a/></gone></r>",
        "<r k='2'><p>one &lt; 2</p></r>",
        &CompareOptions::default(),
    );
    let page = page(delta);
    let expected = "{\"versions\":[\"A\",\"B\"],\"files\":[\"old <1>.xml\",\"new.xml\"],\"groups\":[[0],[1]],\
                    \"changes\":[[0,0],[1,0],[2,0]],\"labels\":[\"k\",\"text: 2\",\"<gone>\"],\"lines\":[\n\
                    [0,-1,0,[1,-1,0,\"<r\"],[0,0,1,\" k='1'\"],[0,1,1,\" k='2'\"],[1,-1,0,\">\"]],\n\
                    [1,-1,0,[1,-1,0,\"<p\"],[1,-1,0,\">\"],\"one < \",[0,0,2,\"two\"],[0,1,2,\"2\"],[1,-1,0,\"</p>\"]],\n\
                    [1,0,3,[1,0,3,\"<gone\"],[1,0,3,\">\"]],\n\
                    [2,0,3,[1,0,3,\"<a\"],[1,0,3,\"/>\"]],\n\
                    [1,0,3,[1,0,3,\"</gone>\"]],\n\
                    [0,-1,0,[1,-1,0,\"</r>\"]]\n]}";
    assert_eq!(data(&page), expected);
    // The page loads nothing.
    assert!(
        !page.contains("http://") && !page.contains("https://"),
        "{page}"
    );
}

#[test]
fn page_escapes_document_content_and_version_names() {
    let text = "<r a='&lt;script>'>&lt;/script>&lt;!--script--&gt; CONTENT<!--<script>--></r>";
    let delta = compared("<r/>", text, &CompareOptions::default());
    let page = page(delta);
    assert_eq!(page.matches("</script>").count(), 2, "{page}");
    assert_eq!(page.matches("<!--").count(), 0, "{page}");
    let versions = [("CONTENT", "<r>x</r>"), ("FIRST</script>", "<r>y</r>")];
    let versions = [versions[0], ("OTHERS", versions[1].1)];
    let page = self::page(merged(&versions, &MergeOptions::default()));
    assert!(
        data(&page).starts_with("{\"versions\":[\"CONTENT\",\"OTHERS\"]"),
        "{page}"
    );
}

#[test]
fn page_of_a_merge_flags_conflicts_and_white_space() {
    let versions = [
        ("base", "<r k='1'><p>x</p><q/></r>"),
        ("anna", "<r k='2'><p>y</p>\n<q/></r>"),
        ("ben", "<r k='3'><p>x</p><q/></r>"),
    ];
    let page = data(&page(merged(&versions, &MergeOptions::default())));
    assert!(page.contains("\"changes\":[[0,1],[1,0],[2,2]]"), "{page}");
    assert!(
        page.contains("\"labels\":[\"k\",\"text: y\",\"white space\"]"),
        "{page}"
    );
}
