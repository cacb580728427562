//! The configuration file: every flag by its name, and sections for what has no flag.
//!
//! What is wrong is told by file and line, with what was expected there.

mod fault;

use std::collections::BTreeMap;
use std::path::Path;

use clap::Command;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::layers::{self, Values};
use crate::config::{Callbacks, Config, Limits, Route, Tuning};
use crate::operations::Registry;
use fault::Fault;

type Value<'a> = Spanned<DeValue<'a>>;

const SECTIONS: [&str; 5] = ["roots", "limits", "callbacks", "operations", "route"];

/// What a configuration file says besides flags.
#[derive(Default)]
pub(in crate::cli) struct File {
    limits: Limits,
    callbacks: Callbacks,
    operations: BTreeMap<String, Tuning>,
    routes: Vec<Route>,
}

impl File {
    /// Reads a file: its sections, and what it says of the flags of `command`.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub(super) fn read(path: &Path, command: &Command) -> Result<(Self, Values), String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        parse(&text, command).map_err(|fault| fault.show(path, &text))
    }

    /// Puts the sections into the settings.
    pub(super) fn fill(self, config: &mut Config) {
        config.limits = self.limits;
        config.callbacks = self.callbacks;
        config.operations = self.operations;
        config.routes = self.routes;
    }
}

fn parse(text: &str, command: &Command) -> Result<(File, Values), Fault> {
    let document = DeTable::parse(text)?;
    let (mut file, mut values) = (File::default(), Values::new());
    for (key, value) in document.into_inner() {
        match key.get_ref().as_ref() {
            "roots" => values
                .entry("root".to_owned())
                .or_default()
                .extend(roots(value)?),
            "limits" => file.limits = section(value)?,
            "callbacks" => file.callbacks = section(value)?,
            "operations" => file.operations = operations(value)?,
            "route" => file.routes = routes(value)?,
            name => {
                let flag = layers::keys(command)
                    .find(|key| *key == name)
                    .and_then(|name| layers::flag(command, name));
                let flag = flag.ok_or_else(|| {
                    let known = layers::keys(command).chain(SECTIONS);
                    Fault::unknown_key(key.span(), name, known)
                })?;
                let at = value.span();
                let texts = texts(flag, &value)?;
                layers::check(command, flag, &texts)
                    .map_err(|reason| Fault::new(at, format!("{name}: {reason}")))?;
                values.entry(name.to_owned()).or_default().extend(texts);
            }
        }
    }
    Ok((file, values))
}

fn section<T: DeserializeOwned>(value: Value<'_>) -> Result<T, Fault> {
    Ok(T::deserialize(ValueDeserializer::from(value))?)
}

/// What a flag's key holds, as the words of a command line.
fn texts(flag: &clap::Arg, value: &Value<'_>) -> Result<Vec<String>, Fault> {
    let expected = if layers::is_switch(flag) {
        "true or false"
    } else if layers::is_list(flag) {
        "a text or a list of texts"
    } else {
        "a text or a number"
    };
    let name = flag.get_long().unwrap_or_default();
    let one = |value: &Value<'_>| match (value.get_ref(), layers::is_switch(flag)) {
        (DeValue::String(text), false) => Ok(text.clone().into_owned()),
        (DeValue::Integer(number), false) => Ok(number.as_str().to_owned()),
        (DeValue::Boolean(on), true) => Ok(on.to_string()),
        (other, _) => {
            let found = other.type_str();
            Err(Fault::new(
                value.span(),
                format!("{name}: {found} does not do: expected {expected}"),
            ))
        }
    };
    match value.get_ref() {
        DeValue::Array(items) if layers::is_list(flag) => items.iter().map(one).collect(),
        _ => Ok(vec![one(value)?]),
    }
}

/// `NAME = "PATH[:ro]"`, each as `--root` has it.
fn roots(value: Value<'_>) -> Result<Vec<String>, Fault> {
    let roots: BTreeMap<Spanned<String>, Spanned<String>> = section(value)?;
    let root = |(name, path): (Spanned<String>, Spanned<String>)| {
        let (at, text) = (
            name.span(),
            format!("{}={}", name.get_ref(), path.get_ref()),
        );
        let root: Result<crate::roots::RootSpec, _> = text.parse();
        match root {
            Ok(root) if root.name.as_deref() == Some(name.get_ref()) => Ok(text),
            Ok(_) => Err(Fault::new(
                at,
                format!("{:?} is not a root's name", name.get_ref()),
            )),
            Err(reason) => Err(Fault::new(at, reason)),
        }
    };
    roots.into_iter().map(root).collect()
}

fn operations(value: Value<'_>) -> Result<BTreeMap<String, Tuning>, Fault> {
    let registry = Registry::built_in();
    let mut operations = BTreeMap::new();
    for (key, value) in tables(value)? {
        let name = key.get_ref().as_ref();
        if registry.get(name).is_none() {
            let message = format!("there is no operation {name:?}");
            return Err(Fault::new(key.span(), message));
        }
        operations.insert(name.to_owned(), section(value)?);
    }
    Ok(operations)
}

/// The tables of a section that has one for each name.
fn tables(value: Value<'_>) -> Result<DeTable<'_>, Fault> {
    let at = value.span();
    match value.into_inner() {
        DeValue::Table(tables) => Ok(tables),
        other => {
            let message = format!("{} does not do: expected a table", other.type_str());
            Err(Fault::new(at, message))
        }
    }
}

fn routes(value: Value<'_>) -> Result<Vec<Route>, Fault> {
    let at = value.span();
    let routes: Vec<Route> = section(value)?;
    if routes.is_empty() {
        Ok(routes)
    } else {
        let reason = "this version serves no routes of an operator's own yet";
        Err(Fault::new(at, format!("[[route]]: {reason}")))
    }
}
