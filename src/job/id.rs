//! Job identifiers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ulid::Ulid;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::job::time::WallMs;

/// A job's position in the order of submission, and its row. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seq(pub i64);

/// The highest sequence number that fits into an identifier.
pub const SEQ_MAX: i64 = (1 << 40) - 1;

/// A job's public identifier: a ULID of 48 bits of time, 40 bits of [`Seq`] and 40 random bits.
///
/// The embedded sequence number leads to the row; the stored id is then compared, so that ids cannot be guessed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobId(u128);

impl JobId {
    /// Builds an identifier from its parts. Only the 40 low bits of `random` are used.
    pub fn new(time: WallMs, seq: Seq, random: u64) -> Self {
        let time = (time.0.max(0) as u128) & ((1 << 48) - 1);
        let seq = (seq.0 as u128) & SEQ_MAX as u128;
        Self(time << 80 | seq << 40 | (u128::from(random) & ((1 << 40) - 1)))
    }

    /// The sequence number embedded in the identifier; not yet checked against the row.
    pub fn seq(self) -> Seq {
        Seq(((self.0 >> 40) as i64) & SEQ_MAX)
    }

    /// The 16 bytes, most significant first.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The identifier with these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The same 128 bits as a UUID, in lower case.
    pub fn to_uuid(self) -> String {
        Uuid::from_u128(self.0).hyphenated().to_string()
    }

    /// Parses the UUID form of an identifier: 36 characters with hyphens, in either case.
    pub fn from_uuid(text: &str) -> Option<Self> {
        // `uuid` also reads other forms, all of other lengths.
        let is_hyphenated = text.len() == Hyphenated::LENGTH;
        let uuid = Uuid::try_parse(text).ok().filter(|_| is_hyphenated)?;
        Some(Self(uuid.as_u128()))
    }

    /// The lowest and the highest identifier whose text begins with `prefix`, in either case. `None` if no identifier can.
    pub(crate) fn with_prefix(prefix: &str) -> Option<(Self, Self)> {
        // Text that begins with a higher digit has more than 128 bits.
        let fits = prefix.starts_with(|first| matches!(first, '0'..='7'));
        let missing = ulid::ULID_LEN.checked_sub(prefix.len()).filter(|_| fits)?;
        let padded = |digit: &str| format!("{prefix}{}", digit.repeat(missing)).parse().ok();
        Some((padded("0")?, padded("Z")?))
    }

    /// The embedded time, which never decreases from one identifier to the next in the same store.
    pub fn time(self) -> WallMs {
        WallMs((self.0 >> 80) as i64)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Ulid(self.0).array_to_str(&mut [0; ulid::ULID_LEN]))
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a job id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a job id: expected 26 characters of Crockford's base 32")]
pub struct NotAnId;

impl FromStr for JobId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        Ulid::from_string(text)
            .map(|u| Self(u.0))
            .map_err(|_| NotAnId)
    }
}
