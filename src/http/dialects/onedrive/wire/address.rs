//! OneDrive's addresses.

use http::Method;
use percent_encoding::percent_decode_str;

/// What the newer addresses begin with.
const VERSION: &str = "v1.0/";
/// What newer clients put before the drive of whoever asks.
const OWN: &str = "me/";
/// What stands for the folder of all roots.
pub(crate) const ROOT: &str = "drive/root";

/// What a request asks for, and how its addresses begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `/v1.0`, or nothing.
    pub(crate) prefix: &'static str,
    pub(crate) what: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// An item.
    Item(Address),
    /// Its bytes.
    Content(Address),
    /// What is in it.
    Children(Address),
    /// It is to be copied.
    Copy(Address),
    /// Something is to be fetched into it.
    Upload(Address),
    /// How a job is doing, by its token.
    Monitor(String),
    /// What a job made.
    MonitorResult(String),
}

/// How an item is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// The folder of all roots.
    Root,
    /// By its path, as it is in params.
    Path(String),
    /// By its number.
    Number(i64),
}

/// Whether an address is one of ours, so that errors there have our shape.
pub(crate) fn is_ours(path: &str) -> bool {
    let path = path.strip_prefix('/').unwrap_or(path);
    let rest = path.strip_prefix(OWN).unwrap_or(path);
    let rest = rest.strip_prefix("drive");
    path.starts_with(VERSION) || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The call at an address, without the `/` that it begins with; none where nothing is.
///
/// # Errors
/// The methods that the address takes, if this is none of them.
pub(crate) fn call(method: &Method, path: &str) -> Option<Result<Endpoint, &'static str>> {
    let (prefix, path) = match path.strip_prefix(VERSION) {
        Some(path) => ("/v1.0", path),
        None => ("", path),
    };
    if let (Some(token), false) = (path.strip_prefix("monitor/"), prefix.is_empty()) {
        let what = match token.split_once('/') {
            None => Action::Monitor(token.to_owned()),
            Some((token, "result")) => Action::MonitorResult(token.to_owned()),
            Some(_) => return None,
        };
        return Some(read(method, prefix, what));
    }
    let (address, action) = address(path.strip_prefix(OWN).unwrap_or(path))?;
    let write = |what: Action| match *method {
        Method::POST => Ok(Endpoint { prefix, what }),
        _ => Err("POST, OPTIONS"),
    };
    Some(match action {
        "" => read(method, prefix, Action::Item(address)),
        "content" => read(method, prefix, Action::Content(address)),
        "copy" | "action.copy" => write(Action::Copy(address)),
        // Nothing is put beside the roots.
        "children" if address == Address::Root => read(method, prefix, Action::Children(address)),
        "children" => match *method {
            Method::POST => write(Action::Upload(address)),
            _ => read(method, prefix, Action::Children(address))
                .map_err(|_| "GET, HEAD, POST, OPTIONS"),
        },
        _ => return None,
    })
}

fn read(method: &Method, prefix: &'static str, what: Action) -> Result<Endpoint, &'static str> {
    match *method {
        Method::GET | Method::HEAD => Ok(Endpoint { prefix, what }),
        _ => Err("GET, HEAD, OPTIONS"),
    }
}

/// The item that an address names, and what is behind it.
pub(crate) fn address(path: &str) -> Option<(Address, &str)> {
    if let Some(item) = path.strip_prefix("drive/items/") {
        let (number, action) = item.split_once('/').unwrap_or((item, ""));
        return Some((numbered(number)?, action));
    }
    let rest = path.strip_prefix(ROOT)?;
    if let Some(rest) = rest.strip_prefix(":/") {
        // A colon that belongs to a name is percent-encoded where it would end the path.
        let (path, action) = match rest.rsplit_once(":/") {
            Some((path, action)) if !action.contains('/') => (path, action),
            _ => (rest.strip_suffix(':').unwrap_or(rest), ""),
        };
        return Some((Address::Path(decoded(path)), action));
    }
    match rest.strip_prefix('/') {
        Some(action) => Some((Address::Root, action)),
        None if rest.is_empty() || rest == ":" => Some((Address::Root, "")),
        None => None,
    }
}

pub(crate) fn numbered(text: &str) -> Option<Address> {
    if text == "root" {
        return Some(Address::Root);
    }
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits
        .then(|| text.parse().ok().map(Address::Number))
        .flatten()
}

fn decoded(path: &str) -> String {
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
            let found = call(&method, address).map(|call| call.map(|call| call.what));
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
            call(&Method::GET, "drive/items/7/copy"),
            Some(Err("POST, OPTIONS"))
        );
    }
}
