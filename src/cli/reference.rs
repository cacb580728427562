//! Generates the tables of `docs/configuration.md` from the definitions of the flags and of the configuration file, and
//! fails when the page is not up to date. To regenerate the tables:
//!
//! ```text
//! UPDATE_DOCS=1 cargo test --lib configuration_page
//! ```

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Arg, ArgAction, CommandFactory};
use schemars::{JsonSchema, schema_for};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::command_line::Arguments;
use crate::config::{
    Callbacks, CommandSpec, FieldNames, InputSpec, Limits, OperationOverrides, OutputSpec, Route,
};

const PAGE: &str = "docs/configuration.md";

/// The options that lead to a server.
const CONNECTION: [&str; 4] = ["`--url`", "`--data`", "`--token`", "`--ca`"];

/// One row of a table.
#[derive(PartialEq)]
struct Row {
    key: String,
    value: String,
    default: String,
    meaning: String,
}

#[test]
fn configuration_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = std::fs::read_to_string(&path).expect("the page");
    let mut expected = page.clone();
    for (name, content) in sections() {
        let (begin, end) = (
            format!("<!-- {name}: generated -->\n"),
            format!("<!-- end of {name} -->"),
        );
        let found = expected.split_once(&begin).and_then(|(before, rest)| {
            let (_, after) = rest.split_once(&end)?;
            Some(format!("{before}{begin}\n{content}\n{end}{after}"))
        });
        expected = found.unwrap_or_else(|| panic!("{PAGE} has no section {name}"));
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, expected).expect("the page can be written");
        return;
    }
    assert!(
        page == expected,
        "{PAGE} is not up to date: run UPDATE_DOCS=1 cargo test --lib configuration_page"
    );
}

/// The generated sections of the page.
fn sections() -> Vec<(&'static str, String)> {
    let command = "command = ['x']";
    let route = "operation = 'x'\nsubmit = '/x'\nstatus = '/x/{id}'\nresult = '/x/{id}/result'";
    let operation = keys::<OperationOverrides>("", "that of the operation");
    vec![
        ("flags", table("Key and flag", &flags())),
        ("limits", table("Key", &keys::<Limits>("", "none"))),
        ("callbacks", table("Key", &keys::<Callbacks>("", "none"))),
        ("operations", table("Key", &operation)),
        (
            "command",
            table("Key", &keys::<CommandSpec>(command, "none")),
        ),
        ("inputs", table("Key", &keys::<InputSpec>("", "none"))),
        ("output", table("Key", &keys::<OutputSpec>("", "none"))),
        ("route", table("Key", &keys::<Route>(route, "none"))),
        ("words", table("Key", &keys::<FieldNames>("", "none"))),
        ("commands", commands()),
    ]
}

fn table(key: &str, rows: &[Row]) -> String {
    let mut text = format!("| {key} | Value | Default | Meaning |\n|---|---|---|---|\n");
    for row in rows {
        let cells = [&row.key, &row.value, &row.default, &row.meaning];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        writeln!(text, "| {} |", cells.join(" | ")).expect("a string can be written");
    }
    text
}

/// Splits `Default: X.` or `[default: X]` off a description.
fn split_default(text: &str) -> (String, Option<String>) {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((before, rest)) = text.split_once("[default: ")
        && let Some((default, after)) = rest.split_once(']')
    {
        return (
            before.trim_end().to_owned() + after,
            Some(default.to_owned()),
        );
    }
    match text.split_once(" Default: ") {
        Some((before, default)) => {
            let default = default.trim_end_matches('.').to_owned();
            (before.to_owned(), Some(default))
        }
        None => (text, None),
    }
}

