//! Requests in XML, JSON or as a form. XML and forms are converted to the form of JSON requests first.

use serde_json::{Map, Value, json};

use crate::http::dialects::deltaxml::wire::value;
use crate::http::dialects::deltaxml::wire::value::{boolean, insert, member, text};
use crate::http::dialects::deltaxml::wire::{
    Operation, Product, compare, locations, merge, names::same_name,
};
use crate::operations::{OperationSpec, coerce};
use crate::xml::Source;

/// A request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DeltaRequest {
    /// The operation's params.
    pub(crate) params: Value,
    /// The options of an asynchronous request; `None` if the client waits for the result.
    pub(crate) async_options: Option<AsyncOptions>,
}

/// The options of an asynchronous request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AsyncOptions {
    /// The URL that is called when the job ends.
    pub(crate) callback: Option<String>,
    /// Whether the result is kept after it has been downloaded.
    pub(crate) keep: bool,
    /// The path of the file that the result is written to.
    pub(crate) output: Option<String>,
}

/// The meaning of a part of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The document with this name.
    Document(&'static str),
    /// A version with the name of the part.
    Version,
    /// Whether the request is asynchronous.
    Async,
    /// The option with this name of an asynchronous request.
    JobOption(&'static str),
    /// A setting of the operation.
    Setting,
    /// An unknown part, which is ignored.
    Unknown,
}

/// Finds the meaning of a part of a form.
pub(crate) fn part(operation: Operation, name: &str, spec: &OperationSpec) -> Part {
    if operation == Operation::Compare {
        let input = compare::INPUTS
            .iter()
            .find(|(input, _)| same_name(input, name));
        let job_options = ["callback", "keepResult", "output"];
        let option = job_options
            .into_iter()
            .find(|option| same_name(option, name));
        return match (input, option) {
            (Some((input, _)), _) => Part::Document(input),
            (None, Some(option)) => Part::JobOption(option),
            _ if same_name(name, "async") => Part::Async,
            _ if same_name(name, "configuration") => Part::Setting,
            _ if setting(name, spec).is_some() => Part::Setting,
            _ => Part::Unknown,
        };
    }
    let is_capital = name.starts_with(|c: char| c.is_ascii_uppercase());
    match name {
        "Async" => Part::Async,
        "ResultType" => Part::Setting,
        "AsyncCallback" => Part::JobOption("Callback"),
        "AsyncOutput" => Part::JobOption("Output"),
        _ if merge::IGNORED_SETTINGS.contains(&name) => Part::Unknown,
        // In lower case it is the name of a version.
        _ if is_capital && setting(name, spec).is_some() => Part::Setting,
        _ => Part::Version,
    }
}

/// The param that a setting stands for, if it is one.
fn setting<'d>(name: &str, spec: &'d OperationSpec) -> Option<&'d str> {
    let name = compare::setting(name);
    let mut params = spec.params["properties"].as_object()?.keys();
    let is_setting = |param: &str| !spec.inputs.contains_key(param) && param != "mode";
    let param = params.find(|param| same_name(param, name))?;
    is_setting(param).then_some(param)
}

/// Reads a request in XML.
///
/// # Errors
/// A sentence about what is invalid.
pub(crate) fn of_xml(
    operation: Operation,
    body: Source,
    spec: &OperationSpec,
) -> Result<DeltaRequest, String> {
    let (name, request) = value::of_xml(body)?;
    let root = operation.root();
    if name != root && root.strip_suffix("Merge") != Some(&name) {
        return Err(format!("The root element is {name:?}; expected {root:?}."));
    }
    of_json(operation, &request, spec)
}

/// Reads a form.
///
/// # Errors
/// A sentence about what is invalid.
pub(crate) fn of_form(
    operation: Operation,
    pairs: Vec<(String, Value)>,
    spec: &OperationSpec,
) -> Result<DeltaRequest, String> {
    let (mut request, mut settings, mut job_options) = (Map::new(), Map::new(), Map::new());
    let (mut versions, mut is_async) = (Vec::new(), false);
    for (name, value) in pairs {
        let value = match value {
            Value::String(text) => text.trim().into(),
            other => other,
        };
        match part(operation, &name, spec) {
            Part::Document(name) => insert(&mut request, name.to_owned(), value),
            Part::Version => versions.push(json!({ "name": name, "Input": value })),
            Part::Async => is_async = boolean(&value, &name)?,
            Part::JobOption(name) => insert(&mut job_options, name.to_owned(), value),
            Part::Setting if name == "ResultType" => insert(&mut request, name, value),
            Part::Setting => insert(&mut settings, name, value),
            Part::Unknown => {}
        }
    }
    request.insert("Versions".into(), versions.into());
    request.insert("Configuration".into(), settings.into());
    if is_async {
        request.insert("Async".into(), job_options.into());
    }
    of_json(operation, &Value::Object(request), spec)
}

