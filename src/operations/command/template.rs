//! Text with placeholders in braces. Pure.
//!
//! A placeholder stands for one value and never splits an argument; of a list it repeats the argument that it is in.
//! Braces around anything that is not a name are literal text.

use std::collections::BTreeMap;

use crate::config::CommandSpec;

/// What a placeholder stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::operations) enum Placeholder {
    /// A param's value.
    Param(String),
    /// The path of an input.
    Input(String),
    /// The name of an input without its extension.
    Stem(String),
    /// The path of the result.
    Output,
    /// The folder that the result is written to.
    OutputDir,
    /// The folder that the command works in.
    Work,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(Placeholder),
}

/// An argument or a file's name, with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::operations) struct Template(Vec<Piece>);

/// The values of placeholders in one attempt.
pub(in crate::operations) trait Values {
    /// The placeholder's values: one, several for a list, empty if it was not given.
    fn values(&self, place: &Placeholder) -> Vec<String>;
}

impl Template {
    /// Parses the text of a command's argument or file name.
    ///
    /// # Errors
    /// A sentence, for an unknown placeholder or more than one list.
    pub(in crate::operations) fn parse(text: &str, spec: &CommandSpec) -> Result<Self, String> {
        let (mut pieces, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find('{') {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            let name = rest[1..].split_once('}').map(|(name, _)| name);
            let Some(name) = name.filter(|name| is_name(name)) else {
                literal.push('{');
                rest = &rest[1..];
                continue;
            };
            let place = place(name, spec).ok_or_else(|| unknown(name, spec))?;
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Place(place));
            rest = &rest[name.len() + 2..];
        }
        literal.push_str(rest);
        if !literal.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        let template = Self(pieces);
        if template.lists(spec).len() > 1 {
            return Err(format!(
                "{text:?} refers to more than one list; an argument can repeat for one list only"
            ));
        }
        Ok(template)
    }

