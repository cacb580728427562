//! Numbers for new jobs and blobs; never reused, not even after a restart.

use rusqlite::Connection;

use super::{Error, meta};

/// Number of values that one write to `meta` reserves.
const RESERVED_RANGE: i64 = 1024;

/// Consecutive numbers, reserved on disk ahead of their use.
pub(super) struct Sequence {
    key: &'static str,
    pub(super) next: i64,
    reserved: i64,
}

impl Sequence {
    pub(super) fn load(
        connection: &Connection,
        key: &'static str,
    ) -> Result<Self, rusqlite::Error> {
        let next = meta::meta(connection, key)?;
        Ok(Self {
            key,
            next,
            reserved: next,
        })
    }

    /// Makes sure that no later run of the server assigns `number` again.
    pub(super) fn reserve(&mut self, connection: &Connection, number: i64) -> Result<(), Error> {
        if number >= self.reserved {
            let reserved = number + RESERVED_RANGE;
            meta::set_meta(connection, self.key, reserved)?;
            self.reserved = reserved;
        }
        Ok(())
    }

    pub(super) fn reload(&mut self, connection: &Connection) -> Result<(), Error> {
        self.reserved = meta::meta(connection, self.key)?;
        Ok(())
    }
}

/// Random numbers from the system, fetched 4 KiB at a time.
#[derive(Default)]
pub(super) struct RandomBits(Vec<u64>);

impl RandomBits {
    pub(super) fn next(&mut self) -> Result<u64, Error> {
        if let Some(number) = self.0.pop() {
            return Ok(number);
        }
        let mut bytes = [0; 4096];
        getrandom::fill(&mut bytes).map_err(|e| Error::Database(format!("no randomness: {e}")))?;
        let (words, _) = bytes.as_chunks::<8>();
        self.0
            .extend(words.iter().map(|word| u64::from_ne_bytes(*word)));
        self.next()
    }
}
