//! [`Grant`]: why a request was admitted, and for how long.

use std::time::{Duration, SystemTime};

use crate::tokens::table::Tokens;
use crate::tokens::token::{Hash, Token};

/// How long a wait for a token's expiry lasts at most before the clock is read again, since the clock may be set.
const CLOCK_CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Why a request was admitted. Its streams end when the grant is no longer valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Grant {
    /// The route needs no token.
    Open,
    /// Tokens are not required.
    NoTokens,
    /// The request had this token. A new token with the same name has a different hash.
    Token(Hash, Token),
}

impl Tokens {
    /// Completes when a grant is no longer valid.
    pub(crate) async fn ended(&self, grant: &Grant) {
        let mut changes = self.changes.subscribe();
        while self.holds(grant) {
            let next = changes.changed();
            let Some(left) = self.time_left(grant) else {
                if next.await.is_err() {
                    // Not reached: `self` owns the sender.
                    return;
                }
                continue;
            };
            let left = left.min(CLOCK_CHECK_INTERVAL);
            // The end of the time is no error: the grant is checked again.
            let _ = tokio::time::timeout(left, next).await;
        }
    }

    /// The time until the grant's token expires.
    fn time_left(&self, grant: &Grant) -> Option<Duration> {
        let Grant::Token(hash, _) = grant else {
            return None;
        };
        let end = self.known(hash)?.expires?;
        Some(end.duration_since(SystemTime::now()).unwrap_or_default())
    }

    pub(in crate::tokens) fn holds(&self, grant: &Grant) -> bool {
        match grant {
            Grant::Open => true,
            Grant::NoTokens => !self.are_required(),
            // A token that has been replaced by another one is still the same token, with an earlier end.
            Grant::Token(hash, token) => self
                .with_hash(hash)
                .is_ok_and(|now| now.name == token.name && now.kind == token.kind),
        }
    }
}
