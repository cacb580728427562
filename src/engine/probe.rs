//! Finds out whether every root can be opened, for readiness.
//!
//! The file system of a network may not answer for ever. One thread waits for it at most, and whoever asks meanwhile
//! hears which root it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::roots::Roots;

/// How long the file systems have to answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Looks at roots.
#[derive(Debug)]
pub(super) struct Probe {
    roots: Arc<Roots>,
    /// Held by the one who looks.
    turn: Arc<Mutex<()>>,
    /// The number of the root that is looked at.
    current: Arc<AtomicUsize>,
}

impl Probe {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self {
            roots: Arc::clone(roots),
            turn: Arc::default(),
            current: Arc::default(),
        }
    }

    /// Why a root cannot be used now, as a sentence; none if all can.
    pub(super) async fn trouble(&self) -> Option<String> {
        let (roots, current) = (Arc::clone(&self.roots), Arc::clone(&self.current));
        let look = async {
            let turn = Arc::clone(&self.turn).lock_owned().await;
            let look = move || {
                let _turn = turn;
                roots.trouble(|number| current.store(number, Ordering::Relaxed))
            };
            tokio::task::spawn_blocking(look).await
        };
        let error = match tokio::time::timeout(TIMEOUT, look).await {
            Ok(Ok(trouble)) => trouble?.to_string(),
            Ok(Err(panic)) => panic.to_string(),
            Err(_) => {
                let paths = self.roots.paths();
                let path = paths.get(self.current.load(Ordering::Relaxed))?;
                format!("the root {path} does not answer")
            }
        };
        Some(format!("Not every job can run: {error}."))
    }
}
