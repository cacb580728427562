//! Validates the declaration of a command and compiles it to a [`Plan`]. Pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use regex::Regex;
use schemars::schema_for;
use serde_json::{Map, Value, json};

use crate::config::CommandSpec;
use crate::operations::command::error::SpecError;
use crate::operations::command::params::Param;
use crate::operations::command::template::{Placeholder, Template, is_name};
use crate::operations::command::{params, progress};
use crate::operations::{Document, Input, OperationSpec, RESERVED};

/// How long killed processes may take to disappear.
const KILL_TIMEOUT: Duration = Duration::from_secs(2);

/// A validated declaration, ready to run.
#[derive(Debug)]
pub(in crate::operations) struct Plan {
    pub(in crate::operations) spec: CommandSpec,
    pub(in crate::operations) params: IndexMap<String, Param>,
    /// The program. A relative path is made absolute; a bare name is looked up in `PATH`.
    pub(in crate::operations) program: PathBuf,
    pub(in crate::operations) arguments: Vec<Template>,
    pub(in crate::operations) filename: Template,
    pub(in crate::operations) media_type: String,
    pub(in crate::operations) output: Output,
    pub(in crate::operations) progress: Vec<Regex>,
}

/// Where a command leaves its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::operations) enum Output {
    /// In the file `{output}`.
    File,
    /// In the folder `{output.dir}`: one file or several.
    Folder,
    /// On stdout.
    Stdout,
}

impl Plan {
    /// Validates a declaration.
    ///
    /// # Errors
    /// [`SpecError`] names the first invalid key.
    pub(in crate::operations) fn new(name: &str, spec: &CommandSpec) -> Result<Self, SpecError> {
        check_names(spec)?;
        check_inputs(spec)?;
        let params = params::compile(spec)?;
        let Some((program, arguments)) = spec.command.split_first() else {
            return Err(SpecError::new(
                &["command"],
                None,
                "expected a program and its arguments, found an empty list",
            ));
        };
        let wrong = |item| move |message: String| SpecError::new(&["command"], Some(item), message);
        let fixed = Template::parse(program, spec).map_err(wrong(0))?;
        if program.is_empty() || program.contains('\0') || fixed.places().next().is_some() {
            let message = format!("expected a program without placeholders, found {program:?}");
            return Err(SpecError::new(&["command"], Some(0), message));
        }
        let arguments = arguments
            .iter()
            .enumerate()
            .map(|(at, text)| Template::parse(text, spec).map_err(wrong(at + 1)))
            .collect::<Result<Vec<_>, _>>()?;
        check_flags(&params, &arguments)?;
        let expressions = spec.progress.iter().enumerate().map(|(at, text)| {
            let expression = progress::expression(text);
            expression.map_err(|message| SpecError::new(&["progress"], Some(at), message))
        });
        let progress = expressions.collect::<Result<_, _>>()?;
        for (at, variable) in spec.env.iter().enumerate() {
            if variable.is_empty() || variable.contains(['=', '\0']) {
                let message =
                    format!("expected the name of an environment variable, found {variable:?}");
                return Err(SpecError::new(&["env"], Some(at), message));
            }
        }
        Ok(Self {
            program: own_path(program),
            output: output(&arguments)?,
            arguments,
            filename: filename(name, spec, &params)?,
            media_type: media_type(spec)?,
            progress,
            params,
            spec: spec.clone(),
        })
    }

    /// The operation's metadata.
    pub(in crate::operations) fn describe(&self, name: &str) -> OperationSpec {
        let spec = &self.spec;
        let input = |(name, input): (&String, &crate::config::InputSpec)| {
            let input = Input {
                required: input.required,
                list: input.list,
                media_types: input.media_types.clone(),
            };
            (name.clone(), input)
        };
        OperationSpec {
            name: name.to_owned(),
            title: spec.title.clone().unwrap_or_else(|| name.to_owned()),
            params: self.schema(),
            inputs: spec.inputs.iter().map(input).collect(),
            output: self.media_type.clone(),
            cancel_grace: spec.grace + KILL_TIMEOUT,
            ..OperationSpec::new::<()>(name, name)
        }
    }

    /// The JSON Schema of all params, for clients and for validation.
    fn schema(&self) -> Value {
        let spec = &self.spec;
        let mut document: Value = schema_for!(Document).into();
        if let Some(members) = document.as_object_mut() {
            members.remove("$schema");
            members.remove("title");
        }
        let mut properties = Map::new();
        for (name, input) in &spec.inputs {
            let schema = if input.list {
                json!({ "type": "array", "items": document, "minItems": u8::from(input.required) })
            } else {
                document.clone()
            };
            properties.insert(name.clone(), schema);
        }
        let params = self.params.iter();
        properties.extend(params.map(|(name, param)| (name.clone(), param.public_schema())));
        let inputs = spec.inputs.iter().filter(|(_, input)| input.required);
        let params = self.params.iter().filter(|(_, param)| param.required);
        let required: Vec<_> = inputs
            .map(|(name, _)| name)
            .chain(params.map(|(name, _)| name))
            .collect();
        let mut schema = json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        });
        if let Some(description) = &spec.description {
            schema["description"] = description.clone().into();
        }
        schema
    }
}

