//! Parses a short document into nested elements, for reading requests and configuration.

use super::encoding::Source;
use super::error::{Error, ErrorKind};
use super::names::{NameId, Names};
use super::options::Limits;
use super::paths::Rules;
use super::prolog::Misc;
use super::read::{self, ReadOptions};
use super::tree::{Kind, Tree};

/// An element without prefixes, comments and processing instructions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// The local name.
    pub name: String,
    /// The attributes by local name, in document order, without namespace declarations.
    pub attributes: Vec<(String, String)>,
    /// The child elements.
    pub children: Vec<Element>,
    /// The text directly in the element, without leading and trailing white space.
    pub text: String,
}

/// Parses a document. Document type declarations are rejected, so there are no entities.
///
/// # Errors
/// [`ErrorKind::NotWellFormed`] if the document is not well-formed or has a document type declaration,
/// [`ErrorKind::OverLimit`] if it exceeds `limits`.
pub fn parse_elements(source: Source, limits: &Limits) -> Result<Element, Error> {
    let mut names = Names::new();
    let reading = ReadOptions {
        input: 0,
        limits,
        sink: &(),
        quote: false,
        rules: &Rules::default(),
        used_memory: 0,
        external_subset: None,
    };
    let tree = read::read(source, &mut names, &reading)?;
    if tree
        .prolog
        .iter()
        .any(|one| matches!(one, Misc::Doctype(_)))
    {
        let message = "A document type declaration is not allowed here.";
        return Err(Error::new(ErrorKind::NotWellFormed, message).for_input(0));
    }
    Ok(elements(&tree, &names))
}

fn elements(tree: &Tree, names: &Names) -> Element {
    let local = |name: NameId| names.str(names.get(name).local).to_owned();
    // The open elements, each with the number of the node after it. The first entry holds the root.
    let mut open = vec![(u32::MAX, Element::default())];
    for number in 0..tree.len() {
        let node = tree.node(number);
        close(&mut open, number);
        match node.kind() {
            Kind::Element(name) => {
                let attributes = tree.attributes(number).iter();
                let attributes =
                    attributes.map(|one| (local(one.name), tree.str(one.value).into()));
                let element = Element {
                    name: local(name),
                    attributes: attributes.collect(),
                    ..Element::default()
                };
                open.push((node.end, element));
            }
            Kind::Text => {
                if let Some((_, around)) = open.last_mut() {
                    around.text.push_str(tree.text(number));
                }
            }
            Kind::Comment | Kind::Instruction => {}
        }
    }
    close(&mut open, tree.len());
    let around = open.pop().map(|(_, around)| around.children);
    let root = around.and_then(|mut roots| roots.pop());
    root.expect("a well-formed document has a root element")
}

/// Closes the elements that end before this node.
fn close(open: &mut Vec<(u32, Element)>, number: u32) {
    while let Some((_, mut element)) = open.pop_if(|(end, _)| *end <= number) {
        let text = element.text.trim_matches([' ', '\t', '\n', '\r']);
        element.text = text.into();
        if let Some((_, around)) = open.last_mut() {
            around.children.push(element);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Element, ErrorKind> {
        let limits = Limits {
            depth: 4,
            ..Limits::default()
        };
        parse_elements(text.into(), &limits).map_err(|error| error.kind)
    }

    #[test]
    fn elements_have_attributes_text_and_children() {
        let read = read(
            "<?xml version='1.0'?><!-- one --><p:a xmlns:p='urn:p' xmlns:xsi='urn:x' xsi:type='file'>\n \
             <b> one <![CDATA[<two>]]>&#x21; </b><c/><?d?></p:a>",
        );
        let child = |name: &str, text: &str| Element {
            name: name.into(),
            text: text.into(),
            ..Element::default()
        };
        let expected = Element {
            name: "a".into(),
            attributes: vec![("type".into(), "file".into())],
            children: vec![child("b", "one <two>!"), child("c", "")],
            text: String::new(),
        };
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn document_types_and_malformed_documents_are_rejected() {
        for (text, code) in [
            ("<!DOCTYPE a><a/>", ErrorKind::NotWellFormed),
            (
                "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
                ErrorKind::NotWellFormed,
            ),
            ("<a>&b;</a>", ErrorKind::NotWellFormed),
            ("<a/><a/>", ErrorKind::NotWellFormed),
            ("<a b='1' b='2'/>", ErrorKind::NotWellFormed),
            ("", ErrorKind::NotWellFormed),
            ("<a><b><c><d><e/></d></c></b></a>", ErrorKind::OverLimit),
        ] {
            assert_eq!(read(text), Err(code), "{text}");
        }
    }
}
