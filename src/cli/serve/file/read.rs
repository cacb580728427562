//! The configuration file: a key for every flag, and sections for settings without a flag.
//!
//! Errors name the file and line, and what was expected there.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::cli::serve::file::fault;
use crate::cli::serve::file::fault::Fault;
use crate::cli::serve::file::operations::operations;
use crate::cli::serve::file::section::{Value, section, span_of, type_name};
use crate::cli::serve::flag_kinds;
use crate::cli::serve::flag_kinds::Values;
use crate::cloakroom::StartError;
use crate::config::{Callbacks, CommandSpec, Config, Limits, OperationOverrides, Route};
use crate::http::RouteFault;
use crate::operations::command;
use crate::roots::RootSpec;

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
    /// Faults of the file and of environment variables, as messages. Keys with a fault are left out.
    pub(in crate::cli::serve) faults: Vec<String>,
}

/// The lines of a table's keys.
pub(in crate::cli::serve::file) type KeyLines = BTreeMap<&'static str, usize>;

/// The lines of settings that are only validated at the start of the server: custom routes, roots and programs.
#[derive(Default)]
pub(in crate::cli::serve) struct SettingLines {
    pub(in crate::cli::serve::file) path: PathBuf,
    pub(in crate::cli::serve::file) routes: Vec<KeyLines>,
    pub(in crate::cli::serve::file) roots: Vec<(PathBuf, usize)>,
    /// The lines of programs, by the names of their operations.
    pub(in crate::cli::serve::file) commands: BTreeMap<String, usize>,
    /// Operations that were left out because of a fault.
    pub(in crate::cli::serve::file) invalid_operations: BTreeSet<String>,
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

    /// Whether the error in a custom route follows from a fault in the declaration of its operation.
    pub(in crate::cli::serve) fn is_consequence(&self, fault: &RouteFault, route: &Route) -> bool {
        fault.key == "operation" && self.invalid_operations.contains(&route.operation)
    }

    /// Formats a warning for each command whose program cannot be found.
    pub(in crate::cli::serve) fn missing_programs(&self, config: &Config) -> Vec<String> {
        let missing = config.commands.iter().filter_map(|(name, spec)| {
            let problem = command::missing_program(spec)?;
            let message = format!("warning: operations.{name}.command: {problem}");
            Some(self.with_line(self.commands.get(name), &message))
        });
        missing.collect()
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
    /// Reads a file: its sections, and the values of its keys for `flags`. Whatever has a fault is left out.
    pub(in crate::cli::serve) fn read(path: &Path, flags: &clap::Command) -> (Self, Values) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let file = Self {
                    faults: vec![format!("cannot read {}: {error}", path.display())],
                    ..Self::default()
                };
                return (file, Values::new());
            }
        };
        let (mut file, values, mut faults) = parse(&text, flags);
        faults.sort_by_key(Fault::position);
        let faults = faults.iter().map(|fault| fault.with_line(path, &text));
        file.faults = faults.collect();
        path.clone_into(&mut file.lines.path);
        (file, values)
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

fn parse(text: &str, flags: &clap::Command) -> (File, Values, Vec<Fault>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    let (mut file, mut values) = (File::default(), Values::new());
    if !errors.is_empty() {
        // What the parser makes of such a file may have faults that the file has not.
        let faults = errors.into_iter().map(Fault::from).collect();
        return (file, values, faults);
    }
    let mut faults = Vec::new();
    for (key, value) in document.into_inner() {
        match key.get_ref().as_ref() {
            "roots" => {
                for (root, at) in roots(value, &mut faults) {
                    let root = [root];
                    file.lines.note_roots(&root, fault::line(text, at.start));
                    values.entry("root".to_owned()).or_default().extend(root);
                }
            }
            "limits" => file.limits = section(value, &mut faults).unwrap_or_default(),
            "callbacks" => file.callbacks = section(value, &mut faults).unwrap_or_default(),
            "operations" => {
                let found = operations(value, text, &mut faults);
                (file.operations, file.commands) = (found.overrides, found.commands);
                file.lines.commands = found.lines;
                file.lines.invalid_operations = found.invalid;
            }
            "route" => (file.routes, file.lines.routes) = routes(value, text, &mut faults),
            name => {
                let flag = flag_kinds::keys(flags)
                    .find(|key| *key == name)
                    .and_then(|name| flag_kinds::flag(flags, name));
                let Some(flag) = flag else {
                    let known = flag_kinds::keys(flags).chain(SECTIONS);
                    faults.push(Fault::unknown_key(key.span(), name, known));
                    continue;
                };
                let at = value.span();
                for one in flag_values(flag, &value) {
                    let checked = one.and_then(|one| {
                        flag_kinds::check(flags, flag, std::slice::from_ref(&one)).map_err(
                            |reason| Fault::new(at.clone(), format!("{name}: {reason}")),
                        )?;
                        Ok(one)
                    });
                    match checked {
                        Ok(one) => {
                            let one = [one];
                            if name == "root" {
                                file.lines.note_roots(&one, fault::line(text, at.start));
                            }
                            values.entry(name.to_owned()).or_default().extend(one);
                        }
                        Err(fault) => faults.push(fault),
                    }
                }
            }
        }
    }
    (file, values, faults)
}

/// The values of a flag's key, as strings of a command line. An item is a fault if it has the wrong type.
fn flag_values(flag: &clap::Arg, value: &Value<'_>) -> Vec<Result<String, Fault>> {
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
            let words: Result<Vec<_>, _> = items.iter().map(one).collect();
            vec![words.map(|words| words.join(","))]
        }
        _ => vec![one(value)],
    }
}

/// Reads roots (`NAME = "PATH[:ro]"`), each as a value for `--root`.
fn roots(value: Value<'_>, faults: &mut Vec<Fault>) -> Vec<(String, Range<usize>)> {
    let roots: Option<BTreeMap<Spanned<String>, Spanned<String>>> = section(value, faults);
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
    let roots = roots.unwrap_or_default().into_iter().map(root);
    roots
        .filter_map(|root| root.map_err(|fault| faults.push(fault)).ok())
        .collect()
}

/// Reads the custom routes, and the lines of their keys.
fn routes(value: Value<'_>, text: &str, faults: &mut Vec<Fault>) -> (Vec<Route>, Vec<KeyLines>) {
    let at = value.span();
    let declared = match value.into_inner() {
        DeValue::Array(declared) => declared,
        other => {
            let found = type_name(&other);
            let message =
                format!("route: expected tables that start with [[route]], found {found}");
            faults.push(Fault::new(at, message));
            return Default::default();
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
        let keys = keys.map(line).into();
        if let Some(route) = section(one, faults) {
            lines.push(keys);
            routes.push(route);
        }
    }
    (routes, lines)
}
