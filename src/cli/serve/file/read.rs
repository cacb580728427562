//! The configuration file: a key for every flag, and sections for settings without a flag.
//!
//! Errors name the file and line, and what was expected there.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::cli::serve::file::fault;
use crate::cli::serve::file::fault::Fault;
use crate::cli::serve::flag_kinds;
use crate::cli::serve::flag_kinds::Values;
use crate::cloakroom::StartError;
use crate::config::{Callbacks, CommandSpec, Config, Limits, OperationOverrides, Route};
use crate::http::RouteFault;
use crate::operations::{Command, Registry, check_name};
use crate::roots::RootSpec;

pub(in crate::cli::serve::file) type Value<'a> = Spanned<DeValue<'a>>;

pub(in crate::cli::serve::file) const SECTIONS: [&str; 5] =
    ["roots", "limits", "callbacks", "operations", "route"];

/// The sections of a configuration file.
#[derive(Default)]
pub(in crate::cli) struct File {
    pub(in crate::cli::serve::file) limits: Limits,
    pub(in crate::cli::serve::file) callbacks: Callbacks,
    pub(in crate::cli::serve::file) operations: BTreeMap<String, OperationOverrides>,
    pub(in crate::cli::serve::file) commands: BTreeMap<String, CommandSpec>,
    pub(in crate::cli::serve::file) routes: Vec<Route>,
    pub(in crate::cli::serve) lines: SettingLines,
}

/// The lines of a table's keys.
pub(in crate::cli::serve::file) type KeyLines = BTreeMap<&'static str, usize>;

/// The lines of settings that are only validated at the start of the server: custom routes and roots.
#[derive(Default)]
pub(in crate::cli::serve) struct SettingLines {
    pub(in crate::cli::serve::file) path: PathBuf,
    pub(in crate::cli::serve::file) routes: Vec<KeyLines>,
    pub(in crate::cli::serve::file) roots: Vec<(PathBuf, usize)>,
}

impl SettingLines {
    /// Formats an error in a custom route as `FILE:LINE: message`.
    pub(in crate::cli::serve) fn route_error(&self, fault: &RouteFault) -> String {
        let route = self.routes.get(fault.route);
        self.with_line(route.and_then(|keys| keys.get(fault.key)), fault)
    }

    /// Formats an error in the root at `path` as `FILE:LINE: message`.
    pub(in crate::cli::serve) fn root_error(&self, path: &Path, fault: &StartError) -> String {
        let root = self.roots.iter().find(|(root, _)| root == path);
        self.with_line(root.map(|(_, line)| line), fault)
    }

    pub(in crate::cli::serve::file) fn with_line(
        &self,
        line: Option<&usize>,
        fault: &dyn std::fmt::Display,
    ) -> String {
        match line {
            Some(line) => format!("{}:{line}: {fault}", self.path.display()),
            None => fault.to_string(),
        }
    }

    /// Records the line of roots, which are written as for `--root`.
    pub(in crate::cli::serve::file) fn note_roots(&mut self, roots: &[String], line: usize) {
        let roots = roots
            .iter()
            .filter_map(|root| root.parse::<RootSpec>().ok());
        self.roots.extend(roots.map(|root| (root.path, line)));
    }
}

impl File {
    /// Reads a file: its sections, and the values of its keys for `flags`.
    ///
    /// # Errors
    /// The file cannot be read or is invalid; the message has the line of the first error.
    pub(in crate::cli::serve) fn read(
        path: &Path,
        flags: &clap::Command,
    ) -> Result<(Self, Values), String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let parsed = parse(&text, flags);
        let (mut file, values) = parsed.map_err(|fault| fault.with_line(path, &text))?;
        path.clone_into(&mut file.lines.path);
        Ok((file, values))
    }

    /// Copies the sections to the configuration.
    pub(in crate::cli::serve) fn fill(self, config: &mut Config) {
        config.limits = self.limits;
        config.callbacks = self.callbacks;
        config.operations = self.operations;
        config.commands = self.commands;
        config.routes = self.routes;
    }
}

