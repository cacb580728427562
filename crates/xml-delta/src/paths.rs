//! Paths that select elements and attributes: `item`, `list/item`, `/catalog/list/item`, `item@id`; and keys.

use super::error::{Error, ErrorKind};

/// Maximum number of parts of a key.
const MAX_KEY_PARTS: usize = 8;

/// Selects elements by their name and the names of their ancestors, as written in the documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    steps: Vec<String>,
    /// The first step is the root element.
    from_root: bool,
}

impl Path {
    fn parse(text: &str) -> Option<Self> {
        let (from_root, rest) = match text.strip_prefix('/') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let steps: Vec<String> = rest.split('/').map(str::to_owned).collect();
        let is_step = |step: &String| step == "*" || is_name(step);
        steps
            .iter()
            .all(is_step)
            .then_some(Self { steps, from_root })
    }

    /// Whether the path selects an element, given its name and those of its ancestors, innermost first.
    fn matches<'a>(&self, depth: usize, mut inside_out: impl Iterator<Item = &'a str>) -> bool {
        if self.from_root && depth != self.steps.len() {
            return false;
        }
        let is_step = |step: &String, name: &str| step == "*" || step == name;
        let mut steps = self.steps.iter().rev();
        steps.all(|step| inside_out.next().is_some_and(|name| is_step(step, name)))
    }
}

/// The elements that have a key, and what it consists of.
#[derive(Debug, Clone)]
struct KeyRule {
    path: Path,
    parts: Vec<KeyPart>,
}

/// A part of a key: an attribute or the text of an element or of a descendant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyPart {
    /// The names from the element down to a descendant; none for the element itself.
    pub(crate) steps: Vec<String>,
    /// The attribute; `None` for the text.
    pub(crate) attribute: Option<String>,
}

/// Elements, or attributes of elements, whose changes are ignored.
#[derive(Debug, Clone)]
struct IgnoreRule {
    path: Path,
    attribute: Option<String>,
}

/// Rules about elements and attributes from the options.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    unordered: Vec<Path>,
    keys: Vec<KeyRule>,
    ignored: Vec<IgnoreRule>,
}

