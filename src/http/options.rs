//! The options of a submission: query parameters that every operation has.

use std::borrow::Cow;
use std::collections::HashSet;

use http::request::Parts;

use super::problem::Problem;
use super::query;
use crate::job::{Callback, Method, Name, When, Wishes};
use crate::operations::{Description, Fault, RESERVED};

/// Parameters of a query, at most.
const NAMES: usize = 1000;

/// Names and values.
type Pairs = Vec<(String, String)>;

/// The wishes of a request, and the other query parameters, which only a raw body or none may have. Links in a message
/// begin with `base`.
///
/// # Errors
/// 422 with everything that is wrong; 400 where there is far too much of it.
pub(super) fn split(
    request: &Parts,
    operation: &Description,
    base: &str,
) -> Result<(Wishes, Pairs), Problem> {
    if query::pairs(request).nth(NAMES).is_some() {
        let detail = format!("The query has more than {NAMES} parameters; send them in the body.");
        return Err(Problem::malformed(detail));
    }
    let pairs = query::pairs(request).map(|(name, value)| (name.into_owned(), value.into_owned()));
    let (options, scalars): (Pairs, Pairs) =
        pairs.partition(|(name, _)| RESERVED.contains(&name.as_str()));
    let (wishes, mut faults) = wishes(&options, base);
    for (name, _) in &scalars {
        if operation.params["properties"][name].is_null() {
            faults.push(fault(name, "There is no such parameter."));
        }
    }
    if faults.is_empty() {
        Ok((wishes, scalars))
    } else {
        Err(query::faults(faults))
    }
}

fn wishes(options: &Pairs, base: &str) -> (Wishes, Vec<Fault>) {
    let (mut wishes, mut faults) = (Wishes::default(), Vec::new());
    let (mut url, mut method) = (None, None);
    let mut seen = HashSet::new();
    for (name, value) in options {
        if !seen.insert(name) {
            faults.push(fault(name, "It is there twice."));
            continue;
        }
        match (name.as_str(), value.as_str()) {
            ("keep", "true") => {}
            ("keep", "false") => wishes.keep = false,
            ("keep", _) => faults.push(fault(name, "It is true or false.")),
            ("output", "") => faults.push(fault(name, "It is the path of a file below a root.")),
            ("output", path) => wishes.output = Some(path.to_owned()),
            ("callback", address) => url = Some(address.to_owned()),
            (_, value) => match value.to_ascii_uppercase().as_str() {
                "GET" => method = Some(Method::Get),
                "POST" => method = Some(Method::Post),
                _ => faults.push(fault(name, "It is GET or POST.")),
            },
        }
    }
    wishes.callback = url.map(|url| Callback {
        url,
        method: method.unwrap_or(Method::Get),
        when: When::Ended,
        name: Name::Id,
        base: base.to_owned(),
    });
    (wishes, faults)
}

fn fault(name: &str, detail: impl Into<Cow<'static, str>>) -> Fault {
    Fault {
        pointer: format!("?{name}"),
        detail: detail.into().into_owned(),
    }
}
