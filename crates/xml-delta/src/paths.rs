//! Paths that select elements: `item`, `list/item`, `/catalog/list/item`, and `item@id`.

use super::error::{Error, ErrorKind};

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
        let is_step = |step: &String| {
            step == "*" || (!step.is_empty() && super::chars::name_len(step) == step.len())
        };
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

/// Rules about elements from the options.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    unordered: Vec<Path>,
    /// Paths with the key attribute.
    keys: Vec<(Path, String)>,
}

impl Rules {
    /// Parses paths of unordered elements and of keys (`path@attribute`).
    ///
    /// # Errors
    /// [`ErrorKind::BadOption`] for an invalid path.
    pub fn new(orderless: &[String], keys: &[String]) -> Result<Self, Error> {
        let wrong = |text: &str, example: &str| {
            let message = format!("Invalid path {text:?}; expected a path such as {example}.");
            Error::new(ErrorKind::BadOption, message)
        };
        let orderless = orderless.iter().map(|text| {
            Path::parse(text).ok_or_else(|| wrong(text, "\"list\" or \"catalog/list\""))
        });
        let keys = keys
            .iter()
            .map(|text| key(text).ok_or_else(|| wrong(text, "\"item@id\" or \"catalog/item@id\"")));
        Ok(Self {
            unordered: orderless.collect::<Result<_, _>>()?,
            keys: keys.collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.unordered.is_empty() && self.keys.is_empty()
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

    /// The key attribute of an element.
    pub(crate) fn key<'a>(
        &self,
        depth: usize,
        inside_out: &(impl Iterator<Item = &'a str> + Clone),
    ) -> Option<&str> {
        let found = self
            .keys
            .iter()
            .find(|(path, _)| path.matches(depth, inside_out.clone()));
        found.map(|(_, attribute)| attribute.as_str())
    }
}

/// Parses `path@attribute`; `@attribute` selects any element.
fn key(text: &str) -> Option<(Path, String)> {
    let (path, attribute) = text.split_once('@')?;
    let path = if path.is_empty() { "*" } else { path };
    let is_name = !attribute.is_empty() && super::chars::name_len(attribute) == attribute.len();
    is_name.then_some((Path::parse(path)?, attribute.to_owned()))
}
