//! The options of a submission: query parameters that are the same for every operation.

use std::borrow::Cow;
use std::collections::HashSet;

use http::request::Parts;

use crate::http::request::query;
use crate::http::response::problem::Problem;
use crate::job::{Callback, CallbackTrigger, JobIdFormat, JobOptions, Method};
use crate::operations::{InvalidParam, OperationSpec, RESERVED};

/// The largest number of parameters in a query.
const MAX_QUERY_PARAMS: usize = 1000;

/// Names and values.
type Pairs = Vec<(String, String)>;

/// The options of a submission and the other query parameters, which are allowed only with a raw body or without a body.
/// Links in callbacks begin with `base`.
///
/// # Errors
/// - 400 if the query has too many parameters
/// - 422 with all faults if an option is invalid or a parameter is unknown
pub(crate) fn split(
    request: &Parts,
    operation: &OperationSpec,
    base: &str,
) -> Result<(JobOptions, Pairs), Problem> {
    if query::pairs(request).nth(MAX_QUERY_PARAMS).is_some() {
        let detail = format!(
            "The query has more than {MAX_QUERY_PARAMS} parameters; send them in the body."
        );
        return Err(Problem::malformed(detail));
    }
    let pairs = query::pairs(request).map(|(name, value)| (name.into_owned(), value.into_owned()));
    let (options, scalars): (Pairs, Pairs) =
        pairs.partition(|(name, _)| RESERVED.contains(&name.as_str()));
    let (job_options, mut faults) = job_options(&options, base);
    for (name, _) in &scalars {
        if operation.params["properties"][name].is_null() {
            faults.push(fault(name, unknown(name, operation)));
        }
    }
    if faults.is_empty() {
        Ok((job_options, scalars))
    } else {
        Err(query::faults(faults))
    }
}

fn unknown(name: &str, operation: &OperationSpec) -> String {
    format!(
        "The operation {} has no parameter {name:?}. GET /v1/operations/{0} describes its parameters.",
        operation.name
    )
}

fn job_options(options: &Pairs, base: &str) -> (JobOptions, Vec<InvalidParam>) {
    let (mut job_options, mut faults) = (JobOptions::default(), Vec::new());
    let (mut url, mut method) = (None, None);
    let mut seen = HashSet::new();
    for (name, value) in options {
        if !seen.insert(name) {
            faults.push(fault(name, "Given more than once."));
            continue;
        }
        match (name.as_str(), value.as_str()) {
            ("keep", "true") => {}
            ("keep", "false") => job_options.keep = false,
            ("keep", _) => faults.push(fault(
                name,
                format!("Must be true or false, not {value:?}."),
            )),
            ("output", "") => faults.push(fault(name, "Must be the path of a file below a root.")),
            ("output", path) => job_options.output = Some(path.to_owned()),
            ("callback", address) => url = Some(address.to_owned()),
            (_, value) => match value.to_ascii_uppercase().as_str() {
                "GET" => method = Some(Method::Get),
                "POST" => method = Some(Method::Post),
                _ => faults.push(fault(name, format!("Must be GET or POST, not {value:?}."))),
            },
        }
    }
    job_options.callback = url.map(|url| Callback {
        url,
        method: method.unwrap_or(Method::Get),
        trigger: CallbackTrigger::Terminal,
        id_format: JobIdFormat::Id,
        base: base.to_owned(),
    });
    (job_options, faults)
}

fn fault(name: &str, detail: impl Into<Cow<'static, str>>) -> InvalidParam {
    InvalidParam {
        pointer: format!("?{name}"),
        detail: detail.into().into_owned(),
    }
}
