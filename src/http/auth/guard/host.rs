//! The Host header: exactly one, and a name of this server if no token is required.

use std::net::IpAddr;

use http::header::HOST;
use http::request::Parts;
use http::{StatusCode, Version};

use crate::http::response::problem::Problem;
use crate::http::routing::paths;

/// The name that every server accepts.
const LOCALHOST: &str = "localhost";

/// The Host of a request; a target in absolute form must name the same. A health check in HTTP/1.0 needs no Host: load
/// balancers send none by default, and browsers always send one.
///
/// # Errors
/// 400 if there is not exactly one Host, or it differs from the target.
pub(crate) fn single(request: &Parts) -> Result<&str, Problem> {
    let mut hosts = request.headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        if request.version == Version::HTTP_10
            && !request.headers.contains_key(HOST)
            && request.uri.authority().is_none()
            && paths::is_health_check(&request.method, &request.uri)
        {
            return Ok(LOCALHOST);
        }
        let count = request.headers.get_all(HOST).iter().count();
        return Err(Problem::malformed(format!(
            "The request has {count} Host headers. Send exactly one."
        )));
    };
    let host = host
        .to_str()
        .map_err(|_| {
            let detail = "The Host header has bytes beyond ASCII. Send the host name in its ASCII form (Punycode).";
            Problem::malformed(detail)
        })?;
    match request.uri.authority() {
        Some(target) if !target.as_str().eq_ignore_ascii_case(host) => {
            Err(Problem::malformed(format!(
                "The request's target names {:?}, but its Host header names {host:?}. Send the same host in both.",
                target.as_str()
            )))
        }
        _ => Ok(host),
    }
}

/// The name or address literal in a Host header, without the port.
///
/// # Errors
/// 400 if the header is malformed.
pub(crate) fn name(host: &str) -> Result<&str, Problem> {
    let malformed = || {
        Problem::malformed(format!(
            "The Host header is {host:?}; expected a host with an optional port, like localhost:7070."
        ))
    };
    let end = if host.starts_with('[') {
        host.find(']').ok_or_else(malformed)? + 1
    } else {
        host.find(':').unwrap_or(host.len())
    };
    let (name, rest) = host.split_at(end);
    let is_port_valid = rest.is_empty()
        || rest
            .strip_prefix(':')
            .is_some_and(|port| port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit()));
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._[:]".contains(&b);
    if name.is_empty() || !is_port_valid || !name.bytes().all(is_allowed) {
        Err(malformed())
    } else {
        Ok(name)
    }
}

/// Whether a name is `localhost`, the local address of the connection, or one of `names`.
pub(crate) fn is_ours(name: &str, local: Option<IpAddr>, names: &[String]) -> bool {
    let literal = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let address: Option<IpAddr> = match literal {
        Some(literal) => literal.parse().ok().filter(IpAddr::is_ipv6),
        None => name.parse().ok().filter(IpAddr::is_ipv4),
    };
    if address.is_some() && address == local {
        return true;
    }
    let matches = |own: &str| name.eq_ignore_ascii_case(own);
    matches(LOCALHOST) || names.iter().any(|own| matches(own))
}

/// The rejection of a Host that is no name of this server.
pub(crate) fn wrong(host: &str) -> Problem {
    let detail = format!(
        "{host:?} is not a name of this server. Start the server with --host NAME to accept that name."
    );
    Problem::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", detail)
}