pub(in crate::cli::serve::file) fn parse(
    text: &str,
    flags: &clap::Command,
) -> Result<(File, Values), Fault> {
    let document = DeTable::parse(text)?;
    let (mut file, mut values) = (File::default(), Values::new());
    for (key, value) in document.into_inner() {
        match key.get_ref().as_ref() {
            "roots" => {
                for (root, at) in roots(value)? {
                    let root = [root];
                    file.lines.note_roots(&root, fault::line(text, at.start));
                    values.entry("root".to_owned()).or_default().extend(root);
                }
            }
            "limits" => file.limits = section(value)?,
            "callbacks" => file.callbacks = section(value)?,
            "operations" => operations(value, &mut file)?,
            "route" => (file.routes, file.lines.routes) = routes(value, text)?,
            name => {
                let flag = flag_kinds::keys(flags)
                    .find(|key| *key == name)
                    .and_then(|name| flag_kinds::flag(flags, name));
                let flag = flag.ok_or_else(|| {
                    let known = flag_kinds::keys(flags).chain(SECTIONS);
                    Fault::unknown_key(key.span(), name, known)
                })?;
                let at = value.span();
                let texts = flag_values(flag, &value)?;
                if name == "root" {
                    file.lines.note_roots(&texts, fault::line(text, at.start));
                }
                flag_kinds::check(flags, flag, &texts)
                    .map_err(|reason| Fault::new(at, format!("{name}: {reason}")))?;
                values.entry(name.to_owned()).or_default().extend(texts);
            }
        }
    }
    Ok((file, values))
}

pub(in crate::cli::serve::file) fn section<T: DeserializeOwned>(
    value: Value<'_>,
) -> Result<T, Fault> {
    Ok(T::deserialize(ValueDeserializer::from(value))?)
}

/// The value of a flag's key, as strings of a command line.
///
/// # Errors
/// The value has the wrong type.
pub(in crate::cli::serve::file) fn flag_values(
    flag: &clap::Arg,
    value: &Value<'_>,
) -> Result<Vec<String>, Fault> {
    let expected = if flag_kinds::is_switch(flag) {
        "true or false"
    } else if flag_kinds::is_list(flag) || flag_kinds::is_comma_list(flag) {
        "a string or a list of strings"
    } else if flag_kinds::takes_only_strings(flag) {
        "a string"
    } else {
        "a string or a number"
    };
    let name = flag.get_long().unwrap_or_default();
    let one = |value: &Value<'_>| match (value.get_ref(), flag_kinds::is_switch(flag)) {
        (DeValue::String(text), false) => Ok(text.clone().into_owned()),
        (DeValue::Integer(number), false) if !flag_kinds::takes_only_strings(flag) => {
            Ok(number.as_str().to_owned())
        }
        (DeValue::Boolean(on), true) => Ok(on.to_string()),
        (other, _) => Err(Fault::new(
            value.span(),
            format!("{name}: expected {expected}, found {}", type_name(other)),
        )),
    };
    match value.get_ref() {
        DeValue::Array(items) if flag_kinds::is_list(flag) => items.iter().map(one).collect(),
        DeValue::Array(items) if flag_kinds::is_comma_list(flag) => {
            let words: Vec<_> = items.iter().map(one).collect::<Result<_, _>>()?;
            Ok(vec![words.join(",")])
        }
        _ => Ok(vec![one(value)?]),
    }
}

