//! The page around the lines.

use super::lines::{Lines, Owner, PieceKind};
use super::walk::Walk;
use crate::delta::{self, MarkedMisc, ParsedDelta, names_in};
use crate::error::Error;
use crate::options::{Limits, PageOptions};
use crate::progress::ProgressSink;
use crate::prolog::Misc;
use crate::versions::Delta;

const TEMPLATE: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("page.js");
const STYLE: &str = include_str!("page.css");

/// Renders a page.
pub(crate) fn render(
    delta: Delta,
    options: &PageOptions,
    limits: &Limits,
    sink: &dyn ProgressSink,
) -> Result<String, Error> {
    let conflicts = delta.conflict_offsets;
    let ParsedDelta {
        tree,
        names,
        delta_names,
    } = delta::read(delta.xml.into(), limits, sink)?;
    let mark = delta_names.mark(&tree, &names, 0).unwrap_or_default();
    let versions: Vec<&str> = names_in(mark).collect();
    let mut lines = Lines::default();
    misc(&mut lines, &tree.prolog, limits);
    let mut walk = Walk::new(&tree, &names, &delta_names, &versions, &conflicts, lines);
    walk.run(sink)?;
    let mut lines = walk.lines;
    misc(&mut lines, &tree.epilog, limits);
    let data = lines.finish(&versions, &options.files);
    // Each part is inserted once, so that content cannot be taken for a placeholder.
    let mut page = String::with_capacity(data.len() + TEMPLATE.len() + SCRIPT.len() + STYLE.len());
    for part in TEMPLATE.split("<!--") {
        let (name, rest) = part.split_once("-->").unwrap_or(("", part));
        page.push_str(match name {
            "style" => STYLE,
            "data" => &data,
            "script" => SCRIPT,
            _ => "",
        });
        page.push_str(rest);
    }
    Ok(page)
}

/// Adds comments, processing instructions and the document type outside the root element.
fn misc(lines: &mut Lines, all: &[Misc], limits: &Limits) {
    for one in all {
        let marked = MarkedMisc::parse(one, limits);
        let (misc, owner) = match &marked {
            None => (one, Owner::ALL),
            Some(marked) => {
                let label = "outside the root element";
                let change = lines.add_change(label, true, (false, false));
                let group = Some(lines.group(&marked.versions));
                (&marked.misc, Owner { group, change })
            }
        };
        let text = match misc {
            Misc::Comment(text) => format!("<!--{text}-->"),
            Misc::Instruction(text) => format!("<?{text}?>"),
            Misc::Doctype(text) => text.clone(),
        };
        lines.begin(0, owner);
        lines.push(PieceKind::Comment, owner, &text);
    }
}
