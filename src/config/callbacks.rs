//! Settings of callbacks: allowed targets, retries and signing secrets.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use super::values;
use crate::address::Allow;

/// Settings of callbacks, and of every other request that the server makes on a job's behalf.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Callbacks {
    /// Hosts (`example.org`) and networks (`10.0.0.0/8`) that the server may call although their addresses are not public.
    #[cfg_attr(test, serde(skip_serializing), schemars(with = "Vec<String>"))]
    pub allow: Vec<Allow>,
    /// Secrets that callbacks are signed with: `whsec_` and 24 to 64 bytes in base64. Each callback carries a signature for
    /// every secret.
    #[cfg_attr(test, serde(skip_serializing), schemars(with = "Vec<String>"))]
    pub secrets: Vec<Secret>,
    /// How long to wait before the second attempt, the third, and so on.
    #[serde(deserialize_with = "values::times")]
    pub schedule: Vec<Duration>,
    /// The number of concurrent attempts for one origin (scheme, host and port).
    #[serde(deserialize_with = "values::count")]
    pub per_host: usize,
}

impl Default for Callbacks {
    fn default() -> Self {
        let (minute, hour) = (60, 60 * 60);
        Self {
            allow: Vec::new(),
            secrets: Vec::new(),
            schedule: [5, 30, 2 * minute, 10 * minute, hour, 6 * hour]
                .map(Duration::from_secs)
                .into(),
            per_host: 2,
        }
    }
}

/// A key for signing callbacks, in the format of Standard Webhooks 1.0: `whsec_` and base64. Its `Debug` output hides it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The key's bytes.
    pub fn key(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("whsec_...")
    }
}

impl TryFrom<String> for Secret {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // The text is a secret even where it is malformed, so the message does not repeat it.
        let key = text.strip_prefix("whsec_");
        let key = key.and_then(|key| BASE64_STANDARD.decode(key).ok());
        key.filter(|key| (24..=64).contains(&key.len()))
            .map(Self)
            .ok_or("expected \"whsec_\" followed by 24 to 64 bytes in base64")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_at_least_24_bytes_and_are_hidden_in_debug_output() {
        let secret = |text: &str| Secret::try_from(text.to_owned());
        let good = secret("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3").expect("a secret");
        assert_eq!(good.key(), b"0123456789abcdef01234567");
        assert_eq!(format!("{good:?}"), "whsec_...");
        for bad in ["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "whsec_MDEy", "whsec_!"] {
            assert!(secret(bad).is_err(), "{bad}");
        }
    }
}
