//! Checks that a server without tokens is reachable only from its own machine.

use crate::config::{Config, Origin};

/// Checks the settings.
///
/// # Errors
/// A sentence that says which setting exposes the server without tokens.
pub(super) fn check(config: &Config, has_tokens: bool) -> Result<(), String> {
    if has_tokens {
        return Ok(());
    }
    if config.allow_origins.iter().any(Origin::is_null) {
        return Err("--allow-origin null admits every web page, and no tokens are configured. Create one with `cloakroom token add`.".to_owned());
    }
    if config.insecure_no_token {
        return Ok(());
    }
    let beyond = config.listen.iter().find(|at| at.is_beyond_loopback());
    let (what, how) = match (beyond, &config.public_url) {
        (Some(address), _) => (address.to_string(), "can be reached from other machines"),
        (None, Some(url)) => (
            url.to_string(),
            "means that clients connect through a proxy",
        ),
        (None, None) => return Ok(()),
    };
    Err(format!(
        "{what} {how}, and no tokens are configured: anyone could use the server. Create a token with \
         `cloakroom token add`, or pass --insecure-no-token."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_beyond_loopback_requires_a_token() {
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
