//! Indents a document where that changes insignificant white space only.

use super::delta;
use super::encoding::Source;
use super::error::Error;
use super::names::{NameId, Scope};
use super::options::{Limits, Whitespace};
use super::progress::{Progress, ProgressSink, Step};
use super::prolog::Misc;
use super::tree::{Kind, Tree};
use super::write::Writer;
use super::{chars, vocabulary};

/// Spaces for each level.
const INDENT_SPACES: usize = 2;
/// Deeper levels are not indented further, to bound the size of deep documents.
const MAX_INDENT_DEPTH: usize = 64;
/// Number of nodes between two progress reports.
const PROGRESS_INTERVAL: u32 = 4096;

/// Indents a document. Elements with text, preserved white space or differing text stay unchanged.
pub(super) fn indent(
    document: Source,
    limits: &Limits,
    sink: &dyn ProgressSink,
) -> Result<String, Error> {
    let (tree, names) = delta::read_document(document, limits, sink)?;
    let mut indenter = Indenter {
        tree: &tree,
        out: Writer::new(names, Whitespace::Exact),
        open: Vec::new(),
    };
    indenter
        .out
        .raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    indenter.misc(&tree.prolog);
    indenter.run(sink)?;
    indenter.out.raw("\n");
    indenter.misc(&tree.epilog);
    Ok(indenter.out.text)
}

struct Indenter<'t> {
    tree: &'t Tree,
    out: Writer,
    open: Vec<Open>,
}

/// An element that is being written.
struct Open {
    name: NameId,
    end: u32,
    outer: Scope,
    /// Its children are on lines of their own.
    is_indented: bool,
}

impl Indenter<'_> {
    fn misc(&mut self, all: &[Misc]) {
        for one in all {
            self.out.misc(one);
            self.out.raw("\n");
        }
    }

    fn run(&mut self, sink: &dyn ProgressSink) -> Result<(), Error> {
        let total = self.tree.len();
        for number in 0..total {
            let progress = Progress {
                step: Step::Comparing,
                done: number.into(),
                total: total.into(),
            };
            if number.is_multiple_of(PROGRESS_INTERVAL) && sink.progress(progress).is_break() {
                return Err(Error::stopped());
            }
            self.node(number);
            self.close(number + 1);
        }
        Ok(())
    }

    fn node(&mut self, number: u32) {
        let is_indented = self.open.last().is_none_or(|open| open.is_indented);
        let node = self.tree.node(number);
        if is_indented && !self.open.is_empty() {
            if node.is_text() {
                return;
            }
            self.line(self.open.len());
        }
        let Kind::Element(name) = node.kind() else {
            return self.out.node(self.tree, number);
        };
        let outer = self.out.scope;
        self.out.start(self.tree, number, name, "");
        if node.end == number + 1 {
            self.out.raw("/>");
            self.out.scope = outer;
            return;
        }
        self.out.raw(">");
        self.open.push(Open {
            name,
            end: node.end,
            outer,
            is_indented: is_indented && self.may_be_indented(number, name),
        });
    }

    /// Closes the elements that end before this node.
    fn close(&mut self, number: u32) {
        while let Some(open) = self.open.pop_if(|open| open.end == number) {
            if open.is_indented {
                self.line(self.open.len());
            }
            self.out.close(open.name, open.outer);
        }
    }

    fn line(&mut self, depth: usize) {
        let spaces = INDENT_SPACES * depth.min(MAX_INDENT_DEPTH);
        self.out.raw(&format!("\n{:spaces$}", ""));
    }

    /// Whether white space in an element is insignificant.
    fn may_be_indented(&self, number: u32, name: NameId) -> bool {
        let node = self.tree.node(number);
        if node.is_mixed() || node.is_preserved() || self.is_mark(name) {
            return false;
        }
        let mut has_elements = false;
        for child in self.tree.children(number) {
            match self.tree.node(child).kind() {
                Kind::Text if chars::is_blank(self.tree.text(child)) => {}
                // The `attributes` container is not content.
                Kind::Element(name)
                    if self.is_mark(name) && !self.is_called(name, "attributes") =>
                {
                    return false;
                }
                Kind::Element(_) => has_elements = true,
                Kind::Text => return false,
                Kind::Comment | Kind::Instruction => {}
            }
        }
        has_elements
    }

    fn is_mark(&self, name: NameId) -> bool {
        let names = &self.out.names;
        vocabulary::is_delta(names.str(names.get(name).uri))
    }

    fn is_called(&self, name: NameId, local: &str) -> bool {
        let names = &self.out.names;
        names.str(names.get(name).local) == local
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CompareOptions;

    #[test]
    fn elements_are_indented_where_white_space_is_insignificant() {
        let check = |text: &str, expected: &str| {
            let indented = indent(text.into(), &Limits::default(), &()).expect("it is well-formed");
            let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
            assert_eq!(indented, format!("{head}{expected}\n"), "{text}");
            let again = indent(indented.clone().into(), &Limits::default(), &());
            assert_eq!(again, Ok(indented), "it stays as it is");
        };
        check("<a/>", "<a/>");
        check(
            "<a><b/> <c>\n<!--d--><e x='1'/></c></a>",
            "\
<a>
  <b/>
  <c>
    <!--d-->
    <e x=\"1\"/>
  </c>
</a>",
        );
        check("<a>x <b><c/></b></a>", "<a>x <b><c/></b></a>");
        check("<a> </a>", "<a> </a>");
        check(
            "<a xml:space='preserve'><b/></a>",
            "<a xml:space=\"preserve\"><b/></a>",
        );
        check(
            "<p:a xmlns:p='urn:p'><p:b xmlns='urn:q'><c/></p:b></p:a>",
            "\
<p:a xmlns:p=\"urn:p\">
  <p:b xmlns=\"urn:q\">
    <c/>
  </p:b>
</p:a>",
        );
        check(
            "<!--x--><a><b/></a><?y z?>",
            "<!--x-->\n<a>\n  <b/>\n</a>\n<?y z?>",
        );
    }

    #[test]
    fn differing_content_is_not_indented() {
        let (old, new) = (
            "<r><p x='1'>one <b/></p><q><!--a--></q></r>",
            "<r><p x='2'>two <b/></p><q><!--b--></q></r>",
        );
        let delta = crate::compare(old.into(), new.into(), &CompareOptions::default(), &());
        let delta = delta.expect("they can be compared").xml;
        let indented = indent(delta.into(), &Limits::default(), &()).expect("it is well-formed");
        assert!(
            indented.contains("\n  <p deltaxml:deltaV2=\"A!=B\"><deltaxml:attributes "),
            "{indented}"
        );
        for (version, expected) in [("A", old), ("B", new)] {
            let found = crate::extract(indented.clone().into(), version, &Limits::default(), &());
            let found: String = found
                .expect("it is a delta")
                .replace('\n', "")
                .replace("  ", "");
            let expected = expected.replace('\'', "\"");
            assert!(found.ends_with(&expected), "{found}");
        }
    }
}
