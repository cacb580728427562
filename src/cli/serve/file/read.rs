//! The configuration file: every flag by its name, and sections for what has no flag.
//!
//! What is wrong is told by file and line, with what was expected there.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::cli::serve::file::fault;
use crate::cli::serve::file::fault::Fault;
use crate::cli::serve::layers;
use crate::cli::serve::layers::Values;
use crate::cloakroom::StartError;
use crate::config::{Callbacks, CommandSpec, Config, Limits, OperationOverrides, Route};
use crate::http::RouteFault;
use crate::operations::{Command, Registry, check_name};
use crate::roots::RootSpec;

pub(in crate::cli::serve::file) type Value<'a> = Spanned<DeValue<'a>>;

pub(in crate::cli::serve::file) const SECTIONS: [&str; 5] =
    ["roots", "limits", "callbacks", "operations", "route"];

/// What a configuration file says besides flags.
#[derive(Default)]
pub(in crate::cli) struct File {
    pub(in crate::cli::serve::file) limits: Limits,
    pub(in crate::cli::serve::file) callbacks: Callbacks,
    pub(in crate::cli::serve::file) operations: BTreeMap<String, OperationOverrides>,
    pub(in crate::cli::serve::file) commands: BTreeMap<String, CommandSpec>,
    pub(in crate::cli::serve::file) routes: Vec<Route>,
    pub(in crate::cli::serve) places: Places,
}

/// The lines of a table's keys.
pub(in crate::cli::serve::file) type Lines = BTreeMap<&'static str, usize>;

/// Where a file says what can only be judged later: the operator's own addresses, and roots.
#[derive(Default)]
pub(in crate::cli::serve) struct Places {
    pub(in crate::cli::serve::file) path: PathBuf,
    pub(in crate::cli::serve::file) routes: Vec<Lines>,
    pub(in crate::cli::serve::file) roots: Vec<(PathBuf, usize)>,
}

impl Places {
    /// `FILE:LINE: what is wrong` with an address.
    pub(in crate::cli::serve) fn show_route(&self, fault: &RouteFault) -> String {
        let route = self.routes.get(fault.route);
        self.show(route.and_then(|keys| keys.get(fault.key)), fault)
    }

    /// The same of a root, `path`.
    pub(in crate::cli::serve) fn show_root(&self, path: &Path, fault: &StartError) -> String {
        let root = self.roots.iter().find(|(root, _)| root == path);
        self.show(root.map(|(_, line)| line), fault)
    }

    pub(in crate::cli::serve::file) fn show(
        &self,
        line: Option<&usize>,
        fault: &dyn std::fmt::Display,
    ) -> String {
        match line {
            Some(line) => format!("{}:{line}: {fault}", self.path.display()),
            None => fault.to_string(),
        }
    }

    /// Notes where roots are named, each as `--root` has it.
    pub(in crate::cli::serve::file) fn note_roots(&mut self, roots: &[String], line: usize) {
        let roots = roots
            .iter()
            .filter_map(|root| root.parse::<RootSpec>().ok());
        self.roots.extend(roots.map(|root| (root.path, line)));
    }
}

impl File {
    /// Reads a file: its sections, and what it says of the `flags`.
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub(in crate::cli::serve) fn read(
        path: &Path,
        flags: &clap::Command,
    ) -> Result<(Self, Values), String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        let parsed = parse(&text, flags);
        let (mut file, values) = parsed.map_err(|fault| fault.show(path, &text))?;
        path.clone_into(&mut file.places.path);
        Ok((file, values))
    }

    /// Puts the sections into the settings.
    pub(in crate::cli::serve) fn fill(self, config: &mut Config) {
        config.limits = self.limits;
        config.callbacks = self.callbacks;
        config.operations = self.operations;
        config.commands = self.commands;
        config.routes = self.routes;
    }
}

pub(in crate::cli::serve::file) fn parse(
    text: &str,
    flags: &clap::Command,
) -> Result<(File, Values), Fault> {
    let document = DeTable::parse(text)?;
    let (mut file, mut values) = (File::default(), Values::new());
    for (key, value) in document.into_inner() {
        match key.get_ref().as_ref() {
            "roots" => {
                for (root, at) in roots(value)? {
                    let root = [root];
                    file.places.note_roots(&root, fault::line(text, at.start));
                    values.entry("root".to_owned()).or_default().extend(root);
                }
            }
            "limits" => file.limits = section(value)?,
            "callbacks" => file.callbacks = section(value)?,
            "operations" => operations(value, &mut file)?,
            "route" => (file.routes, file.places.routes) = routes(value, text)?,
            name => {
                let flag = layers::keys(flags)
                    .find(|key| *key == name)
                    .and_then(|name| layers::flag(flags, name));
                let flag = flag.ok_or_else(|| {
                    let known = layers::keys(flags).chain(SECTIONS);
                    Fault::unknown_key(key.span(), name, known)
                })?;
                let at = value.span();
                let texts = texts(flag, &value)?;
                if name == "root" {
                    file.places.note_roots(&texts, fault::line(text, at.start));
                }
                layers::check(flags, flag, &texts)
                    .map_err(|reason| Fault::new(at, format!("{name}: {reason}")))?;
                values.entry(name.to_owned()).or_default().extend(texts);
            }
        }
    }
    Ok((file, values))
}

pub(in crate::cli::serve::file) fn section<T: DeserializeOwned>(
    value: Value<'_>,
) -> Result<T, Fault> {
    Ok(T::deserialize(ValueDeserializer::from(value))?)
}

