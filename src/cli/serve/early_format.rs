//! The format of the log while the settings are not known to be valid.

use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use crate::cli::log::LogFormat;

/// The format in which to report invalid settings: that of `--log-format`, `CLOAKROOM_LOG_FORMAT` or the configuration file,
/// if one of them is readable, and text otherwise.
pub(in crate::cli) fn early_log_format() -> LogFormat {
    let arguments = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned());
    let arguments: Vec<_> = arguments.collect();
    if arguments.first().is_none_or(|command| command != "serve") {
        return LogFormat::Text;
    }
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let format = option(&arguments, "--log-format")
        .or_else(|| variable("CLOAKROOM_LOG_FORMAT"))
        .or_else(|| {
            let path = option(&arguments, "--config").or_else(|| variable("CLOAKROOM_CONFIG"))?;
            in_file(&PathBuf::from(path))
        });
    match format.as_deref() {
        Some("json") => LogFormat::Json,
        _ => LogFormat::Text,
    }
}

/// The value of an option on the command line, as `NAME VALUE` or `NAME=VALUE`.
fn option(arguments: &[String], name: &str) -> Option<String> {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.strip_prefix(name) {
            Some("") => return rest.next().cloned(),
            Some(value) if value.starts_with('=') => return Some(value[1..].to_owned()),
            _ => {}
        }
    }
    None
}

fn in_file(path: &std::path::Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let document = DeTable::parse(&text).ok()?;
    match document.get_ref().get("log-format")?.get_ref() {
        DeValue::String(format) => Some(format.clone().into_owned()),
        _ => None,
    }
}
