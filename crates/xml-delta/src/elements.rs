//! A short document as elements inside of each other, for whoever wants what it says and not how it is written.

use super::encoding::Source;
use super::error::{Error, ErrorKind};
use super::names::{NameId, Names};
use super::options::Limits;
use super::paths::Rules;
use super::read::{self, Reading};
use super::tree::{Kind, Tree};

/// An element without prefixes, comments and processing instructions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Its local name.
    pub name: String,
    /// Its attributes by their local names, in order; no declarations of namespaces.
    pub attributes: Vec<(String, String)>,
    /// The elements in it.
    pub children: Vec<Element>,
    /// The text that is in it but in none of them, without white space around it.
    pub text: String,
}

/// Reads a document that has no document type, so that nothing in it stands for anything else.
///
/// # Errors
/// [`Code::NotWellFormed`] and [`Code::OverLimit`].
pub fn parse_elements(source: Source, limits: &Limits) -> Result<Element, Error> {
    let mut names = Names::new();
    let reading = Reading {
        input: 0,
        limits,
        sink: &(),
        quote: false,
        rules: &Rules::default(),
    };
    let tree = read::read(source, &mut names, &reading)?;
    if tree.has_doctype {
        let message = "A document type declaration is not allowed here.";
        return Err(Error::new(ErrorKind::NotWellFormed, message).of_input(0));
    }
    Ok(elements(&tree, &names))
}

fn elements(tree: &Tree, names: &Names) -> Element {
    let local = |name: NameId| names.str(names.get(name).local).to_owned();
    // Those that are open, each with the number of the node after it; the document itself is around them all.
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
    root.expect("what is well-formed has a root element")
}

/// Puts the elements that end before the node of this number into those around them.
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
    fn elements_are_what_they_say() {
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
    fn what_stands_for_something_else_is_refused() {
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