/// What a flag's key holds, as the words of a command line.
pub(in crate::cli::serve::file) fn texts(
    flag: &clap::Arg,
    value: &Value<'_>,
) -> Result<Vec<String>, Fault> {
    let expected = if layers::is_switch(flag) {
        "true or false"
    } else if layers::is_list(flag) || layers::is_words(flag) {
        "a text or a list of texts"
    } else if layers::is_any_text(flag) {
        "a text"
    } else {
        "a text or a number"
    };
    let name = flag.get_long().unwrap_or_default();
    let one = |value: &Value<'_>| match (value.get_ref(), layers::is_switch(flag)) {
        (DeValue::String(text), false) => Ok(text.clone().into_owned()),
        (DeValue::Integer(number), false) if !layers::is_any_text(flag) => {
            Ok(number.as_str().to_owned())
        }
        (DeValue::Boolean(on), true) => Ok(on.to_string()),
        (other, _) => {
            let found = other.type_str();
            Err(Fault::new(
                value.span(),
                format!("{name}: {found} does not do: expected {expected}"),
            ))
        }
    };
    match value.get_ref() {
        DeValue::Array(items) if layers::is_list(flag) => items.iter().map(one).collect(),
        DeValue::Array(items) if layers::is_words(flag) => {
            let words: Vec<_> = items.iter().map(one).collect::<Result<_, _>>()?;
            Ok(vec![words.join(",")])
        }
        _ => Ok(vec![one(value)?]),
    }
}

/// `NAME = "PATH[:ro]"`, each as `--root` has it.
pub(in crate::cli::serve::file) fn roots(
    value: Value<'_>,
) -> Result<Vec<(String, Range<usize>)>, Fault> {
    let roots: BTreeMap<Spanned<String>, Spanned<String>> = section(value)?;
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
                format!("{:?} is not a root's name", name.get_ref()),
            )),
            Err(reason) => Err(Fault::new(at, reason)),
        }
    };
    roots.into_iter().map(root).collect()
}

/// Operations that are built in and those that are commands, as the key `command` tells.
pub(in crate::cli::serve::file) fn operations(
    value: Value<'_>,
    file: &mut File,
) -> Result<(), Fault> {
    let registry = Registry::built_in();
    for (key, value) in tables(value)? {
        let name = key.get_ref().as_ref();
        let is_command = value.get_ref().get("command").is_some();
        let is_built_in = registry.get(name).is_some();
        match (is_command, is_built_in) {
            (true, true) => {
                let message = format!("{name:?} is built in and takes no \"command\"");
                return Err(Fault::new(key.span(), message));
            }
            (false, false) => {
                let message =
                    format!("{name:?} is no operation that is built in, and has no \"command\"");
                return Err(Fault::new(key.span(), message));
            }
            (false, true) => {
                let tuning = section(value)?;
                file.operations.insert(name.to_owned(), tuning);
            }
            (true, false) => {
                let spec = command(key.span(), name, value)?;
                file.commands.insert(name.to_owned(), spec);
            }
        }
    }
    Ok(())
}

/// A command, which is checked here, where it is known what stands where.
pub(in crate::cli::serve::file) fn command(
    at: Range<usize>,
    name: &str,
    value: Value<'_>,
) -> Result<CommandSpec, Fault> {
    check_name(name).map_err(|error| Fault::new(at.clone(), error.to_string()))?;
    let declared = value.clone();
    let spec = section(value)?;
    let command = Command::new(name, &spec, Path::new("")).map_err(|error| {
        let at = place(&declared, &error.key, error.item).unwrap_or(at.clone());
        Fault::new(at, format!("{}: {error}", error.key.join(".")))
    })?;
    let registered = Registry::default().register(Arc::new(command));
    registered.map_err(|error| Fault::new(at, error.to_string()))?;
    Ok(spec)
}

/// Where a key's value is, or one item of it; of the innermost key that is there.
pub(in crate::cli::serve::file) fn place(
    value: &Value<'_>,
    key: &[String],
    item: Option<usize>,
) -> Option<Range<usize>> {
    let mut place = value;
    for key in key {
        let Some(next) = place.get_ref().get(key.as_str()) else {
            return Some(place.span());
        };
        place = next;
    }
    Some(match item {
        Some(item) => place.get_ref().get(item)?.span(),
        None => place.span(),
    })
}

/// The tables of a section that has one for each name.
pub(in crate::cli::serve::file) fn tables(value: Value<'_>) -> Result<DeTable<'_>, Fault> {
    let at = value.span();
    match value.into_inner() {
        DeValue::Table(tables) => Ok(tables),
        other => {
            let message = format!("{} does not do: expected a table", other.type_str());
            Err(Fault::new(at, message))
        }
    }
}

/// The operator's own addresses, and where in the file each of their keys is.
pub(in crate::cli::serve::file) fn routes(
    value: Value<'_>,
    text: &str,
) -> Result<(Vec<Route>, Vec<Lines>), Fault> {
    let at = value.span();
    let DeValue::Array(declared) = value.into_inner() else {
        let message = "route: expected tables, each begun with [[route]]";
        return Err(Fault::new(at, message.to_owned()));
    };
    let (mut routes, mut places) = (Vec::new(), Vec::new());
    for one in declared {
        let keys = ["operation", "submit", "status", "result", "words"];
        let line = |key: &'static str| {
            let at = place(&one, &[key.to_owned()], None);
            (
                key,
                fault::line(text, at.unwrap_or_else(|| one.span()).start),
            )
        };
        places.push(keys.map(line).into());
        routes.push(section(one)?);
    }
    Ok((routes, places))
}
