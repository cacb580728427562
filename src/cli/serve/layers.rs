//! Layers of settings for `serve`: the command line wins over the environment, which wins over the configuration file.
//!
//! Flags are declared to clap only. A value from the environment or the file becomes the default of its flag. It is validated
//! beforehand, so that the error can name the variable or the line.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::file::File;

/// Flags that are no keys of the configuration file.
const NO_KEYS: [&str; 2] = ["config", "check-config"];

/// Values by flag name, each as on the command line.
pub(super) type Values = BTreeMap<String, Vec<String>>;

/// Adds the environment variable of each flag to its help.
pub(in crate::cli) fn with_variables(command: Command) -> Command {
    command.mut_args(|flag| match (variable(&flag), flag.get_help()) {
        (Some(variable), Some(help)) => {
            let help = format!("{help} [env: {variable}]");
            flag.help(help)
        }
        _ => flag,
    })
}

/// Makes the values of the environment and the configuration file the defaults of the flags, and returns the sections of the
/// file. `given` are the arguments of the command line.
///
/// # Errors
/// A variable or the file is invalid; the message says where.
pub(in crate::cli) fn layered(
    command: Command,
    given: &ArgMatches,
) -> Result<(Command, File), String> {
    let mut values = environment(&command, given)?;
    let path = given.get_one::<std::path::PathBuf>("config");
    let path = path
        .map(std::path::PathBuf::as_path)
        .or_else(|| values.get("config")?.first().map(Path::new));
    let (file, keys) = match path {
        Some(path) => File::read(path, &command)?,
        None => Default::default(),
    };
    for (name, given) in keys {
        values.entry(name).or_insert(given);
    }
    let command = values.into_iter().fold(command, |command, (name, values)| {
        let id = flag(&command, &name).map(|flag| flag.get_id().clone());
        match id {
            Some(id) => command.mut_arg(id, |flag| flag.default_values(values)),
            None => command,
        }
    });
    Ok((command, file))
}

/// Names of the flags that are keys of the configuration file.
pub(super) fn keys(command: &Command) -> impl Iterator<Item = &str> {
    let names = command.get_arguments().filter_map(Arg::get_long);
    names.filter(|name| !NO_KEYS.contains(name))
}

/// Finds a flag by its name.
pub(super) fn flag<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command
        .get_arguments()
        .find(|flag| flag.get_long() == Some(name))
}

/// Whether a flag has no value.
pub(super) fn is_switch(flag: &Arg) -> bool {
    matches!(flag.get_action(), ArgAction::SetTrue)
}

/// Whether a flag may be repeated.
pub(super) fn is_list(flag: &Arg) -> bool {
    matches!(flag.get_action(), ArgAction::Append)
}

/// Whether a flag has a comma-separated list as its value.
pub(super) fn is_words(flag: &Arg) -> bool {
    matches!(flag.get_value_names(), Some([name, ..]) if name.ends_with("LIST"))
}

/// Whether a flag takes any string, so that a number in the file is a mistake.
pub(super) fn is_any_text(flag: &Arg) -> bool {
    matches!(flag.get_value_names(), Some([name, ..]) if ["DIR", "NAME"].contains(&name.as_str()))
}

/// Validates the values of a flag.
///
/// # Errors
/// A value is invalid; the message says what was expected.
pub(super) fn check(command: &Command, flag: &Arg, values: &[String]) -> Result<(), String> {
    let name = flag.get_long().unwrap_or_default();
    if is_switch(flag) {
        return Ok(());
    }
    let arguments = values.iter().map(|value| format!("--{name}={value}"));
    let judged = command
        .clone()
        .no_binary_name(true)
        .try_get_matches_from(arguments);
    let Err(error) = judged else {
        return Ok(());
    };
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => value.as_str(),
        _ => "",
    };
    let expected = match (error.get(ContextKind::ValidValue), flag.get_value_names()) {
        (Some(ContextValue::Strings(words)), _) => format!("one of {}", words.join(", ")),
        (_, Some([name, ..])) => for_people(name).to_owned(),
        _ => "a value".to_owned(),
    };
    let reason = error.source().map(|source| format!("{source}; "));
    Err(format!(
        "invalid value {value:?}: {}expected {expected}",
        reason.unwrap_or_default()
    ))
}

/// Describes the values that a placeholder of the help stands for.
fn for_people(name: &str) -> &str {
    match name {
        "TIME" => "a duration like \"90s\" or \"1h 30m\"",
        "N" => "a whole number, at least 1",
        name => name,
    }
}

/// The values of environment variables for flags that the command line leaves out. Empty variables are ignored.
///
/// # Errors
/// A variable is invalid.
fn environment(command: &Command, given: &ArgMatches) -> Result<Values, String> {
    let mut values = Values::new();
    for flag in command.get_arguments() {
        let (Some(name), Some(variable)) = (flag.get_long(), variable(flag)) else {
            continue;
        };
        let on_command_line =
            given.value_source(flag.get_id().as_str()) == Some(ValueSource::CommandLine);
        let Some(text) = std::env::var_os(&variable).filter(|text| !text.is_empty()) else {
            continue;
        };
        if on_command_line {
            continue;
        }
        let text = text
            .into_string()
            .map_err(|text| format!("{variable}: {} is not UTF-8", text.display()))?;
        let texts = if is_list(flag) {
            text.split(',').map(str::to_owned).collect()
        } else if is_switch(flag) {
            vec![switch(&text).map_err(|expected| format!("{variable}: {expected}"))?]
        } else {
            vec![text]
        };
        check(command, flag, &texts).map_err(|reason| format!("{variable}: {reason}"))?;
        values.insert(name.to_owned(), texts);
    }
    Ok(values)
}

fn switch(text: &str) -> Result<String, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok("true".to_owned()),
        "0" | "false" | "no" | "off" => Ok("false".to_owned()),
        _ => Err(format!("invalid value {text:?}: expected true or false")),
    }
}

fn variable(flag: &Arg) -> Option<String> {
    let name = flag.get_long()?.to_ascii_uppercase().replace('-', "_");
    let own = !matches!(flag.get_action(), ArgAction::Help | ArgAction::Version);
    own.then(|| format!("CLOAKROOM_{name}"))
}
