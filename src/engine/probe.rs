//! Checks for the readiness endpoint whether every root can be opened.
//!
//! A network file system may hang forever. At most one thread waits for it. Checks that time out meanwhile report the
//! root that hangs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::roots::Roots;

/// Maximum time for the check of all roots.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Checks roots, one check at a time.
#[derive(Debug)]
pub(super) struct Probe {
    roots: Arc<Roots>,
    /// Held during a check.
    running: Arc<Mutex<()>>,
    /// The index of the root that is being checked.
    current: Arc<AtomicUsize>,
}

impl Probe {
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self {
            roots: Arc::clone(roots),
            running: Arc::default(),
            current: Arc::default(),
        }
    }

    /// A sentence that says why a root is unusable now, or `None` if all roots are usable.
    pub(super) async fn trouble(&self) -> Option<String> {
        let (roots, current) = (Arc::clone(&self.roots), Arc::clone(&self.current));
        let check = async {
            let running = Arc::clone(&self.running).lock_owned().await;
            let check = move || {
                let _running = running;
                roots.trouble(|number| current.store(number, Ordering::Relaxed))
            };
            tokio::task::spawn_blocking(check).await
        };
        let error = match tokio::time::timeout(TIMEOUT, check).await {
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
