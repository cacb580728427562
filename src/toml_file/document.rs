//! The document: its sections, and its keys, which the caller reads.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::{Callbacks, CommandSpec, Config, Limits, OperationOverrides, Route};
use crate::roots::RootSpec;
use crate::toml_file::fault;
use crate::toml_file::fault::Fault;
use crate::toml_file::operations::operations;
use crate::toml_file::section::{Value, section, span_of, type_name};

const SECTIONS: [&str; 5] = ["roots", "limits", "callbacks", "operations", "route"];

/// The keys of a document outside of its sections.
pub(crate) trait Keys {
    /// The names of all keys.
    fn names(&self) -> Vec<&str>;

    /// Takes the value of one of these keys. Returns the roots that it names, as for `--root`.
    fn take(&mut self, name: &str, value: &Value<'_>, faults: &mut Vec<Fault>) -> Vec<String>;

    /// Takes a root of the section `roots`, as for `--root`.
    fn take_root(&mut self, root: String);
}

/// The sections of a document, without what has a fault.
#[derive(Default)]
pub(crate) struct Sections {
    limits: Limits,
    callbacks: Callbacks,
    operations: BTreeMap<String, OperationOverrides>,
    commands: BTreeMap<String, CommandSpec>,
    routes: Vec<Route>,
    /// The lines of settings that are only validated at the start of the server.
    pub(crate) lines: Lines,
}

/// The lines of a table's keys.
pub(crate) type KeyLines = BTreeMap<&'static str, usize>;

/// The lines of custom routes, roots and programs.
#[derive(Default)]
pub(crate) struct Lines {
    pub(crate) routes: Vec<KeyLines>,
    pub(crate) roots: Vec<(std::path::PathBuf, usize)>,
    /// The lines of programs, by the names of their operations.
    pub(crate) commands: BTreeMap<String, usize>,
    /// Operations that were left out because of a fault.
    pub(crate) invalid_operations: BTreeSet<String>,
}

impl Lines {
    /// Records the line of roots, which are written as for `--root`.
    fn note_roots(&mut self, roots: &[String], line: usize) {
        let roots = roots
            .iter()
            .filter_map(|root| root.parse::<RootSpec>().ok());
        self.roots.extend(roots.map(|root| (root.path, line)));
    }
}

impl Sections {
    /// Copies the sections to the configuration.
    pub(crate) fn fill(self, config: &mut Config) {
        config.limits = self.limits;
        config.callbacks = self.callbacks;
        config.operations = self.operations;
        config.commands = self.commands;
        config.routes = self.routes;
    }
}

/// Reads a document, whose keys go to `keys`. Returns its sections, and all faults in their order.
pub(crate) fn parse(text: &str, keys: &mut impl Keys) -> (Sections, Vec<Fault>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut found = Sections::default();
    if !errors.is_empty() {
        // What the parser makes of such a file may have faults that the file has not.
        return (found, errors.into_iter().map(Fault::from).collect());
    }
    let mut faults = Vec::new();
    for (key, value) in document.into_inner() {
        match key.get_ref().as_ref() {
            "roots" => {
                for (root, at) in roots(value, &mut faults) {
                    let line = fault::line(text, at.start);
                    found.lines.note_roots(std::slice::from_ref(&root), line);
                    keys.take_root(root);
                }
            }
            "limits" => found.limits = section(value, &mut faults).unwrap_or_default(),
            "callbacks" => found.callbacks = section(value, &mut faults).unwrap_or_default(),
            "operations" => {
                let all = operations(value, text, &mut faults);
                (found.operations, found.commands) = (all.overrides, all.commands);
                found.lines.commands = all.lines;
                found.lines.invalid_operations = all.invalid;
            }
            "route" => (found.routes, found.lines.routes) = routes(value, text, &mut faults),
            name => {
                if !keys.names().contains(&name) {
                    let names = keys.names();
                    let known = names.into_iter().chain(SECTIONS);
                    faults.push(Fault::unknown_key(key.span(), name, known));
                    continue;
                }
                let roots = keys.take(name, &value, &mut faults);
                let line = fault::line(text, value.span().start);
                found.lines.note_roots(&roots, line);
            }
        }
    }
    faults.sort_by_key(Fault::position);
    (found, faults)
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