/// Reads a request in JSON, or one in XML or a form after its conversion.
///
/// # Errors
/// A sentence about what is invalid.
pub(crate) fn of_json(
    operation: Operation,
    request: &Value,
    spec: &OperationSpec,
) -> Result<DeltaRequest, String> {
    if !request.is_object() {
        return Err("The request is empty: expected an object or element with documents or versions inside.".into());
    }
    let mut params = match operation {
        Operation::Compare => compare::params(request)?,
        Operation::Concurrent | Operation::ThreeWay | Operation::Sequential => {
            merge::params(operation, request)?
        }
    };
    let settings = configured(operation, request, spec)?;
    for (name, value) in settings.as_object().into_iter().flatten() {
        params[name] = value.clone();
    }
    let async_options = match member(request, "async") {
        None => None,
        Some(Value::String(text)) if text.is_empty() => Some(read_async_options(&json!({}))?),
        Some(job_options @ Value::Object(_)) => Some(read_async_options(job_options)?),
        Some(value) => {
            let is_async = boolean(value, "async")?;
            is_async
                .then(|| read_async_options(&json!({})))
                .transpose()?
        }
    };
    Ok(DeltaRequest {
        params,
        async_options,
    })
}

/// The params that the configuration sets. XML Data Compare has no settings that may be ignored.
///
/// # Errors
/// A sentence about a setting that this server does not have.
fn configured(
    operation: Operation,
    request: &Value,
    spec: &OperationSpec,
) -> Result<Value, String> {
    let mut settings = Vec::new();
    let configuration = member(request, "configuration");
    let members = configuration.and_then(Value::as_object);
    for (name, value) in members.into_iter().flatten() {
        if operation == Operation::Compare {
            if same_name(name, "location") {
                settings.extend(locations::settings(value)?);
                continue;
            }
            if compare::is_label(name, value) {
                continue;
            }
        }
        let Some(param) = setting(name, spec) else {
            if operation == Operation::Compare {
                return Err(unknown_setting(name, spec));
            }
            continue;
        };
        match value {
            Value::Array(items) => settings.extend(items.iter().map(|item| (param, item.clone()))),
            one => settings.push((param, one.clone())),
        }
    }
    let is_read = members.is_some() || configuration.is_none_or(|one| *one == json!(""));
    if operation == Operation::Compare && !is_read {
        return Err("The configuration must be an object with settings; this server reads no configuration files.".into());
    }
    Ok(coerce(settings, &spec.params))
}

fn unknown_setting(name: &str, spec: &OperationSpec) -> String {
    let params = spec.params["properties"].as_object();
    let params = params.into_iter().flat_map(|params| params.keys());
    let known: Vec<&str> = params
        .map(String::as_str)
        .filter(|param| setting(param, spec).is_some())
        .collect();
    format!(
        "The configuration has an unknown setting {name:?}. This server has location and the settings {}.",
        known.join(", ")
    )
}

/// Reads the options of an asynchronous request.
///
/// # Errors
/// A sentence about what is invalid.
fn read_async_options(job_options: &Value) -> Result<AsyncOptions, String> {
    let callback = text(job_options, "callback")?;
    // Documentation wraps long URLs, and clients copy them with the line break.
    let callback = callback.map(|url| url.split_ascii_whitespace().collect::<String>());
    let keep = member(job_options, "keepResult").map(|keep| boolean(keep, "keepResult"));
    let output = member(job_options, "output").map(output).transpose()?;
    Ok(AsyncOptions {
        callback: callback.filter(|url| !url.is_empty()),
        keep: keep.transpose()?.unwrap_or(true),
        output,
    })
}

/// The path of the output file: text, or an object with `type` and `path`.
///
/// # Errors
/// A sentence about what is invalid.
fn output(output: &Value) -> Result<String, String> {
    let (kind, path) = match output {
        Value::String(path) => (None, Some(path.as_str())),
        Value::Object(_) => (text(output, "type")?, text(output, "path")?),
        _ => (None, None),
    };
    if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("file")) {
        return Err("The type of output must be \"file\".".into());
    }
    let path = path.filter(|path| !path.is_empty());
    Ok(path
        .ok_or("output has no path: expected the path of a file below a root.")?
        .to_owned())
}

/// The product that has this operation.
impl From<Operation> for Product {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Compare => Self::Compare,
            Operation::Concurrent | Operation::ThreeWay | Operation::Sequential => Self::Merge,
        }
    }
}
