//! The flags of `serve` as clap knows them: names, kinds of values, and validation of a value.

use std::collections::BTreeMap;
use std::error::Error;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};

/// Flags that are no keys of the configuration file.
const NO_KEYS: [&str; 2] = ["config", "check-config"];

/// The placeholder of durations in the help.
const DURATION: &str = "TIME";

/// The placeholder of file descriptors in the help.
const DESCRIPTOR: &str = "FD";

/// Values by flag name, each as on the command line.
pub(super) type Values = BTreeMap<String, Vec<String>>;

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
pub(super) fn is_comma_list(flag: &Arg) -> bool {
    matches!(flag.get_value_names(), Some([name, ..]) if name.ends_with("LIST"))
}

/// Whether a number in the file is a mistake. A duration without a unit gets a better message from its parser.
pub(super) fn takes_only_strings(flag: &Arg) -> bool {
    !has_value_name(flag, &["N", DESCRIPTOR, DURATION])
}

fn has_value_name(flag: &Arg, names: &[&str]) -> bool {
    matches!(flag.get_value_names(), Some([name, ..]) if names.contains(&name.as_str()))
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
        (_, Some([name, ..])) => describe_value(name).to_owned(),
        _ => "a value".to_owned(),
    };
    let reason = error.source().map(ToString::to_string);
    // The parser of durations reports positions in the text.
    let reason = match reason.filter(|_| !has_value_name(flag, &[DURATION])) {
        Some(reason) if reason.contains("expected ") => reason,
        Some(reason) => format!("{reason}; expected {expected}"),
        None => format!("expected {expected}"),
    };
    Err(format!("invalid value {value:?}: {reason}"))
}

/// Describes the values that a placeholder of the help stands for.
fn describe_value(name: &str) -> &str {
    match name {
        DURATION => "a duration like \"90s\" or \"1h 30m\"",
        DESCRIPTOR => "the number of an open file descriptor",
        "N" => "a whole number, at least 1",
        name => name,
    }
}
