//! Random documents and random changes.

use std::collections::BTreeMap;
use std::fmt::Write;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

#[derive(Debug, Clone)]
pub(super) enum Node {
    Element {
        name: &'static str,
        attributes: BTreeMap<&'static str, String>,
        children: Vec<Node>,
    },
    Text(String),
    Data(String),
    Comment(String),
    Instruction(String),
}

/// A change to a document: the element, the child and the action.
#[derive(Debug, Clone)]
pub(super) struct Edit {
    element: usize,
    child: usize,
    action: Action,
}

#[derive(Debug, Clone)]
enum Action {
    Insert(Node),
    Delete,
    Double,
    SwapWithNext,
    Wrap,
    Rewrite(String),
    SetAttribute(&'static str, String),
    DropAttributes,
}

/// Prefixes that are declared on the root and rebound inside; one is bound to the delta namespace.
const NAMES: [&str; 8] = [
    "a",
    "b",
    "item",
    "p:x",
    "q:y",
    "p:a",
    "d:text",
    "d:textGroup",
];
const ATTRIBUTES: [&str; 9] = [
    "id",
    "name",
    "k",
    "p:k",
    "xml:space",
    "xml:lang",
    "xmlns",
    "xmlns:p",
    "d:deltaV2",
];
const WORDS: [&str; 14] = [
    "one",
    "two",
    " ",
    "  ",
    "\n",
    "\n  ",
    ",",
    "&",
    "<",
    "]]>",
    "\r",
    "ä",
    "three four five",
    "日本",
];

fn text() -> impl Strategy<Value = String> {
    vec(select(&WORDS[..]), 0..8).prop_map(|words| words.concat())
}

fn value(name: &'static str) -> BoxedStrategy<String> {
    match name {
        "xml:space" => select(&["preserve", "default"][..])
            .prop_map(str::to_owned)
            .boxed(),
        "xmlns" => select(&["", "urn:1", "urn:2"][..])
            .prop_map(str::to_owned)
            .boxed(),
        "xmlns:p" => select(&["urn:1", "urn:2"][..])
            .prop_map(str::to_owned)
            .boxed(),
        "d:deltaV2" => select(&["A=B", "A!=B", "A"][..])
            .prop_map(str::to_owned)
            .boxed(),
        _ => select(&["", "1", "2", "x y", "a\"b<&\n\t\r'"][..])
            .prop_map(str::to_owned)
            .boxed(),
    }
}

fn attribute() -> impl Strategy<Value = (&'static str, String)> {
    select(&ATTRIBUTES[..]).prop_flat_map(|name| (Just(name), value(name)))
}

fn attributes() -> impl Strategy<Value = BTreeMap<&'static str, String>> {
    vec(attribute(), 0..3).prop_map(|all| all.into_iter().collect())
}

fn leaf() -> impl Strategy<Value = Node> {
    prop_oneof![
        6 => text().prop_map(Node::Text),
        1 => text().prop_map(|text| Node::Data(text.replace("]]>", "").replace('\r', ""))),
        1 => select(&["c", "", " x ", "a - b"][..]).prop_map(|text| Node::Comment(text.to_owned())),
        1 => select(&["p", "p x", "q a?b"][..]).prop_map(|text| Node::Instruction(text.to_owned())),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    leaf().prop_recursive(5, 48, 6, |inner| {
        (select(&NAMES[..]), attributes(), vec(inner, 0..6)).prop_map(
            |(name, attributes, children)| Node::Element {
                name,
                attributes,
                children,
            },
        )
    })
}

/// A document's root element.
pub(super) fn document() -> impl Strategy<Value = Node> {
    (
        btree_map(select(&["id", "k", "xml:lang"][..]), text(), 0..2),
        vec(node(), 0..7),
    )
        .prop_map(|(attributes, children)| Node::Element {
            name: "root",
            attributes: attributes
                .into_iter()
                .map(|(name, text)| (name, text.replace('\r', "")))
                .collect(),
            children,
        })
}

/// Random changes.
pub(super) fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let action = prop_oneof![
        3 => node().prop_map(Action::Insert),
        2 => Just(Action::Delete),
        1 => Just(Action::Double),
        2 => Just(Action::SwapWithNext),
        1 => Just(Action::Wrap),
        3 => text().prop_map(Action::Rewrite),
        2 => attribute().prop_map(|(name, value)| Action::SetAttribute(name, value)),
        1 => Just(Action::DropAttributes),
    ];
    let edit = (any::<usize>(), any::<usize>(), action).prop_map(|(element, child, action)| Edit {
        element,
        child,
        action,
    });
    vec(edit, 0..5)
}

