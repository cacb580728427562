//! Compares two XML documents and prints the delta, or an HTML page that shows the changes.
//!
//! ```sh
//! cargo run -p xml-delta --example compare -- old.xml new.xml > delta.xml
//! cargo run -p xml-delta --example compare -- old.xml new.xml page > delta.html
//! ```

use std::error::Error;

use xml_delta::{self as xml, CompareOptions, Limits, PageOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (old, new) = match &arguments[..] {
        [old, new] | [old, new, _] => (std::fs::read(old)?, std::fs::read(new)?),
        _ => return Err("usage: compare OLD NEW [page]".into()),
    };
    let delta = xml::compare(
        old.clone().into(),
        new.into(),
        &CompareOptions::default(),
        &(),
    )?;
    // The delta contains both versions completely.
    let back = xml::extract(delta.xml.clone().into(), "A", &Limits::default(), &())?;
    assert_eq!(
        xml::compare(old.into(), back.into(), &CompareOptions::default(), &())?
            .counts
            .changes,
        0
    );
    match arguments.get(2) {
        Some(_) => {
            let options = PageOptions {
                files: arguments[..2].to_vec(),
            };
            let page = xml::render_html(delta, &options, &Limits::default(), &())?;
            print!("{page}");
        }
        None => print!("{}", delta.xml),
    }
    Ok(())
}
