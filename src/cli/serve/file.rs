//! The configuration file: a key for every flag, and sections for settings without a flag.
//!
//! Errors name the file and line, and what was expected there.

use std::path::{Path, PathBuf};

use toml::de::DeValue;

use crate::cli::serve::flag_kinds;
use crate::cli::serve::flag_kinds::Values;
use crate::cloakroom::StartError;
use crate::config::{Config, Route};
use crate::http::RouteFault;
use crate::operations::command;
use crate::toml_file::{Fault, Keys, Lines, Sections, Value, parse, type_name};

/// The sections of a configuration file.
#[derive(Default)]
pub(in crate::cli) struct File {
    sections: Sections,
    pub(in crate::cli::serve) lines: SettingLines,
    /// Faults of the file and of environment variables, as messages. Keys with a fault are left out.
    pub(in crate::cli::serve) faults: Vec<String>,
    /// Whether the command line, the environment or the file sets the addresses to listen on.
    pub(in crate::cli::serve) sets_listen: bool,
}

/// The lines of settings that are only validated at the start of the server: custom routes, roots and programs.
#[derive(Default)]
pub(in crate::cli::serve) struct SettingLines {
    path: PathBuf,
    lines: Lines,
}

impl SettingLines {
    /// Formats an error in a custom route as `FILE:LINE: message`.
    pub(in crate::cli::serve) fn route_error(&self, fault: &RouteFault) -> String {
        let route = self.lines.routes.get(fault.route);
        self.with_line(route.and_then(|keys| keys.get(fault.key)), fault)
    }

    /// Formats an error in the root at `path` as `FILE:LINE: message`.
    pub(in crate::cli::serve) fn root_error(&self, path: &Path, fault: &StartError) -> String {
        let root = self.lines.roots.iter().find(|(root, _)| root == path);
        self.with_line(root.map(|(_, line)| line), fault)
    }

    /// Whether the error in a custom route follows from a fault in the declaration of its operation.
    pub(in crate::cli::serve) fn is_consequence(&self, fault: &RouteFault, route: &Route) -> bool {
        fault.key == "operation" && self.lines.invalid_operations.contains(&route.operation)
    }

    /// Formats a warning for each command whose program cannot be found.
    pub(in crate::cli::serve) fn missing_programs(&self, config: &Config) -> Vec<String> {
        let missing = config.commands.iter().filter_map(|(name, spec)| {
            let problem = command::missing_program(spec)?;
            let message = format!("warning: operations.{name}.command: {problem}");
            Some(self.with_line(self.lines.commands.get(name), &message))
        });
        missing.collect()
    }

    fn with_line(&self, line: Option<&usize>, fault: &dyn std::fmt::Display) -> String {
        match line {
            Some(line) => format!("{}:{line}: {fault}", self.path.display()),
            None => fault.to_string(),
        }
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
        let mut keys = FlagKeys {
            flags,
            values: Values::new(),
        };
        let (mut sections, faults) = parse(&text, &mut keys);
        let faults = faults.iter().map(|fault| fault.with_line(path, &text));
        let file = Self {
            faults: faults.collect(),
            lines: SettingLines {
                path: path.to_owned(),
                lines: std::mem::take(&mut sections.lines),
            },
            sections,
            sets_listen: false,
        };
        (file, keys.values)
    }

    /// Copies the sections to the configuration.
    pub(in crate::cli::serve) fn fill(self, config: &mut Config) {
        self.sections.fill(config);
    }
}

/// The keys that are flags, and their values.
struct FlagKeys<'a> {
    flags: &'a clap::Command,
    values: Values,
}

impl Keys for FlagKeys<'_> {
    fn names(&self) -> Vec<&str> {
        flag_kinds::keys(self.flags).collect()
    }

    fn take(&mut self, name: &str, value: &Value<'_>, faults: &mut Vec<Fault>) -> Vec<String> {
        let Some(flag) = flag_kinds::flag(self.flags, name) else {
            return Vec::new();
        };
        let at = value.span();
        let mut taken = Vec::new();
        for one in flag_values(flag, value) {
            let checked = one.and_then(|one| {
                flag_kinds::check(self.flags, flag, std::slice::from_ref(&one))
                    .map_err(|reason| Fault::new(at.clone(), format!("{name}: {reason}")))?;
                Ok(one)
            });
            match checked {
                Ok(one) => taken.push(one),
                Err(fault) => faults.push(fault),
            }
        }
        if !taken.is_empty() {
            let values = self.values.entry(name.to_owned()).or_default();
            values.extend(taken.iter().cloned());
        }
        if name == "root" { taken } else { Vec::new() }
    }

    fn take_root(&mut self, root: String) {
        self.values.entry("root".to_owned()).or_default().push(root);
    }
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
