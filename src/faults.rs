//! Planned failures, for the tests that show that a detector detects. In release builds there are none.
//!
//! `CLOAKROOM_FAULT=NAME` plans one; for a [`point`], `NAME:K` aborts the process when it is passed for the K-th time.

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
    if let Some(plan) = &*PLAN
        && plan.name == name
        && plan.passes.fetch_sub(1, Ordering::Relaxed) == 1
    {
        std::process::abort();
    }
}
