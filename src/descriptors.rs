//! The limit on file descriptors, and so on connections, of this process.
//!
//! The usual limit of 1,024 is too low for a server with as many connections, and many connections must not leave jobs
//! without files. Child processes get the original limit back: programs that use `select(2)` cannot handle a higher one.

#[cfg(unix)]
use std::io;
#[cfg(unix)]
use std::sync::OnceLock;

#[cfg(unix)]
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that a server with no connection and no job needs.
#[cfg(unix)]
const OWN_DESCRIPTORS: u64 = 64;
/// Minimum number of descriptors left to jobs beside the connections.
#[cfg(unix)]
const JOB_DESCRIPTORS: u64 = 256;
/// The lowest number of connections that a server accepts.
#[cfg(unix)]
const MIN_CONNECTIONS: u64 = 8;

/// The original limit, if it was raised.
#[cfg(unix)]
static ORIGINAL_LIMIT: OnceLock<Rlimit> = OnceLock::new();

/// Raises the limit to what this many connections need, as far as the system allows; returns how many connections there
/// may be. Affects the whole process, so only the server's own binary calls it.
#[cfg(unix)]
pub(crate) fn raise_fd_limit(connections: usize) -> usize {
    let original = getrlimit(Resource::Nofile);
    // `None` means unlimited.
    let Some(soft) = original.current else {
        return connections;
    };
    let wanted = connections as u64 * 2 + JOB_DESCRIPTORS;
    let more = wanted.min(original.maximum.unwrap_or(wanted)).max(soft);
    let raised = Rlimit {
        current: Some(more),
        maximum: original.maximum,
    };
    let has = if more > soft && setrlimit(Resource::Nofile, raised).is_ok() {
        // Only this function sets it.
        let _ = ORIGINAL_LIMIT.set(original);
        more
    } else {
        soft
    };
    if has >= wanted {
        return connections;
    }
    let affordable = (has.saturating_sub(OWN_DESCRIPTORS) / 2).max(MIN_CONNECTIONS) as usize;
    if affordable < connections {
        tracing::warn!(
            descriptors = has,
            connections = affordable,
            "the descriptor limit is too low for the configured number of connections"
        );
    }
    affordable.min(connections)
}

/// Other systems have no such limit.
#[cfg(not(unix))]
pub(crate) fn raise_fd_limit(connections: usize) -> usize {
    connections
}

/// Restores the original limit in a process that is about to execute another program. Allocates nothing.
#[cfg(unix)]
pub(crate) fn restore_fd_limit() -> io::Result<()> {
    match ORIGINAL_LIMIT.get() {
        Some(original) => Ok(setrlimit(Resource::Nofile, *original)?),
        None => Ok(()),
    }
}
