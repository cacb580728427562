//! Layers of settings for `serve`: the command line wins over the environment, which wins over the configuration file.
//!
//! Flags are declared to clap only. A value from the environment or the file becomes the default of its flag. It is validated
//! beforehand, so that the error can name the variable or the line.

use std::ffi::OsString;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command};

use super::command::Serve;
use super::file::File;
use super::flag_kinds::{Values, check, flag, is_list, is_switch};
use crate::config::Config;

/// Adds the environment variable of each flag to its help.
pub(in crate::cli) fn with_variables(command: Command) -> Command {
    command.mut_args(|flag| match (variable(&flag), flag.get_help()) {
        (Some(variable), Some(help)) => {
            let long = format!("{help}\n\n[env: {variable}]");
            let short = format!("{help} [env: {variable}]");
            flag.help(short).long_help(long)
        }
        _ => flag,
    })
}

/// Makes the values of the environment and the configuration file the defaults of the flags, and returns the sections of the
/// file, and the faults of both. `given` are the arguments of the command line.
pub(in crate::cli) fn layered(command: Command, given: &ArgMatches) -> (Command, File) {
    let (mut values, mut faults) = environment(&command, given);
    let path = given.get_one::<std::path::PathBuf>("config");
    let path = path
        .map(std::path::PathBuf::as_path)
        .or_else(|| values.get("config")?.first().map(Path::new));
    let (mut file, keys) = match path {
        Some(path) => File::read(path, &command),
        None => Default::default(),
    };
    faults.append(&mut file.faults);
    file.faults = faults;
    for (name, given) in keys {
        values.entry(name).or_insert(given);
    }
    let on_command_line = given.value_source("listen") == Some(ValueSource::CommandLine);
    file.sets_listen = on_command_line || values.contains_key("listen");
    let command = values.into_iter().fold(command, |command, (name, values)| {
        let id = flag(&command, &name).map(|flag| flag.get_id().clone());
        match id {
            Some(id) => command.mut_arg(id, |flag| flag.default_values(values)),
            None => command,
        }
    });
    (command, file)
}

/// Copies the operations and limits of a configuration file, for a command without the flags of `serve`. The file's other
/// settings are only validated.
///
/// # Errors
/// The file cannot be read or is invalid; the message has all faults.
pub(in crate::cli) fn fill_operations(config: &mut Config, path: &Path) -> Result<(), String> {
    let flags = Serve::augment_args(Command::new("serve"));
    let (file, _) = File::read(path, &flags);
    if !file.faults.is_empty() {
        return Err(file.faults.join("\n"));
    }
    file.fill(config);
    config.routes.clear();
    Ok(())
}

/// The values of environment variables for flags that the command line leaves out, and the faults of those that are
/// invalid. Empty variables are ignored.
fn environment(command: &Command, given: &ArgMatches) -> (Values, Vec<String>) {
    let (mut values, mut faults) = (Values::new(), Vec::new());
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
        match flag_values(command, flag, text) {
            Ok(texts) => {
                values.insert(name.to_owned(), texts);
            }
            Err(reason) => faults.push(format!("{variable}: {reason}")),
        }
    }
    (values, faults)
}

/// The values of a flag in the text of its variable.
///
/// # Errors
/// The text is not UTF-8, or a value is invalid.
fn flag_values(command: &Command, flag: &Arg, text: OsString) -> Result<Vec<String>, String> {
    let text = text
        .into_string()
        .map_err(|text| format!("{} is not UTF-8", text.display()))?;
    let texts = if is_list(flag) {
        text.split(',').map(str::to_owned).collect()
    } else if is_switch(flag) {
        vec![switch(&text)?]
    } else {
        vec![text]
    };
    check(command, flag, &texts)?;
    Ok(texts)
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
