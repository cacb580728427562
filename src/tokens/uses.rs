//! When tokens were last used: noted in memory by the server, and saved now and then in a file of its own, so that a fault
//! of this file never touches the tokens. A time that is not known is no error.
//!
//! Each line of the file holds the SHA-256 of a token's text and the time in RFC 3339.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use parking_lot::Mutex;

use crate::data_dir;
use crate::tokens::file::storable;
use crate::tokens::token::Hash;

/// Maximum size of the file that is read, in bytes: enough for ten thousand tokens.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// When tokens were last used, by the hashes of the tokens.
#[derive(Debug, Default)]
pub(in crate::tokens) struct Uses {
    times: Mutex<HashMap<Hash, SystemTime>>,
    /// Whether a time differs from the file.
    are_changed: AtomicBool,
    /// Locked while the file is written. Holds whether the last write failed, so that a lasting failure is logged once.
    has_failed: Mutex<bool>,
}

impl Uses {
    /// The times in the file of a data folder. Without those that cannot be read.
    pub(in crate::tokens) fn read(data: &Path) -> Self {
        Self {
            times: Mutex::new(read(data)),
            ..Self::default()
        }
    }

    /// The time at which the token with this hash was last used, if it is known.
    pub(in crate::tokens) fn of(&self, hash: &Hash) -> Option<SystemTime> {
        self.times.lock().get(hash).copied()
    }

    /// Whether a time differs from the file.
    pub(in crate::tokens) fn are_changed(&self) -> bool {
        self.are_changed.load(Ordering::Acquire)
    }

    /// Notes that tokens were used at the time `now`.
    pub(in crate::tokens) fn note(&self, used: impl Iterator<Item = Hash>, now: SystemTime) {
        let mut times = self.times.lock();
        for hash in used {
            times.insert(hash, storable(now));
            self.are_changed.store(true, Ordering::Release);
        }
    }

    /// Forgets the tokens that no longer exist.
    pub(in crate::tokens) fn retain(&self, exists: impl Fn(&Hash) -> bool) {
        self.times.lock().retain(|hash, _| exists(hash));
    }

    /// Writes the file of a data folder if a time differs from it, which blocks. Another write is awaited. An error is only
    /// logged.
    pub(in crate::tokens) fn save(&self, data: &Path) {
        // Locked before the times are read, so that of two calls the later one does not write older times.
        let mut has_failed = self.has_failed.lock();
        if !self.are_changed.swap(false, Ordering::AcqRel) {
            return;
        }
        let text: String = {
            let times = self.times.lock();
            let lines = times.iter();
            lines.map(|(hash, time)| line(hash, *time)).collect()
        };
        let path = data.join(data_dir::TOKENS_USED);
        let written = data_dir::write_private_file(&path, text.as_bytes());
        if let Err(error) = &written {
            self.are_changed.store(true, Ordering::Release);
            if !*has_failed {
                tracing::warn!(path = %path.display(), %error, "cannot save when the tokens were last used");
            }
        }
        *has_failed = written.is_err();
    }
}

fn line(hash: &Hash, time: SystemTime) -> String {
    let time = humantime::format_rfc3339_seconds(time);
    format!("{} {time}\n", hex::encode(hash))
}

fn read(data: &Path) -> HashMap<Hash, SystemTime> {
    let mut bytes = Vec::new();
    // A partial read is as good as a file that was cut off.
    let _ = File::open(data.join(data_dir::TOKENS_USED))
        .and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes);
    text.split_inclusive('\n').filter_map(parse).collect()
}

/// Parses a line, which must end with a line break.
fn parse(line: &str) -> Option<(Hash, SystemTime)> {
    let (digest, time) = line.strip_suffix('\n')?.split_once(' ')?;
    let mut hash = Hash::default();
    hex::decode_to_slice(digest, &mut hash).ok()?;
    Some((hash, humantime::parse_rfc3339(time).ok()?))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn damaged_lines_are_times_that_are_not_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path();
        let (anna, ben) = ([1; 32], [2; 32]);
        assert_eq!(Uses::read(data).of(&anna), None, "there is no file");
        let time = UNIX_EPOCH + Duration::from_hours(1);
        let uses = Uses::default();
        assert!(!uses.are_changed());
        uses.note([anna, ben].into_iter(), time);
        assert!(uses.are_changed());
        uses.save(data);
        assert!(!uses.are_changed());
        let again = Uses::read(data);
        assert_eq!((again.of(&anna), again.of(&ben)), (Some(time), Some(time)));
        let path = data.join(data_dir::TOKENS_USED);
        let whole = line(&anna, time);
        for damaged in [&b""[..], b"\xff\0\n", b"ab 1970-01-01T00:00:00Z\n", b" \n"] {
            fs::write(&path, [damaged, whole.as_bytes()].concat()).expect("it can be written");
            assert_eq!(Uses::read(data).of(&anna), Some(time), "{damaged:?}");
        }
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).expect("it can be written");
            assert_eq!(Uses::read(data).of(&anna), None, "{cut}");
        }
        fs::remove_file(&path).expect("it was there");
        fs::create_dir(&path).expect("a folder in its place");
        assert_eq!(Uses::read(data).of(&anna), None);
        uses.note([anna].into_iter(), time);
        uses.save(data);
        assert!(uses.are_changed(), "it could not be saved");
    }

    #[test]
    fn removed_tokens_are_forgotten() {
        let uses = Uses::default();
        uses.note([[1; 32], [2; 32]].into_iter(), UNIX_EPOCH);
        uses.retain(|hash| *hash == [2; 32]);
        assert_eq!(
            (uses.of(&[1; 32]), uses.of(&[2; 32])),
            (None, Some(UNIX_EPOCH))
        );
    }
}
