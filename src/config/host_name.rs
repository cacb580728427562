//! Names of the server in requests.

/// Parses a host as in a `Host` header, without the port.
///
/// # Errors
/// A message if it is neither a name nor an address.
pub(crate) fn host_name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let literal = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .is_some_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
    if literal || !text.is_empty() && text.chars().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("expected a name or an address, without scheme or port".to_owned())
    }
}