    /// The placeholders, in order.
    pub(in crate::operations) fn places(&self) -> impl Iterator<Item = &Placeholder> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Place(place) => Some(place),
            Piece::Text(_) => None,
        })
    }

    /// The params at the start of the text. If one is empty, the next one comes first.
    pub(in crate::operations) fn first_params(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map_while(|piece| match piece {
            Piece::Place(Placeholder::Param(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The rendered texts: one, one for each item of a list, or none if a placeholder has no value.
    pub(in crate::operations) fn render(&self, values: &impl Values) -> Vec<String> {
        let mut by_place = BTreeMap::new();
        for (at, place) in self.places().enumerate() {
            by_place.insert(at, values.values(place));
        }
        if by_place.values().any(Vec::is_empty) {
            return Vec::new();
        }
        let times = by_place.values().map(Vec::len).max().unwrap_or(1);
        let one = |index: usize| {
            let mut places = by_place.values();
            let text = |piece: &Piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Place(_) => {
                    let values = places.next().expect("every place has values");
                    // A single value is repeated.
                    values.get(index).unwrap_or(&values[0]).clone()
                }
            };
            self.0.iter().map(text).collect()
        };
        (0..times).map(one).collect()
    }

    /// The names of the lists that the text refers to.
    fn lists(&self, spec: &CommandSpec) -> Vec<&str> {
        let mut lists: Vec<_> = self
            .places()
            .filter_map(|place| match place {
                Placeholder::Param(name) if spec.params[name]["type"] == "array" => {
                    Some(name.as_str())
                }
                Placeholder::Input(name) | Placeholder::Stem(name) if spec.inputs[name].list => {
                    Some(name.as_str())
                }
                _ => None,
            })
            .collect();
        lists.sort_unstable();
        lists.dedup();
        lists
    }
}

/// Whether the text is a name: a letter or `_`, then letters, digits, `_`, `-` and `.`.
pub(in crate::operations) fn is_name(text: &str) -> bool {
    let rest = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(rest)
}

fn place(name: &str, spec: &CommandSpec) -> Option<Placeholder> {
    match name {
        "output" => return Some(Placeholder::Output),
        "output.dir" => return Some(Placeholder::OutputDir),
        "work" => return Some(Placeholder::Work),
        _ => {}
    }
    if let Some(input) = name.strip_prefix("input.") {
        if let Some(stem) = input.strip_suffix(".stem")
            && spec.inputs.contains_key(stem)
        {
            return Some(Placeholder::Stem(stem.to_owned()));
        }
        return spec
            .inputs
            .contains_key(input)
            .then(|| Placeholder::Input(input.to_owned()));
    }
    spec.params
        .contains_key(name)
        .then(|| Placeholder::Param(name.to_owned()))
}

fn unknown(name: &str, spec: &CommandSpec) -> String {
    let params = spec.params.keys().cloned();
    let inputs = spec
        .inputs
        .keys()
        .flat_map(|input| [format!("input.{input}"), format!("input.{input}.stem")]);
    let others = ["output", "output.dir", "work"].map(str::to_owned);
    let known: Vec<_> = params
        .chain(inputs)
        .chain(others)
        .map(|name| format!("{{{name}}}"))
        .collect();
    format!(
        "unknown placeholder \"{{{name}}}\", expected one of {}",
        known.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::InputSpec;

    struct Given;

    impl Values for Given {
        fn values(&self, place: &Placeholder) -> Vec<String> {
            match place {
                Placeholder::Param(name) if name == "none" => Vec::new(),
                Placeholder::Param(name) if name == "tags" => vec!["a b".into(), "c".into()],
                Placeholder::Input(name) if name == "many" => vec!["/1".into(), "/2".into()],
                Placeholder::Stem(name) if name == "many" => vec!["one".into(), "two".into()],
                other => vec![format!("<{other:?}>")],
            }
        }
    }

    fn spec() -> CommandSpec {
        let list = InputSpec {
            list: true,
            ..InputSpec::default()
        };
        let mut spec = CommandSpec::new(["true"]);
        spec.inputs = [
            ("one".to_owned(), InputSpec::default()),
            ("many".to_owned(), list),
        ]
        .into();
        spec.params = [
            ("width".to_owned(), json!({ "type": "integer" })),
            ("none".to_owned(), json!({})),
            ("tags".to_owned(), json!({ "type": "array" })),
        ]
        .into();
        spec
    }

    #[test]
    fn placeholder_never_splits_an_argument_and_a_list_repeats_it() {
        let check = |text: &str, expected: &[&str]| {
            let template = Template::parse(text, &spec()).expect("a template");
            assert_eq!(template.render(&Given), expected, "{text}");
        };
        check("", &[""]);
        check("plain", &["plain"]);
        check("scale={width}:-2", &["scale=<Param(\"width\")>:-2"]);
        check("{input.one}", &["<Input(\"one\")>"]);
        check("{input.one.stem}.mp4", &["<Stem(\"one\")>.mp4"]);
        check("{output}{output.dir}{work}", &["<Output><OutputDir><Work>"]);
        check("-t={tags}", &["-t=a b", "-t=c"]);
        check(
            "{input.many}:{input.many.stem}:{width}",
            &["/1:one:<Param(\"width\")>", "/2:two:<Param(\"width\")>"],
        );
        check("--x={none}", &[]);
        for literal in [
            "{}",
            "{ print $1 }",
            "{1}",
            "a{b",
            "}{",
            "{a b}",
            "{\"a\":1}",
            "{-x}",
        ] {
            check(literal, &[literal]);
        }
        check("{{width}}", &["{<Param(\"width\")>}"]);
    }

    #[test]
    fn unknown_placeholder_is_rejected() {
        for text in [
            "{height}",
            "x{input.two}",
            "{input}",
            "{input.one.ext}",
            "{output.file}",
            "{Width}",
        ] {
            let error = Template::parse(text, &spec()).expect_err(text);
            assert!(error.contains("{input.one.stem}"), "{error}");
        }
        assert!(Template::parse("{tags}{input.many}", &spec()).is_err());
    }
}
