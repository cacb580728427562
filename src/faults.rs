//! Planned failures, for the tests that show that a detector detects. In release builds there are none.
//!
//! `CLOAKROOM_FAULT=NAME` plans one. `NAME:K` makes it happen when a [`point`] is passed for the K-th time, which aborts
//! the process, or a [`panic_point`], which panics.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

struct Plan {
    name: String,
    passes: AtomicU64,
}

static PLAN: LazyLock<Option<Plan>> = LazyLock::new(|| {
    let text = cfg!(debug_assertions)
        .then(|| std::env::var("CLOAKROOM_FAULT").ok())
        .flatten()?;
    let (name, passes) = match text.split_once(':') {
        Some((name, passes)) => (name, passes.parse().ok()?),
        None => (text.as_str(), 1),
    };
    Some(Plan {
        name: name.to_owned(),
        passes: AtomicU64::new(passes),
    })
});

/// Whether this failure is planned.
pub(crate) fn is_planned(name: &str) -> bool {
    PLAN.as_ref().is_some_and(|plan| plan.name == name)
}

/// A place where a planned crash happens.
pub(crate) fn point(name: &str) {
    if is_due(name) {
        std::process::abort();
    }
}

/// A place where a planned panic happens.
pub(crate) fn panic_point(name: &str) {
    assert!(!is_due(name), "the planned panic {name:?}");
}

fn is_due(name: &str) -> bool {
    PLAN.as_ref()
        .is_some_and(|plan| plan.name == name && plan.passes.fetch_sub(1, Ordering::Relaxed) == 1)
}
