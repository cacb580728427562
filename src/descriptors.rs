//! How many files and connections this process may have open.
//!
//! The usual 1 024 are too few for a server with that many connections, and a crowd of these must not keep jobs from
//! their files. What the server starts gets back what the server was given: programs with `select(2)` bear no more.

#[cfg(unix)]
use std::io;
#[cfg(unix)]
use std::sync::OnceLock;

#[cfg(unix)]
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a server with no connection and no job needs.
#[cfg(unix)]
const OWN: u64 = 64;
/// What jobs are left beside the connections, at least.
#[cfg(unix)]
const FOR_JOBS: u64 = 256;
/// With fewer connections there is no server.
#[cfg(unix)]
const CONNECTIONS: u64 = 8;

/// What this process was given, where it has taken more.
#[cfg(unix)]
static GIVEN: OnceLock<Rlimit> = OnceLock::new();

/// Takes what so many connections want, as far as that is to be had; gives how many connections there may be. For the
/// whole process, so it is for a program that is nothing but a server.
#[cfg(unix)]
pub(crate) fn take(connections: usize) -> usize {
    let given = getrlimit(Resource::Nofile);
    // None is as many as one likes.
    let Some(soft) = given.current else {
        return connections;
    };
    let wanted = connections as u64 * 2 + FOR_JOBS;
    let more = wanted.min(given.maximum.unwrap_or(wanted)).max(soft);
    let raised = Rlimit {
        current: Some(more),
        maximum: given.maximum,
    };
    let has = if more > soft && setrlimit(Resource::Nofile, raised).is_ok() {
        // Nobody else sets it.
        let _ = GIVEN.set(given);
        more
    } else {
        soft
    };
    if has >= wanted {
        return connections;
    }
    let affordable = (has.saturating_sub(OWN) / 2).max(CONNECTIONS) as usize;
    if affordable < connections {
        tracing::warn!(
            descriptors = has,
            connections = affordable,
            "the system allows too few descriptors for as many connections as the settings"
        );
    }
    affordable.min(connections)
}

/// Other systems have no such limit.
#[cfg(not(unix))]
pub(crate) fn take(connections: usize) -> usize {
    connections
}

/// Gives a process that is about to become another program what this one was given. Allocates nothing.
#[cfg(unix)]
pub(crate) fn restore_fd_limit() -> io::Result<()> {
    match GIVEN.get() {
        Some(given) => Ok(setrlimit(Resource::Nofile, *given)?),
        None => Ok(()),
    }
}