impl Rules {
    /// Parses paths of unordered elements, keys, and ignored elements and attributes.
    ///
    /// # Errors
    /// [`ErrorKind::BadOption`] for an invalid path.
    pub fn new(unordered: &[String], keys: &[String], ignored: &[String]) -> Result<Self, Error> {
        let wrong = |text: &str, example: &str| {
            let message = format!("Invalid path {text:?}; expected a path such as {example}.");
            Error::new(ErrorKind::BadOption, message)
        };
        let unordered = unordered.iter().map(|text| {
            Path::parse(text).ok_or_else(|| wrong(text, "\"list\" or \"catalog/list\""))
        });
        let keys = keys.iter().map(|text| {
            key(text).ok_or_else(|| {
                wrong(
                    text,
                    "\"item@id\", \"catalog/item@id\" or \"dependency: groupId,artifactId\"",
                )
            })
        });
        let ignored = ignored.iter().map(|text| {
            ignore(text)
                .ok_or_else(|| wrong(text, "\"timestamp\", \"build/number\" or \"item@modified\""))
        });
        Ok(Self {
            unordered: unordered.collect::<Result<_, _>>()?,
            keys: keys.collect::<Result<_, _>>()?,
            ignored: ignored.collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.unordered.is_empty() && self.keys.is_empty() && self.ignored.is_empty()
    }

    /// Whether the children of an element are unordered.
    pub(crate) fn is_unordered<'a>(
        &self,
        depth: usize,
        inside_out: &(impl Iterator<Item = &'a str> + Clone),
    ) -> bool {
        self.unordered
            .iter()
            .any(|path| path.matches(depth, inside_out.clone()))
    }

    /// The number of the rule for an element's key.
    pub(crate) fn key<'a>(
        &self,
        depth: usize,
        inside_out: &(impl Iterator<Item = &'a str> + Clone),
    ) -> Option<usize> {
        self.keys
            .iter()
            .position(|rule| rule.path.matches(depth, inside_out.clone()))
    }

    /// The parts of a key.
    pub(crate) fn key_parts(&self, rule: usize) -> &[KeyPart] {
        &self.keys[rule].parts
    }

    /// The ignored attributes of an element; `None` stands for the element itself.
    pub(crate) fn ignored<'a, 's>(
        &'s self,
        depth: usize,
        inside_out: impl Iterator<Item = &'a str> + Clone,
    ) -> impl Iterator<Item = Option<&'s str>> {
        let rules = self.ignored.iter();
        let matching = rules.filter(move |rule| rule.path.matches(depth, inside_out.clone()));
        matching.map(|rule| rule.attribute.as_deref())
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && super::chars::name_len(text) == text.len()
}

/// Parses `path@attribute` or `path: part,part`. A part is `@attribute`, `child`, `child/child`, `child@attribute`, or
/// `.` for the element's own text. `@attribute` alone selects any element.
fn key(text: &str) -> Option<KeyRule> {
    let Some((path, parts)) = text.split_once(": ") else {
        let (path, attribute) = with_attribute(text)?;
        let attribute = Some(attribute?);
        let steps = Vec::new();
        return Some(KeyRule {
            path,
            parts: vec![KeyPart { steps, attribute }],
        });
    };
    let parts: Option<Vec<KeyPart>> = parts.split(',').map(|part| key_part(part.trim())).collect();
    Some(KeyRule {
        path: Path::parse(path.trim())?,
        parts: parts.filter(|parts| parts.len() <= MAX_KEY_PARTS)?,
    })
}

fn key_part(text: &str) -> Option<KeyPart> {
    let (path, attribute) = match text.split_once('@') {
        Some((path, attribute)) => (path, Some(attribute.to_owned())),
        None => (text, None),
    };
    let is_own = path == "." || (path.is_empty() && attribute.is_some());
    let steps: Vec<String> = if is_own {
        Vec::new()
    } else {
        path.split('/').map(str::to_owned).collect()
    };
    let is_valid = steps.iter().all(|step| is_name(step))
        && attribute.as_ref().is_none_or(|name| is_name(name));
    is_valid.then_some(KeyPart { steps, attribute })
}

fn ignore(text: &str) -> Option<IgnoreRule> {
    let (path, attribute) = with_attribute(text)?;
    Some(IgnoreRule { path, attribute })
}

/// Parses `path` or `path@attribute`; `@attribute` selects the attribute of any element.
fn with_attribute(text: &str) -> Option<(Path, Option<String>)> {
    let Some((path, attribute)) = text.split_once('@') else {
        return Some((Path::parse(text)?, None));
    };
    let path = if path.is_empty() { "*" } else { path };
    is_name(attribute).then_some((Path::parse(path)?, Some(attribute.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_attributes_texts_and_paths() {
        let parts = |text: &str| {
            let rule = key(text).expect("a valid key");
            let part = |part: &KeyPart| {
                let attribute = part.attribute.iter().map(|name| format!("@{name}"));
                part.steps.join("/") + &attribute.collect::<String>()
            };
            (
                rule.path.steps.join("/"),
                rule.parts.iter().map(part).collect::<Vec<_>>(),
            )
        };
        let check = |text: &str, path: &str, expected: &[&str]| {
            assert_eq!(
                parts(text),
                (
                    path.to_owned(),
                    expected.iter().map(|&one| one.to_owned()).collect()
                )
            );
        };
        check("item@id", "item", &["@id"]);
        check("@id", "*", &["@id"]);
        check("oor:item@oor:name", "oor:item", &["@oor:name"]);
        check("a/b: c, d/e@f,@g", "a/b", &["c", "d/e@f", "@g"]);
        check("p:item: .", "p:item", &[""]);
        for wrong in [
            "item",
            "item:",
            "item: ",
            "item: a,,b",
            "item: a//b",
            "item@",
            "item: a@b@c",
            ": a",
            "a b@c",
        ] {
            assert!(key(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn elements_and_attributes_can_be_ignored() {
        for right in ["a", "a/b", "/a/b", "*", "a@b", "@b", "p:a@q:b"] {
            assert!(ignore(right).is_some(), "{right}");
        }
        for wrong in ["", "a/", "a@", "a@b/c", "//a", "a b"] {
            assert!(ignore(wrong).is_none(), "{wrong}");
        }
    }
}
