//! What an attempt writes for people: the last of it, in memory, for whoever reads along.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

/// How much of a log is kept, in bytes: the last.
pub(crate) const LOG_BYTES: usize = 256 * 1024;
/// How much of it a reader gets at once, in bytes.
const PIECE_BYTES: usize = 16 * 1024;

#[derive(Debug, Default)]
struct Tail {
    bytes: VecDeque<u8>,
    /// How many bytes were written before the first that is still here.
    dropped: u64,
    is_closed: bool,
}

/// One attempt's log.
#[derive(Debug, Default)]
pub struct Log {
    tail: Mutex<Tail>,
    changed: watch::Sender<()>,
}

impl Log {
    /// Adds what was written.
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

    /// Nothing more is written.
    pub(crate) fn close(&self) {
        self.tail.lock().is_closed = true;
        self.changed.send_replace(());
    }

    /// All of it that is kept.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let tail = self.tail.lock();
        let (front, back) = tail.bytes.as_slices();
        [front, back].concat()
    }
}

/// Reads a log along as it is written. A reader that is too slow misses what is no longer kept.
#[derive(Debug)]
pub(crate) struct LogReader {
    log: std::sync::Arc<Log>,
    changed: watch::Receiver<()>,
    /// How many bytes were read or missed.
    position: u64,
}

impl LogReader {
    /// Begins with the first byte that is kept.
    pub(crate) fn new(log: std::sync::Arc<Log>) -> Self {
        Self {
            changed: log.changed.subscribe(),
            log,
            position: 0,
        }
    }

    /// The next bytes, as soon as there are some; none once all is read and nothing more is written.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        loop {
            // Seen before it is looked at, so that what comes in between is a change.
            self.changed.borrow_and_update();
            {
                let tail = self.log.tail.lock();
                let begin = self.position.saturating_sub(tail.dropped) as usize;
                let end = tail.bytes.len().min(begin + PIECE_BYTES);
                if begin < end {
                    self.position = tail.dropped + end as u64;
                    return Some(tail.bytes.range(begin..end).copied().collect());
                }
                if tail.is_closed {
                    return None;
                }
            }
            // The sender lives in the log that we hold.
            let _ = self.changed.changed().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_reader_gets_what_is_kept_and_then_what_comes() {
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
