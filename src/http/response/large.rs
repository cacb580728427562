//! Limits on the memory that large response bodies take: how many are built at once, and how many bytes of them wait to
//! be sent to slow clients.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::http::response::problem::Problem;

/// The largest small body, in bytes. Small bodies are limited only by the number of connections.
pub(crate) const SMALL_BYTES: usize = 16 << 10;
/// The limit on large bodies that wait to be sent, all together, in bytes.
const HELD_BYTES: usize = 32 << 20;
/// The bytes that one permit stands for.
const PERMIT_BYTES: usize = 1 << 10;
const PERMITS: usize = HELD_BYTES / PERMIT_BYTES;
/// The largest number of bodies that are read from the disk at once.
const MAX_BODY_READS: usize = 4;
/// The largest number of lists that are built at once.
const MAX_LISTS: usize = 2;
/// How long a body waits for others to be sent before the request is rejected.
const HOLD_TIMEOUT: Duration = Duration::from_secs(1);

/// The limits of one server.
#[derive(Debug)]
pub(crate) struct LargeBodies {
    /// A permit for each body that is being read from the disk.
    reads: Semaphore,
    /// A permit for each list that is being built.
    lists: Semaphore,
    /// Units of memory, of [`PERMIT_BYTES`] each.
    held: Arc<Semaphore>,
    /// How long a body waits for units.
    hold_timeout: Duration,
}

impl Default for LargeBodies {
    fn default() -> Self {
        Self {
            reads: Semaphore::new(MAX_BODY_READS),
            lists: Semaphore::new(MAX_LISTS),
            held: Arc::new(Semaphore::new(PERMITS)),
            hold_timeout: HOLD_TIMEOUT,
        }
    }
}

/// A body that counts as held until the connection has sent and dropped it.
struct Held {
    bytes: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl LargeBodies {
    /// Waits for a permit to read a body from the disk. Keep the permit until [`LargeBodies::hold`] has counted the body.
    pub(crate) async fn read_permit(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.reads.acquire().await.ok()
    }

    /// Waits for a permit to build a list, whose parts may each wait for [`LargeBodies::read_permit`].
    pub(crate) async fn list_permit(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.lists.acquire().await.ok()
    }

    /// Counts a body until the last copy of it is dropped.
    ///
    /// # Errors
    /// 503 `server_busy` while slow clients have too many bytes waiting for them.
    pub(crate) async fn hold(&self, bytes: Bytes) -> Result<Bytes, Problem> {
        if bytes.len() <= SMALL_BYTES {
            return Ok(bytes);
        }
        let permits = bytes.len().div_ceil(PERMIT_BYTES).min(PERMITS) as u32;
        let permit = Arc::clone(&self.held).acquire_many_owned(permits);
        let Ok(Ok(permit)) = tokio::time::timeout(self.hold_timeout, permit).await else {
            let detail = "Too many large responses are waiting for slow clients. Try again later.";
            let busy = Problem::new(StatusCode::SERVICE_UNAVAILABLE, SERVER_BUSY, detail);
            return Err(busy.retry_after(1));
        };
        Ok(Bytes::from_owner(Held {
            bytes,
            _permit: permit,
        }))
    }
}

/// The code of the problem that the limits above are reached; a retry can succeed.
pub(crate) const SERVER_BUSY: &str = "server_busy";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn large_bodies_are_rejected_while_too_many_bytes_are_unsent() {
        let large = LargeBodies {
            hold_timeout: Duration::from_millis(5),
            ..LargeBodies::default()
        };
        let body = || Bytes::from(vec![b' '; HELD_BYTES / 4]);
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(large.hold(body()).await.expect("there is room"));
        }
        let busy = large.hold(body()).await.expect_err("there is no room");
        assert_eq!(busy.code(), SERVER_BUSY);
        // Small bodies are not counted.
        large
            .hold(Bytes::from_static(b"{}"))
            .await
            .expect("small bodies are not counted");
        let copy = held[0].clone();
        held.remove(0);
        large.hold(body()).await.expect_err("a copy counts");
        drop(copy);
        large.hold(body()).await.expect("there is room again");
        // A body that is larger than all of the room takes all of it.
        held.clear();
        let huge = large.hold(Bytes::from(vec![b' '; HELD_BYTES + 1])).await;
        large.hold(body()).await.expect_err("there is no room");
        drop(huge);
        large.hold(body()).await.expect("there is room again");
    }
}
