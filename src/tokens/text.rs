//! The text of a token: how it is generated, checked and hashed.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::tokens::file::Error;
use crate::tokens::token::Hash;

/// The prefix of all tokens, for people and for secret scanners.
pub(in crate::tokens) const PREFIX: &str = "cloakroom_";

/// The fewest characters of a chosen token: 16 bytes in base64.
const MIN_CHOSEN_CHARS: usize = 22;
/// The most characters of a chosen token, which must fit into the head of a request.
pub(crate) const MAX_CHOSEN_CHARS: usize = 512;
/// The fewest different characters of a chosen token. Of random tokens with 32 hex digits, one in five billion has fewer.
const MIN_CHOSEN_KINDS: usize = 7;

pub(in crate::tokens) fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// Checks a token that a program chose.
///
/// # Errors
/// What is wrong with it.
pub(in crate::tokens) fn check_strength(text: &str) -> Result<(), &'static str> {
    let is_sendable = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let mut kinds: Vec<_> = text.bytes().collect();
    kinds.sort_unstable();
    kinds.dedup();
    if !text.bytes().all(is_sendable) {
        Err("has a character other than letters, digits and -._~+/=")
    } else if text.len() < MIN_CHOSEN_CHARS {
        Err("has fewer than 22 characters")
    } else if text.len() > MAX_CHOSEN_CHARS {
        Err("has more than 512 characters")
    } else if kinds.len() < MIN_CHOSEN_KINDS {
        Err("has fewer than 7 different characters")
    } else {
        Ok(())
    }
}

/// The text of a new token.
pub(in crate::tokens) fn generate() -> Result<String, Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| Error::Random(e.to_string()))?;
    Ok(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}
