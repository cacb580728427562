//! Reads the section `operations`: the settings of built-in operations, and the declarations of commands.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::config::{CommandSpec, OperationOverrides};
use crate::operations::{Command, Registry, check_name};
use crate::toml_file::fault;
use crate::toml_file::fault::Fault;
use crate::toml_file::section::{Value, leave_out, section, span_of, tables};

/// The section `operations`.
#[derive(Default)]
pub(crate) struct Operations {
    /// The settings of built-in operations, by name.
    pub(crate) overrides: BTreeMap<String, OperationOverrides>,
    /// The declarations of commands, by name.
    pub(crate) commands: BTreeMap<String, CommandSpec>,
    /// The lines of programs, by the names of their operations.
    pub(crate) lines: BTreeMap<String, usize>,
    /// Operations that were left out because of a fault.
    pub(crate) invalid: BTreeSet<String>,
}

/// Reads the settings of built-in operations and the declarations of commands, which have a key `command`.
pub(crate) fn operations(value: Value<'_>, text: &str, faults: &mut Vec<Fault>) -> Operations {
    let registry = Registry::built_in();
    let mut found = Operations::default();
    let tables = match tables(value) {
        Ok(tables) => tables,
        Err(fault) => {
            faults.push(fault);
            return found;
        }
    };
    for (key, value) in tables {
        let name = key.get_ref().as_ref();
        let is_command = value.get_ref().get("command").is_some();
        let is_built_in = registry.get(name).is_some();
        match (is_command, is_built_in) {
            (true, true) => {
                let message =
                    format!("{name:?} is a built-in operation and cannot have a \"command\"");
                faults.push(Fault::new(key.span(), message));
            }
            (false, false) => {
                let message =
                    format!("{name:?} is not a built-in operation and has no \"command\"");
                faults.push(Fault::new(key.span(), message));
                found.invalid.insert(name.to_owned());
            }
            (false, true) => {
                if let Some(overrides) = section(value, faults) {
                    found.overrides.insert(name.to_owned(), overrides);
                }
            }
            (true, false) => {
                let program = span_of(&value, &["command".to_owned()], Some(0));
                let program = program.unwrap_or_else(|| key.span());
                match command(key.span(), name, value, faults) {
                    Some(spec) => {
                        let line = fault::line(text, program.start);
                        found.lines.insert(name.to_owned(), line);
                        found.commands.insert(name.to_owned(), spec);
                    }
                    None => {
                        found.invalid.insert(name.to_owned());
                    }
                }
            }
        }
    }
    found
}

/// Reads and checks the declaration of a command, so that errors can name the line. The result is `None` if it has a fault.
fn command(
    at: Range<usize>,
    name: &str,
    mut value: Value<'_>,
    faults: &mut Vec<Fault>,
) -> Option<CommandSpec> {
    let before = faults.len();
    if let Err(error) = check_name(name) {
        faults.push(Fault::new(at.clone(), error.to_string()));
    }
    // Whether a param or an input is left out, so that an unknown placeholder is no fault of its own.
    let mut lacks_names = false;
    loop {
        let found = faults.len();
        let spec: CommandSpec = section(value.clone(), faults)?;
        if faults.len() > found {
            return None;
        }
        let Err(error) = Command::new(name, &spec, Path::new("")) else {
            if faults.len() > before {
                return None;
            }
            let command = Command::new(name, &spec, Path::new("")).ok()?;
            if let Err(error) = Registry::default().register(Arc::new(command)) {
                faults.push(Fault::new(at, error.to_string()));
                return None;
            }
            return Some(spec);
        };
        let section = error.key.first().map(String::as_str);
        if lacks_names && matches!(section, Some("command" | "output")) {
            return None;
        }
        let at = span_of(&value, &error.key, error.item).unwrap_or(at.clone());
        faults.push(Fault::new(at, format!("{}: {error}", error.key.join("."))));
        lacks_names |= matches!(section, Some("params" | "inputs"));
        // The program's name itself is replaced, so this ends with the last fault.
        let is_whole_command = section == Some("command") && error.item.is_none();
        if is_whole_command || !leave_out(&mut value, &error.key, error.item) {
            return None;
        }
    }
}