/// The keys of a section, as its type describes them and as the reader of the file judges them. `minimal` is a section with
/// the required keys only.
fn keys<T: Serialize + DeserializeOwned + JsonSchema>(minimal: &str, none: &str) -> Vec<Row> {
    let schema: Value = schema_for!(T).into();
    let defaults: T = toml::from_str(minimal).expect("the required keys suffice");
    let defaults = serde_json::to_value(&defaults).expect("it can be serialized");
    let required = schema["required"].as_array();
    let is_required = |key: &str| required.is_some_and(|all| all.iter().any(|one| one == key));
    let properties = schema["properties"].as_object().expect("it has keys");
    let row = |(key, property): (&String, &Value)| {
        let value = words(property, &schema).unwrap_or_else(|| value::<T>(key));
        let description = property["description"].as_str();
        let (meaning, default) = split_default(description.expect("every key is described"));
        let default = if is_required(key) {
            "required".to_owned()
        } else {
            let own = || text_of(&defaults[key], &value).unwrap_or_else(|| none.to_owned());
            default.unwrap_or_else(own)
        };
        Row {
            key: format!("`{key}`"),
            default,
            value,
            meaning,
        }
    };
    properties.iter().map(row).collect()
}

/// The words that a key accepts, if its type is an enumeration.
fn words(property: &Value, schema: &Value) -> Option<String> {
    let alternatives = property["anyOf"].as_array().into_iter().flatten();
    let mut places = std::iter::once(property).chain(alternatives);
    let target = places.find_map(|one| one["$ref"].as_str())?;
    let words = schema.pointer(target.strip_prefix('#')?)?["oneOf"].as_array()?;
    let words: Vec<_> = words.iter().map(|word| word["const"].to_string()).collect();
    Some(words.join(" or "))
}

/// What the reader of the file expects as a key's value: it is asked with values that do not fit.
fn value<T: DeserializeOwned>(key: &str) -> String {
    let expected = |value: &str| {
        let read: Result<T, _> = toml::from_str(&format!("{key} = {value}\n"));
        let error = read.err().map(|error| error.message().to_owned())?;
        Some(error.split_once(", expected ")?.1.to_owned())
    };
    let plain = |wanted: &str| match wanted {
        // Counts are rejected by their value, not by their type.
        "i64" => expected("0").unwrap_or_else(|| "a whole number".to_owned()),
        "a boolean" => "true or false".to_owned(),
        other => other.to_owned(),
    };
    match expected("{}").as_deref() {
        None => "a table".to_owned(),
        Some("a sequence") => {
            let item = expected("[{}]").map_or_else(|| "a table".to_owned(), |item| plain(&item));
            let item = item.strip_prefix("a ").unwrap_or(&item);
            match item.split_once(' ') {
                Some((noun, rest)) => format!("a list of {noun}s {rest}"),
                None => format!("a list of {item}s"),
            }
        }
        Some(expected) => plain(expected),
    }
}

/// A default as it is written in the file; `None` if the setting has no default.
fn text_of(default: &Value, kind: &str) -> Option<String> {
    let duration = |value: &Value| {
        let (secs, nanos) = (value["secs"].as_u64()?, value["nanos"].as_u64()?);
        let time = Duration::new(secs, u32::try_from(nanos).ok()?);
        Some(format!(
            "{:?}",
            humantime::format_duration(time).to_string()
        ))
    };
    match default {
        Value::Number(bytes) if kind.starts_with("bytes") => {
            let size = ByteSize(bytes.as_u64()?).display().iec().to_string();
            Some(format!("\"{}\"", size.replace(".0", "")))
        }
        Value::Object(members) if members.contains_key("secs") => duration(default),
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => {
            let items = items.iter().map(|item| text_of(item, kind));
            let items: Option<Vec<_>> = items.collect();
            Some(format!("[{}]", items?.join(", ")))
        }
        Value::Null | Value::Object(_) => None,
        other => Some(other.to_string()),
    }
    .map(|text| format!("`{text}`"))
    .map(|text| {
        text.replace("[`", "[")
            .replace("`, `", ", ")
            .replace("`]", "]")
    })
}

/// The flags of `serve`, each of them a key and an environment variable as well.
fn flags() -> Vec<Row> {
    let command = Arguments::command();
    let serve = command.find_subcommand("serve").expect("it is a command");
    serve
        .get_arguments()
        .filter(|one| !one.is_hide_set())
        .map(option)
        .collect()
}

