//! Monitor tokens: unguessable names of jobs. A token grants read access to one job and its result, nothing more.
//!
//! A token consists of the job's sequence number and 128 bits of an HMAC of the job's id under a key that the store
//! keeps. It needs no column and cannot be forged.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::job::{JobId, Seq};

/// Length of the sequence number in bytes; 40 bits, as in a job's id.
const SEQ_BYTES: usize = 5;
/// Length of the truncated HMAC in bytes.
const MAC_BYTES: usize = 16;

/// The key that makes and checks monitor tokens.
#[derive(Clone)]
pub(super) struct MonitorKey(Hmac<Sha256>);

impl MonitorKey {
    pub(super) fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes a key of any length"))
    }

    /// The token of a job.
    pub(super) fn token(&self, id: JobId) -> String {
        let mut bytes = [0; SEQ_BYTES + MAC_BYTES];
        let (seq, mac) = bytes.split_at_mut(SEQ_BYTES);
        seq.copy_from_slice(&id.seq().0.to_be_bytes()[8 - SEQ_BYTES..]);
        mac.copy_from_slice(&self.mac(id).finalize().into_bytes()[..MAC_BYTES]);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The sequence number that a token claims.
    pub(super) fn seq(token: &str) -> Option<Seq> {
        let bytes = decode(token)?;
        let seq = bytes[..SEQ_BYTES]
            .iter()
            .fold(0, |seq, byte| seq << 8 | i64::from(*byte));
        Some(Seq(seq))
    }

    /// Whether a token is that of `id`. The comparison takes constant time.
    pub(super) fn is_for(&self, token: &str, id: JobId) -> bool {
        decode(token).is_some_and(|bytes| {
            self.mac(id)
                .verify_truncated_left(&bytes[SEQ_BYTES..])
                .is_ok()
        }) && Self::seq(token) == Some(id.seq())
    }

    fn mac(&self, id: JobId) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(&id.to_bytes());
        mac
    }
}

fn decode(token: &str) -> Option<[u8; SEQ_BYTES + MAC_BYTES]> {
    BASE64_URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::WallMs;

    #[test]
    fn monitor_token_is_valid_for_one_job_and_one_key() {
        let key = MonitorKey::new(&[7; 32]);
        let id = JobId::new(WallMs(1_700_000_000_000), Seq(123_456), 42);
        let token = key.token(id);
        assert_eq!(token.len(), 28);
        assert_eq!(MonitorKey::seq(&token), Some(Seq(123_456)));
        assert!(key.is_for(&token, id));
        assert!(!key.is_for(&token, JobId::new(id.time(), id.seq(), 43)));
        assert!(!MonitorKey::new(&[8; 32]).is_for(&token, id));
        for bad in [
            "",
            "x",
            &token[1..],
            &format!("{token}A"),
            &format!("B{}", &token[1..]),
        ] {
            assert!(!key.is_for(bad, id), "{bad}");
        }
    }
}
