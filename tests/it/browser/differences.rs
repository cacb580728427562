//! The page that shows differences, in a real browser.

use serde_json::{Value, json};

use super::page::Page;
use crate::harness::{Server, Site};

/// Compares or merges documents and opens the page of the result from a file.
fn open(site: &Site, server: &Server, operation: &str, mut params: Value) -> Option<Page> {
    params["format"] = json!("html");
    let client = server.client();
    let path = format!("/v1/operations/{operation}");
    let accepted = client.post(&path, &params, 202).json();
    let id = accepted["id"].as_str().expect("an id");
    assert_eq!(client.ended(id)["status"], "succeeded");
    let page = client.get(&format!("/v1/downloads/{id}"), 200).body;
    site.write("page.html", &page);
    let file = site.docs().join("page.html");
    Page::open(&format!("file://{}", file.display()), server.address())
}

/// Goes through all changes, and checks that each is highlighted within the window.
fn step_through(page: &mut Page, expected: usize) {
    let noun = if expected == 1 { "change" } else { "changes" };
    page.until(&format!("place.textContent.endsWith('{expected} {noun}')"));
    for number in 1..=expected {
        page.click("#next");
        let is_there = "(() => { const one = view.querySelector('.now')?.getBoundingClientRect();
                        return Boolean(one) && one.bottom > 0 && one.top < innerHeight; })()";
        page.until(&format!(
            "place.textContent === '{number} of {expected} {noun}' && {is_there}"
        ));
    }
}

#[test]
fn page_steps_through_all_changes() {
    let site = Site::new();
    let item = |n: u32, text: &str| {
        format!(" <item n='{n}'>\n  <p>Words of item {n}: {text}</p>\n </item>\n")
    };
    let list = |changed: &dyn Fn(u32) -> bool| -> String {
        let items = (0..2000).map(|n| item(n, if changed(n) { "changed" } else { "same" }));
        format!("<list>\n{}</list>", items.collect::<String>())
    };
    let added = format!(
        "{}<new><a/><b/></new>\n</list>",
        list(&|n| n % 40 == 0).trim_end_matches("</list>")
    );
    site.write("old <b>.xml", list(&|_| false).as_bytes());
    site.write("new.xml", added.as_bytes());
    let server = site.serve();
    let params = json!({ "a": "/docs/old <b>.xml", "b": "/docs/new.xml" });
    let Some(mut page) = open(&site, &server, "compare", params) else {
        return;
    };
    // Fifty texts, and one element with its content.
    step_through(&mut page, 51);
    assert_eq!(
        page.ask("document.getElementById('key').textContent"),
        "old <b>.xmlnew.xml"
    );
    assert!(page.ask("view.querySelectorAll('.line').length").as_u64() < Some(3000));
    page.click("#side");
    step_through(&mut page, 51);
    assert_eq!(page.ask("view.querySelectorAll('.row').length > 0"), true);
    // The white space around the new element is folded.
    page.click("#space");
    page.until("shown.length === 52");
    page.click("#changes button:nth-child(3)");
    page.until("place.textContent === '3 of 52 changes'");
    // Folded lines can be opened.
    let before = page.ask("view.querySelectorAll('.line').length");
    page.click(".fold");
    assert!(page.ask("view.querySelectorAll('.line').length").as_u64() > before.as_u64());
    assert!(page.errors().is_empty(), "{:?}", page.errors());
    drop(page);
    server.stop();
}

#[test]
fn page_of_a_merge_can_show_only_conflicts() {
    let site = Site::new();
    let server = site.serve();
    let version = |name: &str, text: &str| json!({ "type": "inline", "name": name, "value": text });
    let params = json!({ "versions": [
        version("CONTENT", "<r k='1'><p>x</p><q/></r>"),
        version("anna", "<r k='2'><p>y</p><q/></r>"),
        version("ben", "<r k='3'><p>x</p><q/></r>"),
    ] });
    let Some(mut page) = open(&site, &server, "merge", params) else {
        return;
    };
    step_through(&mut page, 2);
    page.click("#conflicts");
    step_through(&mut page, 1);
    assert_eq!(
        page.ask("view.querySelector('.now .owner').textContent"),
        "CONTENT"
    );
    assert!(page.errors().is_empty(), "{:?}", page.errors());
    drop(page);
    server.stop();
}
