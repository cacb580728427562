//! The paths of OneDrive's API: which item and which action they stand for.

use http::Method;
use percent_encoding::percent_decode_str;

/// The prefix of paths in version 1.0 of the API.
const VERSION_PREFIX: &str = "v1.0/";
/// The prefix for the drive of the authenticated user, which is the only drive here.
const ME_PREFIX: &str = "me/";
/// The path of the folder of all roots.
pub(crate) const ROOT_PATH: &str = "drive/root";

/// The action of a request, and the prefix of its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `/v1.0` or empty.
    pub(crate) prefix: &'static str,
    pub(crate) action: Action,
}

/// The action of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Shows an item.
    Item(Address),
    /// Downloads a file.
    Content(Address),
    /// Lists a folder.
    Children(Address),
    /// Copies an item.
    Copy(Address),
    /// Fetches a URL into a folder.
    Upload(Address),
    /// Shows a job by its monitor token.
    Monitor(String),
    /// Downloads a job's result by its monitor token.
    MonitorResult(String),
}

/// The address of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// The folder of all roots.
    Root,
    /// A path, in the same form as in params.
    Path(String),
    /// The number of an item, which is its `id`.
    Number(i64),
}

/// Whether a path belongs to the dialect, so that its errors have OneDrive's format.
pub(crate) fn is_onedrive_path(path: &str) -> bool {
    let path = path.strip_prefix('/').unwrap_or(path);
    let rest = path.strip_prefix(ME_PREFIX).unwrap_or(path);
    let rest = rest.strip_prefix("drive");
    path.starts_with(VERSION_PREFIX)
        || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The endpoint of a method and a path, given without its first slash; `None` if the path does not exist.
///
/// # Errors
/// The methods that the path supports, if `method` is not one of them.
pub(crate) fn endpoint_at(method: &Method, path: &str) -> Option<Result<Endpoint, &'static str>> {
    let (prefix, path) = match path.strip_prefix(VERSION_PREFIX) {
        Some(path) => ("/v1.0", path),
        None => ("", path),
    };
    if let (Some(token), false) = (path.strip_prefix("monitor/"), prefix.is_empty()) {
        let action = match token.split_once('/') {
            None => Action::Monitor(token.to_owned()),
            Some((token, "result")) => Action::MonitorResult(token.to_owned()),
            Some(_) => return None,
        };
        return Some(read(method, prefix, action));
    }
    let (address, segment) = split_address(path.strip_prefix(ME_PREFIX).unwrap_or(path))?;
    let write = |action: Action| match *method {
        Method::POST => Ok(Endpoint { prefix, action }),
        _ => Err("POST, OPTIONS"),
    };
    Some(match segment {
        "" => read(method, prefix, Action::Item(address)),
        "content" => read(method, prefix, Action::Content(address)),
        "copy" | "action.copy" => write(Action::Copy(address)),
        // Files cannot be put next to the roots.
        "children" if address == Address::Root => read(method, prefix, Action::Children(address)),
        "children" => match *method {
            Method::POST => write(Action::Upload(address)),
            _ => read(method, prefix, Action::Children(address))
                .map_err(|_| "GET, HEAD, POST, OPTIONS"),
        },
        _ => return None,
    })
}

fn read(method: &Method, prefix: &'static str, action: Action) -> Result<Endpoint, &'static str> {
    match *method {
        Method::GET | Method::HEAD => Ok(Endpoint { prefix, action }),
        _ => Err("GET, HEAD, OPTIONS"),
    }
}

/// Splits a path into the address of an item and the segment after it, which is empty or an action.
pub(crate) fn split_address(path: &str) -> Option<(Address, &str)> {
    if let Some(item) = path.strip_prefix("drive/items/") {
        let (number, action) = item.split_once('/').unwrap_or((item, ""));
        return Some((address_of_id(number)?, action));
    }
    let rest = path.strip_prefix(ROOT_PATH)?;
    if let Some(rest) = rest.strip_prefix(":/") {
        // The colon ends the path. Colons in names are percent-encoded.
        let (path, action) = match rest.rsplit_once(":/") {
            Some((path, action)) if !action.contains('/') => (path, action),
            _ => (rest.strip_suffix(':').unwrap_or(rest), ""),
        };
        return Some((Address::Path(decode(path)), action));
    }
    match rest.strip_prefix('/') {
        Some(action) => Some((Address::Root, action)),
        None if rest.is_empty() || rest == ":" => Some((Address::Root, "")),
        None => None,
    }
}

/// The address that an `id` stands for: `root` or a number.
pub(crate) fn address_of_id(text: &str) -> Option<Address> {
    if text == "root" {
        return Some(Address::Root);
    }
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits
        .then(|| text.parse().ok().map(Address::Number))
        .flatten()
}

fn decode(path: &str) -> String {
    let path = path.trim_matches('/');
    format!("/{}", percent_decode_str(path).decode_utf8_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_maps_to_one_endpoint() {
        let path = |path: &str| Address::Path(path.into());
        let check = |method: Method, address: &str, expected: Option<Action>| {
            let found =
                endpoint_at(&method, address).map(|found| found.map(|endpoint| endpoint.action));
            assert_eq!(found, expected.map(Ok), "{method} {address}");
        };
        let get = |address: &str, expected| check(Method::GET, address, expected);
        get("drive/root", Some(Action::Item(Address::Root)));
        get("v1.0/drive/items/root", Some(Action::Item(Address::Root)));
        get("v1.0/me/drive/root", Some(Action::Item(Address::Root)));
        get("me/drive/items/7", Some(Action::Item(Address::Number(7))));
        get("me/monitor/x", None);
        get("me/me/drive/root", None);
        get("drive/root:/docs", Some(Action::Item(path("/docs"))));
        get(
            "drive/root:/docs/a%20b:",
            Some(Action::Item(path("/docs/a b"))),
        );
        get(
            "drive/root:/docs/a:/content",
            Some(Action::Content(path("/docs/a"))),
        );
        get(
            "drive/root:/docs/12%3A30/x",
            Some(Action::Item(path("/docs/12:30/x"))),
        );
        get("drive/items/7", Some(Action::Item(Address::Number(7))));
        get(
            "drive/items/7/content",
            Some(Action::Content(Address::Number(7))),
        );
        get("drive/root/children", Some(Action::Children(Address::Root)));
        get("v1.0/monitor/x", Some(Action::Monitor("x".into())));
        for nothing in [
            "drive",
            "drive/items/x",
            "drive/rootx",
            "drive/items/7/move",
            "monitor/x",
            "v1.0/x",
        ] {
            get(nothing, None);
        }
        let post = |address: &str, expected| check(Method::POST, address, Some(expected));
        post("drive/items/7/copy", Action::Copy(Address::Number(7)));
        post(
            "drive/items/7/action.copy",
            Action::Copy(Address::Number(7)),
        );
        post(
            "v1.0/drive/root:/docs/a:/copy",
            Action::Copy(path("/docs/a")),
        );
        post("drive/root:/docs:/children", Action::Upload(path("/docs")));
        assert_eq!(
            endpoint_at(&Method::GET, "drive/items/7/copy"),
            Some(Err("POST, OPTIONS"))
        );
    }
}