fn check_names(spec: &CommandSpec) -> Result<(), SpecError> {
    let inputs = spec.inputs.keys().map(|name| ("inputs", name));
    let params = spec.params.keys().map(|name| ("params", name));
    let mut seen = BTreeMap::new();
    for (section, name) in inputs.chain(params) {
        let wrong = |message: String| SpecError::new(&[section, name], None, message);
        if !is_name(name) || name.contains('.') {
            return Err(wrong(format!(
                "invalid name {name:?}: use a letter followed by letters, digits, '_' and '-'"
            )));
        }
        if RESERVED.contains(&name.as_str()) || name == "work" {
            return Err(wrong(format!("the name {name:?} is reserved")));
        }
        if seen.insert(name, section).is_some() {
            return Err(wrong(format!("{name:?} is the name of an input, too")));
        }
    }
    Ok(())
}

fn check_inputs(spec: &CommandSpec) -> Result<(), SpecError> {
    for (name, input) in &spec.inputs {
        let mut types = input.media_types.iter().enumerate();
        if let Some((at, text)) = types.find(|(_, text)| text.contains(';') || !is_media_type(text))
        {
            let message =
                format!("expected a media type like \"video/mp4\" or \"video/*\", found {text:?}");
            let key = ["inputs", name, "media-types"];
            return Err(SpecError::new(&key, Some(at), message));
        }
    }
    Ok(())
}

/// Rejects flags that no argument uses.
fn check_flags(params: &IndexMap<String, Param>, arguments: &[Template]) -> Result<(), SpecError> {
    for (name, _) in params.iter().filter(|(_, param)| param.is_flag()) {
        let mut places = arguments.iter().flat_map(Template::places);
        if !places.any(|place| matches!(place, Placeholder::Param(used) if used == name)) {
            let message = format!("no argument of the command uses {{{name}}}");
            return Err(SpecError::new(&["params", name, "flag"], None, message));
        }
    }
    Ok(())
}

fn output(arguments: &[Template]) -> Result<Output, SpecError> {
    let holds = |place| {
        arguments
            .iter()
            .any(|argument| argument.places().any(|one| *one == place))
    };
    match (holds(Placeholder::Output), holds(Placeholder::OutputDir)) {
        (true, true) => {
            let message = "{output} and {output.dir} cannot be used together";
            Err(SpecError::new(&["command"], None, message))
        }
        (true, false) => Ok(Output::File),
        (false, true) => Ok(Output::Folder),
        (false, false) => Ok(Output::Stdout),
    }
}

fn filename(
    name: &str,
    spec: &CommandSpec,
    params: &IndexMap<String, Param>,
) -> Result<Template, SpecError> {
    let wrong = |message: String| SpecError::new(&["output", "filename"], None, message);
    let text = spec.output.filename.as_deref().unwrap_or(name);
    let template = Template::parse(text, spec).map_err(wrong)?;
    let path = template
        .places()
        .find(|place| !matches!(place, Placeholder::Param(_) | Placeholder::Stem(_)));
    if text.is_empty() || text.contains(['/', '\\', '\0']) || path.is_some() {
        return Err(wrong(format!(
            "expected a file name without a path, found {text:?}"
        )));
    }
    for place in template.places() {
        if let Placeholder::Param(name) = place
            && params[name].is_write_only()
        {
            return Err(wrong(format!(
                "the param {name:?} is write-only and would be shown in the file name"
            )));
        }
    }
    Ok(template)
}

fn media_type(spec: &CommandSpec) -> Result<String, SpecError> {
    let Some(text) = spec.output.media_type.as_deref() else {
        return Ok("application/octet-stream".to_owned());
    };
    if is_media_type(text) {
        Ok(text.to_owned())
    } else {
        let message = format!("expected a media type like \"video/mp4\", found {text:?}");
        Err(SpecError::new(&["output", "media-type"], None, message))
    }
}

/// Whether the text is `type/subtype` in printable ASCII, with optional parameters.
fn is_media_type(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic());
    let essence = text.split(';').next().unwrap_or_default().trim();
    let parts = essence.split_once('/');
    parts.is_some_and(|(kind, name)| plain(kind) && plain(name))
        && text.bytes().all(|b| (b' '..=b'~').contains(&b))
}

/// Resolves a relative path against the server's working directory, not the command's.
fn own_path(program: &str) -> PathBuf {
    let path = Path::new(program);
    if path.components().count() > 1 {
        std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
    } else {
        path.to_owned()
    }
}
