//! The log of an attempt: its last bytes, kept in memory, and readers that follow it.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

/// The size of the tail that is kept, in bytes.
pub(crate) const LOG_BYTES: usize = 256 * 1024;
/// The maximum size of a chunk that a reader gets, in bytes.
const CHUNK_BYTES: usize = 16 * 1024;

#[derive(Debug, Default)]
struct Tail {
    bytes: VecDeque<u8>,
    /// The number of bytes dropped from the front.
    dropped: u64,
    is_closed: bool,
}

/// The log of one attempt, for people to read. The last 256 KiB are kept in memory.
#[derive(Debug, Default)]
pub struct Log {
    tail: Mutex<Tail>,
    changed: watch::Sender<()>,
}

impl Log {
    /// Appends bytes to the log. The oldest bytes are dropped when it is full.
    pub fn write(&self, bytes: &[u8]) {
        let last = &bytes[bytes.len().saturating_sub(LOG_BYTES)..];
        {
            let mut tail = self.tail.lock();
            let too_many = (tail.bytes.len() + last.len()).saturating_sub(LOG_BYTES);
            tail.bytes.drain(..too_many);
            tail.dropped += (too_many + bytes.len() - last.len()) as u64;
            tail.bytes.extend(last);
        }
        self.changed.send_replace(());
    }

    /// Closes the log. Readers end once they have read all of it.
    pub(crate) fn close(&self) {
        self.tail.lock().is_closed = true;
        self.changed.send_replace(());
    }

    /// A copy of the bytes that are kept.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let tail = self.tail.lock();
        let (front, back) = tail.bytes.as_slices();
        [front, back].concat()
    }
}

/// Follows a log as it is written. A reader that is too slow misses the bytes that were dropped.
#[derive(Debug)]
pub(crate) struct LogReader {
    log: std::sync::Arc<Log>,
    changed: watch::Receiver<()>,
    /// The number of bytes read or missed.
    position: u64,
}

impl LogReader {
    /// Creates a reader that starts with the first byte kept.
    pub(crate) fn new(log: std::sync::Arc<Log>) -> Self {
        Self {
            changed: log.changed.subscribe(),
            log,
            position: 0,
        }
    }

    /// Waits for the next bytes. `None` once the log is closed and all of it was read.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        loop {
            // Mark the current version as seen before reading the tail, so that a write in between counts as a change.
            self.changed.borrow_and_update();
            {
                let tail = self.log.tail.lock();
                let begin = self.position.saturating_sub(tail.dropped) as usize;
                let end = tail.bytes.len().min(begin + CHUNK_BYTES);
                if begin < end {
                    self.position = tail.dropped + end as u64;
                    return Some(tail.bytes.range(begin..end).copied().collect());
                }
                if tail.is_closed {
                    return None;
                }
            }
            // This cannot fail: the sender lives in the log that this reader holds.
            let _ = self.changed.changed().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn log_reader_gets_the_kept_tail_then_new_bytes() {
        let log = Arc::new(Log::default());
        log.write(&vec![b'a'; LOG_BYTES]);
        log.write(b"bc");
        assert_eq!(log.to_vec().len(), LOG_BYTES);
        assert!(log.to_vec().ends_with(b"abc"));
        let mut reader = LogReader::new(Arc::clone(&log));
        let mut read = Vec::new();
        while read.len() < LOG_BYTES {
            read.extend(reader.next().await.expect("more"));
        }
        assert_eq!(read, log.to_vec());
        let next = tokio::spawn(async move { (reader.next().await, reader.next().await) });
        log.write(b"d");
        log.close();
        let (more, end) = next.await.expect("it reads on");
        assert_eq!((more.as_deref(), end), (Some(&b"d"[..]), None));
    }
}
