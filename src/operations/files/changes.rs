//! Handles files that change while they are read. A file is read up to the length that it had when it was opened, so that
//! a program that keeps writing cannot keep a job busy for ever. A file that became shorter yields the bytes that it still
//! has. Both are counted and noted in the job's log.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::operations::files::source;
use crate::operations::{Context, Log, OperationError};

/// How the length of a file changed while it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::operations) enum Change {
    /// The file has become longer since it was opened.
    Grew,
    /// The file has become shorter since it was opened.
    Shrank,
}

impl Change {
    /// Compares the number of bytes read with the length at opening. The position of `file` must be behind those bytes.
    ///
    /// # Errors
    /// The I/O error of reading one more byte.
    pub(in crate::operations) fn find(
        file: &mut File,
        length: u64,
        read: u64,
    ) -> io::Result<Option<Self>> {
        if read < length {
            return Ok(Some(Self::Shrank));
        }
        loop {
            match file.read(&mut [0]) {
                Ok(more) => return Ok((more > 0).then_some(Self::Grew)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The number of files that changed their length while they were read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::operations) struct Changes {
    grew: u64,
    shrank: u64,
}

impl Changes {
    /// Counts a file, and notes the change in the log.
    pub(in crate::operations) fn note(
        &mut self,
        context: &Context,
        name: &str,
        change: Change,
        (length, read): (u64, u64),
    ) {
        match change {
            Change::Grew => self.grew += 1,
            Change::Shrank => self.shrank += 1,
        }
        log_change(context.log(), name, change, (length, read));
    }

    /// A text like `1 file grew and 2 files shrank while they were read`, or `None` if no file changed.
    pub(in crate::operations) fn describe(self) -> Option<String> {
        let counts = [(self.grew, "grew"), (self.shrank, "shrank")];
        let words: Vec<_> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, verb)| {
                format!("{count} file{} {verb}", if *count == 1 { "" } else { "s" })
            })
            .collect();
        let while_read = match self.grew + self.shrank {
            0 => return None,
            1 => "while it was read",
            _ => "while they were read",
        };
        Some(format!("{} {while_read}", words.join(" and ")))
    }
}

/// Notes the change of a file in a log.
fn log_change(log: &Log, name: &str, change: Change, (length, read): (u64, u64)) {
    let line = match change {
        Change::Grew => {
            format!("{name} grew while it was read: only its first {read} bytes were taken.\n")
        }
        Change::Shrank => {
            format!("{name} shrank while it was read: {read} of its {length} bytes were taken.\n")
        }
    };
    log.write(line.as_bytes());
}

/// Reads a file up to the length that it had when it was opened.
pub(in crate::operations) struct FixedFile {
    log: Arc<Log>,
    name: String,
    file: File,
    length: u64,
    read: u64,
    is_over: bool,
}

impl FixedFile {
    /// `name` is the file's name in the log and in error messages, `length` its length in bytes when it was opened.
    pub(in crate::operations) fn new(
        log: &Arc<Log>,
        name: String,
        file: File,
        length: u64,
    ) -> Self {
        Self {
            log: Arc::clone(log),
            name,
            file,
            length,
            read: 0,
            is_over: false,
        }
    }
}

impl Read for FixedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.length - self.read;
        let read = (&self.file).take(left).read(buffer);
        let read = read.map_err(|error| unreadable(&self.name, error))?;
        self.read += read as u64;
        if read == 0 && !buffer.is_empty() && !self.is_over {
            self.is_over = true;
            let sizes = (self.length, self.read);
            let change = Change::find(&mut self.file, self.length, self.read);
            let change = change.map_err(|error| unreadable(&self.name, error))?;
            if let Some(change) = change {
                log_change(&self.log, &self.name, change, sizes);
            }
        }
        Ok(read)
    }
}

/// Adds the file's name to a read error.
fn unreadable(name: &str, error: io::Error) -> io::Error {
    // Callers of `read` retry after this error.
    if error.kind() == io::ErrorKind::Interrupted {
        return error;
    }
    OperationError::from(source::unreadable(name, &error)).into()
}

#[cfg(test)]
mod tests {
    use std::io::Seek;

    use super::*;

    #[test]
    fn fixed_file_keeps_its_length_at_opening() {
        let check = |length_now: u64, expected: u64, line: &str| {
            let mut file = tempfile::tempfile().expect("a temporary file");
            file.set_len(length_now).expect("its length");
            let log = Arc::new(Log::default());
            file.rewind().expect("its start");
            let mut fixed = FixedFile::new(&log, "f".into(), file, 1000);
            let mut bytes = Vec::new();
            fixed.read_to_end(&mut bytes).expect("its bytes");
            // Another read returns nothing, and adds nothing to the log.
            assert_eq!(fixed.read(&mut [0]).expect("the end"), 0);
            assert_eq!(bytes.len() as u64, expected);
            assert_eq!(String::from_utf8_lossy(&log.to_vec()), line);
        };
        check(1000, 1000, "");
        check(
            2000,
            1000,
            "f grew while it was read: only its first 1000 bytes were taken.\n",
        );
        check(
            300,
            300,
            "f shrank while it was read: 300 of its 1000 bytes were taken.\n",
        );
    }

    #[test]
    fn file_changes_are_described() {
        let check = |grew, shrank, expected: Option<&str>| {
            let changes = Changes { grew, shrank };
            assert_eq!(changes.describe().as_deref(), expected);
        };
        check(0, 0, None);
        check(1, 0, Some("1 file grew while it was read"));
        check(0, 2, Some("2 files shrank while they were read"));
        check(
            1,
            1,
            Some("1 file grew and 1 file shrank while they were read"),
        );
    }
}