/// The TOML type of a value, with its article.
fn type_name(value: &DeValue<'_>) -> String {
    let name = value.type_str();
    let article = if name.starts_with(['a', 'i']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {name}")
}

/// Reads roots (`NAME = "PATH[:ro]"`), each as a value for `--root`.
///
/// # Errors
/// A root's name or path is invalid.
pub(in crate::cli::serve::file) fn roots(
    value: Value<'_>,
) -> Result<Vec<(String, Range<usize>)>, Fault> {
    let roots: BTreeMap<Spanned<String>, Spanned<String>> = section(value)?;
    let root = |(name, path): (Spanned<String>, Spanned<String>)| {
        let (at, text) = (
            name.span(),
            format!("{}={}", name.get_ref(), path.get_ref()),
        );
        let root: Result<RootSpec, _> = text.parse();
        match root {
            Ok(root) if root.name.as_deref() == Some(name.get_ref()) => Ok((text, at)),
            Ok(_) => Err(Fault::new(
                at,
                format!(
                    "invalid root name {:?}: use letters, digits, '-', '_' and '.', and do not start with '.'",
                    name.get_ref()
                ),
            )),
            Err(reason) => Err(Fault::new(at, reason)),
        }
    };
    roots.into_iter().map(root).collect()
}

/// Reads the settings of built-in operations and the declarations of commands, which have a key `command`.
///
/// # Errors
/// A setting is invalid, or a name fits neither.
pub(in crate::cli::serve::file) fn operations(
    value: Value<'_>,
    file: &mut File,
) -> Result<(), Fault> {
    let registry = Registry::built_in();
    for (key, value) in tables(value)? {
        let name = key.get_ref().as_ref();
        let is_command = value.get_ref().get("command").is_some();
        let is_built_in = registry.get(name).is_some();
        match (is_command, is_built_in) {
            (true, true) => {
                let message =
                    format!("{name:?} is a built-in operation and cannot have a \"command\"");
                return Err(Fault::new(key.span(), message));
            }
            (false, false) => {
                let message =
                    format!("{name:?} is not a built-in operation and has no \"command\"");
                return Err(Fault::new(key.span(), message));
            }
            (false, true) => {
                let overrides = section(value)?;
                file.operations.insert(name.to_owned(), overrides);
            }
            (true, false) => {
                let spec = command(key.span(), name, value)?;
                file.commands.insert(name.to_owned(), spec);
            }
        }
    }
    Ok(())
}

/// Reads and checks the declaration of a command, so that errors can name the line.
///
/// # Errors
/// The name or a key is invalid.
pub(in crate::cli::serve::file) fn command(
    at: Range<usize>,
    name: &str,
    value: Value<'_>,
) -> Result<CommandSpec, Fault> {
    check_name(name).map_err(|error| Fault::new(at.clone(), error.to_string()))?;
    let declared = value.clone();
    let spec = section(value)?;
    let command = Command::new(name, &spec, Path::new("")).map_err(|error| {
        let at = span_of(&declared, &error.key, error.item).unwrap_or(at.clone());
        Fault::new(at, format!("{}: {error}", error.key.join(".")))
    })?;
    let registered = Registry::default().register(Arc::new(command));
    registered.map_err(|error| Fault::new(at, error.to_string()))?;
    Ok(spec)
}

/// The byte range of a nested key's value, or of one item of it. Falls back to the innermost key that exists.
pub(in crate::cli::serve::file) fn span_of(
    value: &Value<'_>,
    key: &[String],
    item: Option<usize>,
) -> Option<Range<usize>> {
    let mut found = value;
    for key in key {
        let Some(next) = found.get_ref().get(key.as_str()) else {
            return Some(found.span());
        };
        found = next;
    }
    Some(match item {
        Some(item) => found.get_ref().get(item)?.span(),
        None => found.span(),
    })
}

/// The tables of a section with one table for each name.
///
/// # Errors
/// The section is not a table.
pub(in crate::cli::serve::file) fn tables(value: Value<'_>) -> Result<DeTable<'_>, Fault> {
    let at = value.span();
    match value.into_inner() {
        DeValue::Table(tables) => Ok(tables),
        other => {
            let message = format!("expected a table, found {}", type_name(&other));
            Err(Fault::new(at, message))
        }
    }
}

/// Reads the custom routes, and the lines of their keys.
///
/// # Errors
/// A route is invalid.
pub(in crate::cli::serve::file) fn routes(
    value: Value<'_>,
    text: &str,
) -> Result<(Vec<Route>, Vec<KeyLines>), Fault> {
    let at = value.span();
    let declared = match value.into_inner() {
        DeValue::Array(declared) => declared,
        other => {
            let found = type_name(&other);
            let message =
                format!("route: expected tables that start with [[route]], found {found}");
            return Err(Fault::new(at, message));
        }
    };
    let (mut routes, mut lines) = (Vec::new(), Vec::new());
    for one in declared {
        let keys = ["operation", "submit", "status", "result", "words"];
        let line = |key: &'static str| {
            let at = span_of(&one, &[key.to_owned()], None);
            (
                key,
                fault::line(text, at.unwrap_or_else(|| one.span()).start),
            )
        };
        lines.push(keys.map(line).into());
        routes.push(section(one)?);
    }
    Ok((routes, lines))
}
