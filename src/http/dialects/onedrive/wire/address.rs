//! The paths of OneDrive's API: which item and which action they stand for.

use percent_encoding::percent_decode_str;

/// The prefix of paths in version 1.0 of the API.
const VERSION_PREFIX: &str = "v1.0/";
/// The prefix for the drive of the authenticated user, which is the only drive here.
const ME_PREFIX: &str = "me/";
/// The path of the folder of all roots.
pub(crate) const ROOT_PATH: &str = "drive/root";

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

/// Maps a path to the path in the table of routes, where items have numbers and no version. Other paths of the dialect
/// are mapped to a path that does not exist, and paths of other APIs are unchanged.
pub(crate) fn canonical_path(path: &str) -> &str {
    if is_onedrive_path(path) {
        path_in_table(path).unwrap_or_default()
    } else {
        path
    }
}

fn path_in_table(path: &str) -> Option<&str> {
    let plain = path.strip_prefix('/')?;
    if let Some(token) = plain
        .strip_prefix(VERSION_PREFIX)
        .and_then(|rest| rest.strip_prefix("monitor/"))
    {
        let is_job = !token.contains('/');
        let is_result = token
            .split_once('/')
            .is_some_and(|(_, rest)| rest == "result");
        // The native path, with its leading slash.
        return (is_job || is_result).then(|| &path[VERSION_PREFIX.len()..]);
    }
    let (address, segment) = split_item(plain)?;
    Some(match segment {
        "" if address == Address::Root => "/drive/root",
        // Files cannot be put next to the roots.
        "children" if address == Address::Root => "/drive/root/children",
        "" => "/drive/items/{item}",
        "children" => "/drive/items/{item}/children",
        "content" => "/drive/items/{item}/content",
        "copy" | "action.copy" => "/drive/items/{item}/copy",
        _ => return None,
    })
}

/// The item in the path of a request.
pub(crate) fn item_address(path: &str) -> Option<Address> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let (address, _) = split_item(path.strip_prefix('/')?)?;
    Some(address)
}

/// The item and the action in the path of a request, without its leading slash.
fn split_item(path: &str) -> Option<(Address, &str)> {
    let path = path.strip_prefix(VERSION_PREFIX).unwrap_or(path);
    split_address(path.strip_prefix(ME_PREFIX).unwrap_or(path))
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
    fn paths_map_to_the_table_of_routes() {
        for (path, expected) in [
            ("/drive/root", "/drive/root"),
            ("/drive/root:", "/drive/root"),
            ("/v1.0/drive/items/root", "/drive/root"),
            ("/v1.0/me/drive/root", "/drive/root"),
            ("/drive/root/children", "/drive/root/children"),
            ("/drive/items/root/children", "/drive/root/children"),
            ("/me/drive/items/7", "/drive/items/{item}"),
            ("/drive/root:/docs/a%20b:", "/drive/items/{item}"),
            ("/drive/items/7/content", "/drive/items/{item}/content"),
            (
                "/drive/root:/docs/a:/content",
                "/drive/items/{item}/content",
            ),
            (
                "/drive/root:/docs:/children",
                "/drive/items/{item}/children",
            ),
            ("/drive/items/7/copy", "/drive/items/{item}/copy"),
            ("/drive/items/7/action.copy", "/drive/items/{item}/copy"),
            ("/v1.0/drive/root:/docs/a:/copy", "/drive/items/{item}/copy"),
            ("/v1.0/monitor/x", "/monitor/x"),
            ("/v1.0/monitor/x/result", "/monitor/x/result"),
            // Paths of others.
            ("/v1/jobs/x", "/v1/jobs/x"),
            ("/monitor/x", "/monitor/x"),
            ("/me/monitor/x", "/me/monitor/x"),
            ("/me/me/drive/root", "/me/me/drive/root"),
            // Paths that do not exist.
            ("/drive", ""),
            ("/drive/items/x", ""),
            ("/drive/rootx", ""),
            ("/drive/items/7/move", ""),
            ("/v1.0/x", ""),
            ("/v1.0/monitor/x/events", ""),
        ] {
            assert_eq!(canonical_path(path), expected, "{path}");
        }
    }

    #[test]
    fn items_are_named_by_number_or_path() {
        let path = |path: &str| Some(Address::Path(path.into()));
        for (address, expected) in [
            ("/drive/root", Some(Address::Root)),
            ("/v1.0/me/drive/items/root/", Some(Address::Root)),
            ("/drive/items/7/copy", Some(Address::Number(7))),
            ("/drive/root:/docs", path("/docs")),
            ("/drive/root:/docs/a%20b:", path("/docs/a b")),
            ("/drive/root:/docs/a:/content", path("/docs/a")),
            ("/drive/root:/docs/12%3A30/x", path("/docs/12:30/x")),
            ("/drive/items/x", None),
            ("/v1/jobs", None),
        ] {
            assert_eq!(item_address(address), expected, "{address}");
        }
    }
}
