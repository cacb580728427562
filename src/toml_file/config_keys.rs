//! [`Config::from_toml`]: the keys of the configuration file that concern a server, without those of its process.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use toml::de::DeValue;

use crate::config::{Config, data_folder, host_name};
use crate::toml_file::document::{Keys, parse};
use crate::toml_file::fault::Fault;
use crate::toml_file::section::{Value, section, type_name};

/// The keys of [`Config`].
const KEYS: [&str; 11] = [
    "data",
    "listen",
    "root",
    "workers",
    "idle-timeout",
    "drain-timeout",
    "host",
    "public-url",
    "allow-origin",
    "dialects",
    "insecure-no-token",
];
/// The keys about what `cloakroom serve` writes, which make no difference to a program.
const OUTPUT_KEYS: [&str; 3] = ["announce", "log", "log-format"];
/// The keys about the process of `cloakroom serve`.
const PROCESS_KEYS: [&str; 3] = ["token-per-run", "token-fd", "exit-with-parent"];

/// A fault in settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TomlFault {
    /// The number of the line, from 1.
    pub line: usize,
    /// What is wrong there, and what was expected.
    pub message: String,
}

/// Settings are invalid. Holds every fault, in the order of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TomlError(pub Vec<TomlFault>);

impl fmt::Display for TomlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, TomlFault { line, message }) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "\n" };
            write!(f, "{separator}line {line}: {message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for TomlError {}

impl Config {
    /// Reads settings in the format of the configuration file of `cloakroom serve`, as `examples/cloakroom.toml` shows it.
    /// Keys that are left out have their defaults; without `listen` that is `127.0.0.1:7070`.
    ///
    /// The keys about the log and the announcement have no effect. Those about the process (`token-per-run`, `token-fd` and
    /// `exit-with-parent`) are faults, because the program decides these itself. Environment variables are not read.
    ///
    /// ```
    /// # use cloakroom::config::Config;
    /// let config = Config::from_toml("idle-timeout = '2h'\n[limits]\nqueue = 50").expect("it is valid");
    /// assert_eq!(config.limits.max_queued_jobs, 50);
    /// ```
    ///
    /// # Errors
    /// All faults, with their lines. Roots, routes and addresses are checked at the start of the server.
    pub fn from_toml(text: &str) -> Result<Self, TomlError> {
        let mut keys = ConfigKeys::default();
        let (sections, faults) = parse(text, &mut keys);
        if faults.is_empty() {
            let mut config = keys.0;
            sections.fill(&mut config);
            return Ok(config);
        }
        let fault = |fault: Fault| {
            let (line, message) = fault.at_line(text);
            TomlFault { line, message }
        };
        Err(TomlError(faults.into_iter().map(fault).collect()))
    }
}

#[derive(Default)]
struct ConfigKeys(Config);

impl Keys for ConfigKeys {
    fn names(&self) -> Vec<&str> {
        KEYS.into_iter()
            .chain(OUTPUT_KEYS)
            .chain(PROCESS_KEYS)
            .collect()
    }

    fn take(&mut self, name: &str, value: &Value<'_>, faults: &mut Vec<Fault>) -> Vec<String> {
        let mut key = Key {
            name,
            value,
            faults,
        };
        let config = &mut self.0;
        match name {
            "data" => key.set(&mut config.data, data_folder),
            "listen" => key.set_list(&mut config.listen, str::parse),
            "root" => {
                let before = config.roots.len();
                let mut roots = Vec::new();
                key.set_list(&mut roots, str::parse);
                config.roots.extend(roots);
                let new = &config.roots[before..];
                return new
                    .iter()
                    .map(|root| root.path.to_string_lossy().into_owned())
                    .collect();
            }
            "workers" => {
                if let Some(workers) = key.read::<u16>("a whole number, at least 1") {
                    if workers == 0 {
                        key.fault("expected a whole number, at least 1, found 0");
                    } else {
                        config.workers = workers.into();
                    }
                }
            }
            "idle-timeout" => key.set(&mut config.idle_timeout, duration),
            "drain-timeout" => key.set(&mut config.drain_timeout, duration),
            "host" => key.set_list(&mut config.hosts, host_name),
            "public-url" => {
                let mut url = None;
                key.set(&mut url, |text| text.parse().map(Some));
                config.public_url = url;
            }
            "allow-origin" => key.set_list(&mut config.allow_origins, str::parse),
            "dialects" => {
                let words = key.texts().join(",");
                key.parse(&words, FromStr::from_str, &mut config.dialects);
            }
            "insecure-no-token" => {
                if let Some(insecure) = key.read("true or false") {
                    config.insecure_no_token = insecure;
                }
            }
            name if OUTPUT_KEYS.contains(&name) => {}
            _ => key.fault(
                "a setting of the process of `cloakroom serve`, which this program decides itself",
            ),
        }
        Vec::new()
    }

    fn take_root(&mut self, root: String) {
        // It was parsed before.
        self.0.roots.extend(root.parse().ok());
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a duration like \"90s\" or \"1h 30m\"".to_owned();
    humantime::parse_duration(text).map_err(|_| expected())
}

/// A key that is being read.
struct Key<'a, 'v> {
    name: &'a str,
    value: &'a Value<'v>,
    faults: &'a mut Vec<Fault>,
}

impl Key<'_, '_> {
    fn fault(&mut self, message: &str) {
        let message = format!("{}: {message}", self.name);
        self.faults.push(Fault::new(self.value.span(), message));
    }

    /// Reads a value that is no text.
    fn read<T: DeserializeOwned>(&mut self, expected: &str) -> Option<T> {
        let read = section(self.value.clone(), &mut Vec::new());
        if read.is_none() {
            let found = type_name(self.value.get_ref());
            self.fault(&format!("expected {expected}, found {found}"));
        }
        read
    }

    /// The string, or the strings of the list.
    fn texts(&mut self) -> Vec<String> {
        let texts = match self.value.get_ref() {
            DeValue::Array(items) => items.iter().map(|item| text_of(item.get_ref())).collect(),
            other => text_of(other).map(|text| vec![text]),
        };
        texts.unwrap_or_else(|found| {
            self.fault(&format!(
                "expected a string or a list of strings, found {found}"
            ));
            Vec::new()
        })
    }

    fn set<T>(&mut self, to: &mut T, parse: impl FnOnce(&str) -> Result<T, String>) {
        match text_of(self.value.get_ref()) {
            Ok(text) => self.parse(&text, parse, to),
            Err(found) => self.fault(&format!("expected a string, found {found}")),
        }
    }

    fn set_list<T>(&mut self, to: &mut Vec<T>, parse: impl Fn(&str) -> Result<T, String>) {
        let mut all = Vec::new();
        for text in self.texts() {
            match parse(&text) {
                Ok(one) => all.push(one),
                Err(reason) => self.fault(&format!("invalid value {text:?}: {reason}")),
            }
        }
        *to = all;
    }

    fn parse<T>(&mut self, text: &str, parse: impl FnOnce(&str) -> Result<T, String>, to: &mut T) {
        match parse(text) {
            Ok(parsed) => *to = parsed,
            Err(reason) => self.fault(&format!("invalid value {text:?}: {reason}")),
        }
    }
}

/// The text of a string.
///
/// # Errors
/// The type of another value.
fn text_of(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        other => Err(type_name(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Dialect;

    #[test]
    fn example_configuration_is_read() {
        let text = include_str!("../../examples/cloakroom.toml");
        let config = Config::from_toml(text).unwrap_or_else(|error| panic!("{error}"));
        assert!(config.commands.contains_key("convert-document"));
    }

    #[test]
    fn settings_are_those_of_the_command_line() {
        let text = "data = 'd'\nlisten = ['127.0.0.1:1', 'unix:s']\nworkers = 3\nidle-timeout = '2h'\n\
                    drain-timeout = '0s'\nhost = 'h'\npublic-url = 'https://a.example/x'\n\
                    allow-origin = ['app://.']\ndialects = ['onedrive', 'custom']\ninsecure-no-token = true\n\
                    root = '/r:ro'\n[roots]\nb = '/b'\n[limits]\nqueue = 7\n";
        let config = Config::from_toml(text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.data, std::path::Path::new("d"));
        let listen: Vec<_> = config.listen.iter().map(ToString::to_string).collect();
        assert_eq!(listen, ["127.0.0.1:1", "unix:s"]);
        assert_eq!((config.workers, config.limits.max_queued_jobs), (3, 7));
        assert_eq!(config.idle_timeout, Duration::from_hours(2));
        assert_eq!(config.drain_timeout, Duration::ZERO);
        assert_eq!(config.hosts, ["h"]);
        assert_eq!(
            config.public_url.map(|url| url.to_string()).as_deref(),
            Some("https://a.example/x")
        );
        assert_eq!(config.allow_origins[0].as_str(), "app://.");
        assert!(config.dialects.has(Dialect::Onedrive) && !config.dialects.has(Dialect::XmlMerge));
        assert!(config.insecure_no_token);
        let roots: Vec<_> = config
            .roots
            .iter()
            .map(|root| (root.name.as_deref(), root.read_only))
            .collect();
        assert_eq!(roots, [(None, true), (Some("b"), false)]);
        let plain = Config::from_toml("").expect("it is valid");
        assert_eq!(plain.listen, Config::default().listen);
    }

    #[test]
    fn all_faults_have_their_lines() {
        let text = "data = 3\nworkers = 0\nlisten = ['x', '127.0.0.1:1', 'y']\ntoken-per-run = true\nidle-timeout = 5\n\
                    wrokers = 1\ninsecure-no-token = 'yes'\n[limits]\nqueue = 'many'\n";
        let error = Config::from_toml(text).expect_err("it has faults");
        let lines: Vec<_> = error.0.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [1, 2, 3, 3, 4, 5, 6, 7, 9], "{error}");
        let text = error.to_string();
        assert!(
            text.starts_with("line 1: data: expected a string, found an integer\n"),
            "{text}"
        );
        assert!(text.contains("did you mean \"workers\"?"), "{text}");
        let broken = Config::from_toml("data = ").expect_err("it is no TOML");
        assert_eq!(broken.0[0].line, 1);
    }
}
