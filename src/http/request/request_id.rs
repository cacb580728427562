//! The id of each request, which the response and the log carry.

use std::sync::atomic::{AtomicU64, Ordering};

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// The header of requests and responses.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a client, in bytes.
const MAX_BYTES: usize = 128;
/// The number of random bytes that tell the ids of one process from those of others.
const RANDOM_BYTES: usize = 6;
/// The length of the random part in hexadecimal, with the hyphen after it.
const PREFIX_BYTES: usize = 2 * RANDOM_BYTES + 1;
/// The length of a number in hexadecimal.
const NUMBER_BYTES: usize = 16;

/// Makes ids: a part that is random for each process, and a number.
#[derive(Debug)]
pub(crate) struct RequestIds {
    prefix: [u8; PREFIX_BYTES],
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random).expect("job ids need randomness as well, and have been made");
        let mut prefix = [b'-'; PREFIX_BYTES];
        hex::encode_to_slice(random, &mut prefix[..2 * RANDOM_BYTES])
            .expect("the prefix has room for the random bytes");
        Self {
            prefix,
            next: AtomicU64::new(1),
        }
    }

    /// The id that the client sent, if it is valid, and otherwise a new one.
    pub(crate) fn of(&self, request: &HeaderMap) -> HeaderValue {
        match request.get(X_REQUEST_ID) {
            Some(id) if is_valid(id.as_bytes()) => id.clone(),
            _ => self.next(),
        }
    }

    /// A new id.
    pub(crate) fn next(&self) -> HeaderValue {
        let mut number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut text = [b'0'; PREFIX_BYTES + NUMBER_BYTES];
        let mut start = text.len() - 1;
        loop {
            text[start] = b"0123456789abcdef"[(number % 16) as usize];
            number /= 16;
            if number == 0 {
                break;
            }
            start -= 1;
        }
        let start = start - PREFIX_BYTES;
        text[start..start + PREFIX_BYTES].copy_from_slice(&self.prefix);
        HeaderValue::from_bytes(&text[start..]).expect("hexadecimal digits and a hyphen are valid")
    }
}

fn is_valid(id: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    (1..=MAX_BYTES).contains(&id.len()) && id.iter().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_process_share_a_prefix_and_are_numbered() {
        let ids = RequestIds::new();
        let numbers: Vec<_> = (0..18)
            .map(|_| {
                let id = ids.next();
                let (prefix, number) = id.to_str().expect("ASCII").split_once('-').expect("-");
                assert_eq!(prefix.as_bytes(), &ids.prefix[..12]);
                number.to_owned()
            })
            .collect();
        assert_eq!(numbers[..2], ["1", "2"]);
        assert_eq!(numbers[14..], ["f", "10", "11", "12"]);
        ids.next.store(u64::MAX, Ordering::Relaxed);
        let id = ids.next();
        assert!(id.as_bytes().ends_with(b"-ffffffffffffffff"));
        assert_ne!(RequestIds::new().prefix, ids.prefix);
    }

    #[test]
    fn only_plain_ids_of_clients_are_kept() {
        let ids = RequestIds::new();
        let check = |id: &str, is_kept: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, id.parse().expect("a header"));
            assert_eq!(ids.of(&headers) == id, is_kept, "{id}");
        };
        check("a", true);
        check("aZ09-_.", true);
        check(&"x".repeat(128), true);
        check(&"x".repeat(129), false);
        for id in ["", "a b", "a/b", "a\tb", "a:b", "{}"] {
            check(id, false);
        }
    }
}
