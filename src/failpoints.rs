//! Planned failures, with which tests check that faults are detected. Disabled in release builds.
//!
//! `CLOAKROOM_FAULT=NAME,NAME` plans failures. `NAME` or `NAME:K` happens the first or the K-th time that its point is
//! passed: a [`failpoint`] aborts the process, a [`panic_point`] panics. `NAME@SOCKET` makes a [`failpoint`] wait until
//! the listener on that Unix socket closes the connection.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

struct Plan {
    name: String,
    passes: AtomicU64,
    /// The path of a Unix socket: the server connects and waits for the end of the connection.
    waits_at: Option<String>,
}

static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| {
    let text = cfg!(debug_assertions)
        .then(|| std::env::var("CLOAKROOM_FAULT").ok())
        .flatten();
    let plan = |text: &str| {
        let (text, waits_at) = match text.split_once('@') {
            Some((name, socket)) => (name, Some(socket.to_owned())),
            None => (text, None),
        };
        let (name, passes) = match text.split_once(':') {
            Some((name, passes)) => (name, passes.parse().ok()?),
            None => (text, 1),
        };
        Some(Plan {
            name: name.to_owned(),
            passes: AtomicU64::new(passes),
            waits_at,
        })
    };
    let text = text.unwrap_or_default();
    text.split(',').filter_map(plan).collect()
});

/// Whether this failure is planned.
pub(crate) fn is_planned(name: &str) -> bool {
    PLANS.iter().any(|plan| plan.name == name)
}

/// A point at which a planned abort or wait happens.
pub(crate) fn failpoint(name: &str) {
    if let Some(plan) = due(name) {
        match &plan.waits_at {
            Some(socket) => wait_at(socket),
            None => std::process::abort(),
        }
    }
}

/// A point at which a planned panic happens.
pub(crate) fn panic_point(name: &str) {
    assert!(due(name).is_none(), "the planned panic {name:?}");
}

fn due(name: &str) -> Option<&'static Plan> {
    PLANS
        .iter()
        .find(|plan| plan.name == name && plan.passes.fetch_sub(1, Ordering::Relaxed) == 1)
}

#[cfg(unix)]
fn wait_at(socket: &str) {
    use std::io::Read;
    if let Ok(mut stream) = std::os::unix::net::UnixStream::connect(socket) {
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

#[cfg(not(unix))]
fn wait_at(_: &str) {}
