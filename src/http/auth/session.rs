//! Sessions of the dashboard: a cookie that stands for a token, so that the page need not keep the token.
//!
//! The cookie holds the token's hash and an expiry time, signed with a key that lives as long as the process. Nothing is
//! stored. A session ends when it expires, when its token is removed, or when the server stops.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{COOKIE, HeaderMap};
use sha2::Sha256;

use crate::tokens::Hash;

/// How long a session lasts: a working day.
const LIFETIME: Duration = Duration::from_hours(12);
const COOKIE_NAME: &str = "cloakroom_session";
/// The length of the expiry time, in bytes.
const END_BYTES: usize = 4;
const HASH_BYTES: usize = size_of::<Hash>();

/// Creates and checks sessions.
pub(crate) struct Sessions {
    key: Hmac<Sha256>,
    /// The time that expiry times are relative to.
    started: Instant,
}

impl Sessions {
    /// Sessions that are signed with this key.
    pub(crate) fn new(key: &[u8]) -> Self {
        Self {
            key: Hmac::new_from_slice(key).expect("HMAC takes a key of any length"),
            started: Instant::now(),
        }
    }

    /// The `Set-Cookie` value that starts a session for paths below `path`.
    pub(crate) fn cookie(&self, token: &Hash, path: &str, only_https: bool) -> String {
        let value = self.value(token, self.started.elapsed() + LIFETIME);
        let (seconds, secure) = (LIFETIME.as_secs(), if only_https { "; Secure" } else { "" });
        format!(
            "{COOKIE_NAME}={value}; Path={path}/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
        )
    }

    /// The hash of the token that a request's session stands for.
    pub(crate) fn token(&self, headers: &HeaderMap) -> Option<Hash> {
        let lines = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok());
        let cookies = lines.flat_map(|line| line.split(';'));
        let mut values = cookies.filter_map(|cookie| {
            let (name, value) = cookie.trim().split_once('=')?;
            (name == COOKIE_NAME).then_some(value)
        });
        values.find_map(|value| self.token_at(value, self.started.elapsed()))
    }

    fn value(&self, token: &Hash, end: Duration) -> String {
        let end = u32::try_from(end.as_secs()).unwrap_or(u32::MAX);
        let mut bytes = end.to_be_bytes().to_vec();
        bytes.extend_from_slice(token);
        let mac = self.mac(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&mac);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    fn token_at(&self, value: &str, now: Duration) -> Option<Hash> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(value).ok()?;
        let (signed, mac) = bytes.split_at_checked(END_BYTES + HASH_BYTES)?;
        self.mac(signed).verify_slice(mac).ok()?;
        let (end, hash) = signed.split_at(END_BYTES);
        let end = u32::from_be_bytes(end.try_into().ok()?);
        (now.as_secs() < u64::from(end)).then(|| hash.try_into().ok())?
    }

    fn mac(&self, bytes: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.key.clone();
        mac.update(bytes);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_expire_and_cannot_be_forged() {
        let sessions = Sessions::new(b"key");
        let token = [7; 32];
        let value = sessions.value(&token, Duration::from_secs(100));
        let at = |value: &str, seconds| sessions.token_at(value, Duration::from_secs(seconds));
        assert_eq!(at(&value, 0), Some(token));
        assert_eq!(at(&value, 99), Some(token));
        assert_eq!(at(&value, 100), None);
        let later = sessions.value(&token, Duration::from_secs(101));
        let mixed = format!("{}{}", &later[..8], &value[8..]);
        for bad in ["", "x", &value[1..], &value[..value.len() - 4], &mixed] {
            assert_eq!(at(bad, 0), None, "{bad}");
        }
        let other = Sessions::new(b"another key");
        assert_eq!(other.token_at(&value, Duration::ZERO), None);
    }

    #[test]
    fn session_is_found_among_other_cookies() {
        let sessions = Sessions::new(b"key");
        let cookie = sessions.cookie(&[7; 32], "", false);
        let (pair, rest) = cookie.split_once(';').expect("attributes");
        assert_eq!(rest, " Path=/; Max-Age=43200; HttpOnly; SameSite=Strict");
        let mut headers = HeaderMap::new();
        let line = format!("a=b; {COOKIE_NAME}=old; {pair}; c=d");
        headers.insert(COOKIE, line.parse().expect("a header"));
        assert_eq!(sessions.token(&headers), Some([7; 32]));
    }
}