/// Applies changes.
pub(super) fn edited(document: &Node, edits: &[Edit]) -> Node {
    let mut document = document.clone();
    for edit in edits {
        let mut left = edit.element % count(&document);
        apply(&mut document, &mut left, edit);
    }
    document
}

fn count(node: &Node) -> usize {
    match node {
        Node::Element { children, .. } => 1 + children.iter().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// Finds the element to change; returns whether it was found.
fn apply(node: &mut Node, left: &mut usize, edit: &Edit) -> bool {
    let Node::Element {
        name,
        attributes,
        children,
    } = node
    else {
        return false;
    };
    if *left > 0 {
        *left -= 1;
        return children.iter_mut().any(|child| apply(child, left, edit));
    }
    let at = edit.child % children.len().max(1);
    match &edit.action {
        Action::Insert(new) => children.insert(at, new.clone()),
        // The root keeps its name and its declarations.
        Action::SetAttribute(changed, value)
            if *name != "root" || !changed.starts_with("xmlns") =>
        {
            attributes.insert(changed, value.clone());
        }
        Action::DropAttributes => attributes.clear(),
        _ if children.is_empty() => {}
        Action::Delete => drop(children.remove(at)),
        Action::Double => children.insert(at, children[at].clone()),
        Action::SwapWithNext => {
            let next = (at + 1) % children.len();
            children.swap(at, next);
        }
        Action::Wrap => {
            let inner = children.remove(at);
            children.insert(
                at,
                Node::Element {
                    name: "b",
                    attributes: BTreeMap::new(),
                    children: vec![inner],
                },
            );
        }
        Action::Rewrite(text) => children[at] = Node::Text(text.clone()),
        Action::SetAttribute(..) => {}
    }
    true
}

/// The document's text.
pub(super) fn written(node: &Node) -> String {
    let mut out = String::new();
    write_node(&mut out, node);
    out
}

fn escaped(text: &str) -> String {
    let pairs = [
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ("\"", "&quot;"),
        ("\r", "&#13;"),
    ];
    pairs
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn write_node(out: &mut String, node: &Node) {
    match node {
        Node::Text(text) => out.push_str(&escaped(text)),
        Node::Data(text) => write!(out, "<![CDATA[{text}]]>").expect("a string"),
        Node::Comment(text) => write!(out, "<!--{text}-->").expect("a string"),
        Node::Instruction(text) => write!(out, "<?{text}?>").expect("a string"),
        Node::Element {
            name,
            attributes,
            children,
        } => {
            write!(out, "<{name}").expect("a string");
            if *name == "root" {
                let d = "http://www.deltaxml.com/ns/well-formed-delta-v1";
                write!(out, " xmlns:p=\"urn:1\" xmlns:q=\"urn:3\" xmlns:d=\"{d}\"")
                    .expect("a string");
            }
            for (name, value) in attributes {
                let value = escaped(value).replace('\n', "&#10;").replace('\t', "&#9;");
                write!(out, " {name}=\"{value}\"").expect("a string");
            }
            out.push('>');
            for child in children {
                write_node(out, child);
            }
            write!(out, "</{name}>").expect("a string");
        }
    }
}
