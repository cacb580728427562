//! A tree that is rendered as XML or JSON. Members keep their order, and lists have a name for each format.

use quick_xml::escape::{escape, partial_escape};
use serde_json::{Map, Value};

use crate::http::dialects::deltaxml::wire::Media;

/// The indentation of a nested element, in spaces.
const INDENT_SPACES: usize = 4;

/// A node of the tree.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Text(String),
    Number(u64),
    Object(Vec<Member>),
}

/// A member of an object.
#[derive(Debug, Clone)]
pub(crate) enum Member {
    /// An attribute in XML and an ordinary member in JSON.
    Attribute(&'static str, String),
    /// An element in XML and a member in JSON.
    Child(&'static str, Node),
    /// An element in XML, left out in JSON.
    XmlOnly(&'static str, Node),
    List(List),
}

/// A list of nodes.
#[derive(Debug, Clone)]
pub(crate) struct List {
    /// The name in XML of the element around the items.
    pub(crate) element: &'static str,
    /// The name in XML of each item.
    pub(crate) item: &'static str,
    /// The name in JSON of the list.
    pub(crate) key: &'static str,
    pub(crate) items: Vec<Node>,
}

impl Member {
    /// A member that is text.
    pub(crate) fn text(name: &'static str, text: impl Into<String>) -> Self {
        Self::Child(name, Node::Text(text.into()))
    }

    /// A member that is a number.
    pub(crate) fn number(name: &'static str, number: u64) -> Self {
        Self::Child(name, Node::Number(number))
    }
}

impl Node {
    /// Renders the tree. `root` is the name of the root element in XML.
    pub(crate) fn render(&self, media: Media, root: &str) -> String {
        match media {
            Media::Json => self.json().to_string(),
            Media::Xml => {
                let mut out = String::new();
                self.xml(&mut out, root, 0);
                out
            }
        }
    }

    fn json(&self) -> Value {
        let members = match self {
            Self::Text(text) => return Value::String(text.clone()),
            Self::Number(number) => return (*number).into(),
            Self::Object(members) => members,
        };
        let mut object = Map::new();
        for member in members {
            let (name, value) = match member {
                Member::XmlOnly(..) => continue,
                Member::Attribute(name, text) => (*name, text.clone().into()),
                Member::Child(name, node) => (*name, node.json()),
                Member::List(list) => (list.key, list.items.iter().map(Self::json).collect()),
            };
            object.insert(name.to_owned(), value);
        }
        Value::Object(object)
    }

    fn xml(&self, out: &mut String, name: &str, indent: usize) {
        let text = match self {
            Self::Text(text) => partial_escape(replace_illegal_chars(text)).into_owned(),
            Self::Number(number) => number.to_string(),
            Self::Object(members) => return object(out, name, members, indent),
        };
        out.push_str(&format!("{:indent$}<{name}>{text}</{name}>\n", ""));
    }
}

fn object(out: &mut String, name: &str, members: &[Member], indent: usize) {
    out.push_str(&format!("{:indent$}<{name}", ""));
    let mut is_empty = true;
    for member in members {
        if let Member::Attribute(name, value) = member {
            out.push_str(&format!(
                " {name}=\"{}\"",
                escape(replace_illegal_chars(value))
            ));
        } else {
            is_empty = false;
        }
    }
    if is_empty {
        return out.push_str("/>\n");
    }
    out.push_str(">\n");
    let inner = indent + INDENT_SPACES;
    for member in members {
        match member {
            Member::Attribute(..) => {}
            Member::Child(name, node) | Member::XmlOnly(name, node) => node.xml(out, name, inner),
            Member::List(list) if list.items.is_empty() => {
                out.push_str(&format!("{:inner$}<{}/>\n", "", list.element));
            }
            Member::List(list) => {
                out.push_str(&format!("{:inner$}<{}>\n", "", list.element));
                for item in &list.items {
                    item.xml(out, list.item, inner + INDENT_SPACES);
                }
                out.push_str(&format!("{:inner$}</{}>\n", "", list.element));
            }
        }
    }
    out.push_str(&format!("{:indent$}</{name}>\n", ""));
}

/// Replaces characters that XML 1.0 does not allow (production 2).
fn replace_illegal_chars(text: &str) -> String {
    let is_char = |c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    let allow = |c| if is_char(c) { c } else { '\u{fffd}' };
    text.chars().map(allow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reply_is_written_as_xml_and_json() {
        let list = |items| {
            Member::List(List {
                element: "links",
                item: "link",
                key: "link",
                items,
            })
        };
        let tree = Node::Object(vec![
            Member::text("a", "it's <1> & \0"),
            Member::number("b", 2),
            Member::XmlOnly("c", Node::Number(3)),
            Member::Child(
                "d",
                Node::Object(vec![Member::Attribute("e", "\"<".into())]),
            ),
            list(vec![Node::Object(vec![Member::text("f", "g")])]),
        ]);
        assert_eq!(
            tree.render(Media::Json, "r"),
            r#"{"a":"it's <1> & \u0000","b":2,"d":{"e":"\"<"},"link":[{"f":"g"}]}"#
        );
        let expected = "\
<r>
    <a>it's &lt;1&gt; &amp; \u{fffd}</a>
    <b>2</b>
    <c>3</c>
    <d e=\"&quot;&lt;\"/>
    <links>
        <link>
            <f>g</f>
        </link>
    </links>
</r>
";
        assert_eq!(tree.render(Media::Xml, "r"), expected);
        let empty = Node::Object(vec![list(Vec::new())]);
        assert_eq!(empty.render(Media::Json, "r"), r#"{"link":[]}"#);
        assert_eq!(empty.render(Media::Xml, "r"), "<r>\n    <links/>\n</r>\n");
    }
}
