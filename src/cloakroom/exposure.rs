//! Whether a server may be reached as its settings say: beyond its machine only by those who show a token.

use crate::config::{Config, Origin};

/// Judges the settings.
///
/// # Errors
/// What does not go together, as a sentence.
pub(super) fn check(config: &Config, has_tokens: bool) -> Result<(), String> {
    if has_tokens {
        return Ok(());
    }
    if config.allow_origins.iter().any(Origin::is_null) {
        return Err("--allow-origin null lets every page in, and there are no tokens: see `cloakroom token add`.".to_owned());
    }
    if config.insecure_no_token {
        return Ok(());
    }
    let beyond = config.listen.iter().find(|at| at.is_beyond_loopback());
    let (what, how) = match (beyond, &config.public_url) {
        (Some(address), _) => (address.to_string(), "can be reached from other machines"),
        (None, Some(url)) => (url.to_string(), "says that others come through a proxy"),
        (None, None) => return Ok(()),
    };
    Err(format!(
        "{what} {how}, and there are no tokens: anybody could use the server. Make one with `cloakroom token add`, \
         or say --insecure-no-token."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_loopback_a_token_is_wanted() {
        let check = |listen: &[&str], url: Option<&str>, origin: Option<&str>, fine: [bool; 3]| {
            let config = |insecure_no_token| Config {
                listen: listen
                    .iter()
                    .map(|at| at.parse().expect("an address"))
                    .collect(),
                public_url: url.map(|url| url.parse().expect("a URL")),
                allow_origins: origin
                    .iter()
                    .map(|o| o.parse().expect("an origin"))
                    .collect(),
                insecure_no_token,
                ..Config::default()
            };
            let found = [(false, false), (true, false), (false, true)]
                .map(|(insecure, has_tokens)| super::check(&config(insecure), has_tokens).is_ok());
            // Without anything, with --insecure-no-token, with tokens.
            assert_eq!(found, fine, "{listen:?} {url:?} {origin:?}");
        };
        let page = Some("https://a.example");
        check(&["127.0.0.1:0", "[::1]:0", "unix:x"], None, page, [true; 3]);
        check(
            &["127.0.0.1:0", "0.0.0.0:0"],
            None,
            None,
            [false, true, true],
        );
        check(&["[::]:0"], None, None, [false, true, true]);
        check(&["10.1.2.3:80"], None, None, [false, true, true]);
        check(&["unix:x"], page, None, [false, true, true]);
        check(&["unix:x"], None, Some("null"), [false, false, true]);
    }
}