fn option(arg: &Arg) -> Row {
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
    let names = arg.get_value_names().unwrap_or_default();
    let name = names.first().map_or("", |name| name.as_str());
    let key = match (arg.get_long(), arg.get_short()) {
        (Some(long), Some(short)) => format!("`-{short}`, `--{long}`"),
        (Some(long), None) => format!("`--{long}`"),
        (None, Some(short)) => format!("`-{short}`"),
        (None, None) => format!("`{name}`"),
    };
    let help = arg.get_long_help().or(arg.get_help());
    let (meaning, default) = split_default(&help.map(ToString::to_string).unwrap_or_default());
    let values = arg.get_default_values();
    let default = match (default, values) {
        (Some(default), _) => default,
        (None, []) if is_switch => "off".to_owned(),
        (None, []) if arg.is_required_set() => "required".to_owned(),
        (None, []) => "none".to_owned(),
        (None, values) => {
            let values = values.iter().map(|value| format!("`{}`", value.display()));
            values.collect::<Vec<_>>().join(", ")
        }
    };
    let possible = arg.get_possible_values();
    let possible: Vec<_> = possible
        .iter()
        .map(|one| format!("`{}`", one.get_name()))
        .collect();
    let mut value = if is_switch {
        "none".to_owned()
    } else if !possible.is_empty() {
        possible.join(" or ")
    } else if name == "N" {
        "a whole number, at least 1".to_owned()
    } else if name == "TIME" && !meaning.contains("duration") {
        "a duration like `90s` or `1h 30m`".to_owned()
    } else {
        format!("`{name}`")
    };
    if matches!(arg.get_action(), ArgAction::Append) {
        value.push_str(", repeatable");
    }
    // The column of values says whether it is repeatable.
    let meaning = meaning.trim().trim_end_matches('.');
    let meaning = meaning.strip_suffix(" Repeatable").unwrap_or(meaning);
    let meaning = meaning.trim_end_matches('.').to_owned() + ".";
    let variable = arg
        .get_env()
        .map(|name| format!(" Variable: `{}`.", name.display()));
    Row {
        key,
        value,
        default,
        meaning: meaning + &variable.unwrap_or_default(),
    }
}

/// The arguments and options of every command but `serve`. Those that lead to the server are described once.
fn commands() -> String {
    let command = Arguments::command();
    let rows = |command: &clap::Command| -> Vec<Row> {
        let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
        shown.map(option).collect()
    };
    let status = command.find_subcommand("status").expect("it is a command");
    let mut connection = rows(status);
    connection.retain(|row| CONNECTION.contains(&row.key.as_str()));
    let mut text = format!(
        "### Connection to a server\n\n{}\n",
        table("Option", &connection)
    );
    let named = |parent: &str, command: &clap::Command| format!("{parent} {}", command.get_name());
    let mut all: Vec<_> = command
        .get_subcommands()
        .filter(|one| one.get_name() != "serve")
        .map(|one| (named("cloakroom", one), one))
        .collect();
    // The next one is last.
    all.reverse();
    while let Some((name, one)) = all.pop() {
        let about = one.get_about().map(ToString::to_string).unwrap_or_default();
        write!(text, "### `{name}`\n\n{about}.").expect("a string can be written");
        let mut rows = rows(one);
        let before = rows.len();
        rows.retain(|row| !connection.contains(row));
        if rows.len() < before {
            text.push_str(" Takes the options of the connection.");
        }
        text.push_str("\n\n");
        if !rows.is_empty() {
            text.push_str(&table("Argument or option", &rows));
            text.push('\n');
        }
        let nested = one.get_subcommands().map(|one| (named(&name, one), one));
        let nested: Vec<_> = nested.collect();
        all.extend(nested.into_iter().rev());
    }
    text.trim_end().to_owned() + "\n"
}
