//! Requests for work, in each of the ways that they are written: they become a value, which becomes an order.

use serde_json::{Map, Value, json};

use crate::http::dialects::deltaxml::wire::value;
use crate::http::dialects::deltaxml::wire::value::{flag, insert, member, text};
use crate::http::dialects::deltaxml::wire::{Operation, Product, compare, merge, names::same};
use crate::operations::{OperationSpec, coerce};
use crate::xml::Source;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DeltaRequest {
    /// The operation's params.
    pub(crate) params: Value,
    /// What is wished of a job that its client does not wait for; none for one that it waits for.
    pub(crate) later: Option<AsyncOptions>,
}

/// What is wished of a job that its client does not wait for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AsyncOptions {
    /// The address that is told of its end.
    pub(crate) callback: Option<String>,
    /// The result stays after it was downloaded whole.
    pub(crate) keep: bool,
    /// The file that the result becomes.
    pub(crate) output: Option<String>,
}

/// What a part of a form is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// A document of this name.
    Document(&'static str),
    /// A version, whose name is the part's.
    Version,
    /// Whether the client does not wait.
    Async,
    /// A wish of this name of one who does not wait.
    Wish(&'static str),
    /// How to do the work.
    Setting,
    /// Nothing that we know of.
    Nothing,
}

/// Finds out what a part of a form is good for.
pub(crate) fn part(work: Operation, name: &str, operation: &OperationSpec) -> Part {
    if work == Operation::Compare {
        let input = compare::INPUTS.iter().find(|(input, _)| same(input, name));
        let job_options = ["callback", "keepResult", "output"];
        let wish = job_options.into_iter().find(|wish| same(wish, name));
        return match (input, wish) {
            (Some((input, _)), _) => Part::Document(input),
            (None, Some(wish)) => Part::Wish(wish),
            _ if same(name, "async") => Part::Async,
            _ if setting(name, operation).is_some() => Part::Setting,
            _ => Part::Nothing,
        };
    }
    let is_capital = name.starts_with(|c: char| c.is_ascii_uppercase());
    match name {
        "Async" => Part::Async,
        "AsyncCallback" => Part::Wish("Callback"),
        "AsyncOutput" => Part::Wish("Output"),
        _ if merge::OTHER_SETTINGS.contains(&name) => Part::Nothing,
        // In small letters it is a version that is called so.
        _ if is_capital && setting(name, operation).is_some() => Part::Setting,
        _ => Part::Version,
    }
}

/// The param that a setting is, if it is one.
fn setting<'d>(name: &str, operation: &'d OperationSpec) -> Option<&'d str> {
    let name = if same(name, "WordByWord") {
        "words"
    } else {
        name
    };
    let mut params = operation.params["properties"].as_object()?.keys();
    let is_setting = |param: &str| !operation.inputs.contains_key(param) && param != "mode";
    let param = params.find(|param| same(param, name))?;
    is_setting(param).then_some(param)
}

/// Reads a request in XML.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn of_xml(
    work: Operation,
    body: Source,
    operation: &OperationSpec,
) -> Result<DeltaRequest, String> {
    let (name, request) = value::of_xml(body)?;
    let root = work.root();
    if name != root && root.strip_suffix("Merge") != Some(&name) {
        return Err(format!("The root element is {name:?}, not {root:?}."));
    }
    of_json(work, &request, operation)
}

/// Reads a form, of which [`Part::Nothing`] was left out.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn of_form(
    work: Operation,
    pairs: Vec<(String, Value)>,
    operation: &OperationSpec,
) -> Result<DeltaRequest, String> {
    let (mut request, mut settings, mut job_options) = (Map::new(), Map::new(), Map::new());
    let (mut versions, mut is_later) = (Vec::new(), false);
    for (name, value) in pairs {
        let value = match value {
            Value::String(text) => text.trim().into(),
            other => other,
        };
        match part(work, &name, operation) {
            Part::Document(name) => insert(&mut request, name.to_owned(), value),
            Part::Version => versions.push(json!({ "name": name, "Input": value })),
            Part::Async => is_later = flag(&value, &name)?,
            Part::Wish(name) => insert(&mut job_options, name.to_owned(), value),
            Part::Setting => insert(&mut settings, name, value),
            Part::Nothing => {}
        }
    }
    request.insert("Versions".into(), versions.into());
    request.insert("Configuration".into(), settings.into());
    if is_later {
        request.insert("Async".into(), job_options.into());
    }
    of_json(work, &Value::Object(request), operation)
}

/// Reads a request in JSON, or what one in XML or a form says in the same words.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn of_json(
    work: Operation,
    request: &Value,
    operation: &OperationSpec,
) -> Result<DeltaRequest, String> {
    if !request.is_object() {
        return Err("The request says nothing of what is to be done.".into());
    }
    let mut params = match work {
        Operation::Compare => compare::params(request)?,
        Operation::Concurrent | Operation::ThreeWay | Operation::Sequential => {
            merge::params(work, request)?
        }
    };
    if let Some(Value::Object(members)) = member(request, "configuration") {
        let settings = members
            .iter()
            .filter_map(|(name, value)| Some((setting(name, operation)?, value.clone())));
        let settings = coerce(settings, &operation.params);
        for (name, value) in settings.as_object().into_iter().flatten() {
            params[name] = value.clone();
        }
    }
    let later = match member(request, "async") {
        None => None,
        Some(Value::String(text)) if text.is_empty() => Some(later(&json!({}))?),
        Some(job_options @ Value::Object(_)) => Some(later(job_options)?),
        Some(value) => {
            let is_later = flag(value, "async")?;
            is_later.then(|| later(&json!({}))).transpose()?
        }
    };
    Ok(DeltaRequest { params, later })
}

fn later(job_options: &Value) -> Result<AsyncOptions, String> {
    let callback = text(job_options, "callback")?;
    // No address has any, and some are printed with it.
    let callback = callback.map(|url| url.split_ascii_whitespace().collect::<String>());
    let keep = member(job_options, "keepResult").map(|keep| flag(keep, "keepResult"));
    let output = member(job_options, "output").map(output).transpose()?;
    Ok(AsyncOptions {
        callback: callback.filter(|url| !url.is_empty()),
        keep: keep.transpose()?.unwrap_or(true),
        output,
    })
}

fn output(output: &Value) -> Result<String, String> {
    let (kind, path) = match output {
        Value::String(path) => (None, Some(path.as_str())),
        Value::Object(_) => (text(output, "type")?, text(output, "path")?),
        _ => (None, None),
    };
    if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("file")) {
        return Err("The output can only be a file.".into());
    }
    let path = path.filter(|path| !path.is_empty());
    Ok(path.ok_or("The output has no path.")?.to_owned())
}

/// Which product does this work.
impl From<Operation> for Product {
    fn from(work: Operation) -> Self {
        match work {
            Operation::Compare => Self::Compare,
            Operation::Concurrent | Operation::ThreeWay | Operation::Sequential => Self::Merge,
        }
    }
}
