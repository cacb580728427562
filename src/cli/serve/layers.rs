//! A flag of `serve` may be given on the command line, by the environment or in the configuration file; the first of
//! these that has it counts.
//!
//! The flags are declared to clap alone. What an outer layer says becomes the flag's default, after clap has judged
//! it by itself, so that what is wrong is told together with where it stands.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::file::File;

/// Flags that a configuration file cannot give.
const NO_KEYS: [&str; 2] = ["config", "check-config"];

/// What flags are given, each as if it stood on the command line once for every value.
pub(super) type Values = BTreeMap<String, Vec<String>>;

/// Says in the help that each flag is a variable, too.
pub(in crate::cli) fn with_variables(command: Command) -> Command {
    command.mut_args(|flag| match (variable(&flag), flag.get_help()) {
        (Some(variable), Some(help)) => {
            let help = format!("{help} [env: {variable}]");
            flag.help(help)
        }
        _ => flag,
    })
}

/// Makes defaults of what the environment and the configuration file say, and gives the rest of that file. `given` is
/// what stands on the command line.
///
/// # Errors
/// What is wrong, and where.
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

/// The flags that a configuration file may give, by their names.
pub(super) fn keys(command: &Command) -> impl Iterator<Item = &str> {
    let names = command.get_arguments().filter_map(Arg::get_long);
    names.filter(|name| !NO_KEYS.contains(name))
}

/// The flag with this name.
pub(super) fn flag<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command
        .get_arguments()
        .find(|flag| flag.get_long() == Some(name))
}

/// Whether a flag is there or not, and has no value.
pub(super) fn is_switch(flag: &Arg) -> bool {
    matches!(flag.get_action(), ArgAction::SetTrue)
}

/// Whether a flag may be repeated.
pub(super) fn is_list(flag: &Arg) -> bool {
    matches!(flag.get_action(), ArgAction::Append)
}

/// Whether a flag has one value that is words in a row.
pub(super) fn is_words(flag: &Arg) -> bool {
    matches!(flag.get_value_names(), Some([name, ..]) if name.ends_with("LIST"))
}

/// Whether a flag takes any text, so that a number is one by mistake.
pub(super) fn is_any_text(flag: &Arg) -> bool {
    matches!(flag.get_value_names(), Some([name, ..]) if ["DIR", "NAME"].contains(&name.as_str()))
}

/// Finds out whether a flag takes these values.
///
/// # Errors
/// What was expected.
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
        "{value:?} does not do: {}expected {expected}",
        reason.unwrap_or_default()
    ))
}

/// What the name of a flag's value means, where that is not plain.
fn for_people(name: &str) -> &str {
    match name {
        "TIME" => "a duration like \"90s\" or \"1h 30m\"",
        "N" => "a whole number, at least 1",
        name => name,
    }
}

/// What the environment says of flags that do not stand on the command line. An empty variable says nothing.
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
        _ => Err(format!("{text:?} does not do: expected true or false")),
    }
}

fn variable(flag: &Arg) -> Option<String> {
    let name = flag.get_long()?.to_ascii_uppercase().replace('-', "_");
    let own = !matches!(flag.get_action(), ArgAction::Help | ArgAction::Version);
    own.then(|| format!("CLOAKROOM_{name}"))
}
