//! Whom a request comes from: the token that it shows, or a session's cookie that stands for one.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, SET_COOKIE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{Response, StatusCode};

use crate::engine::Caller;
use crate::failpoints;
use crate::http::auth::guard;
use crate::http::auth::guard::{Admission, Guard};
use crate::http::auth::session::Sessions;
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::response::reply as response;
use crate::http::routing::route;
use crate::http::server::timeouts::Ending;
use crate::tokens::{Grant, Hash, Token, Tokens, is_local};

/// Knows who may ask.
pub(in crate::http) struct Access {
    tokens: Arc<Tokens>,
    sessions: Sessions,
    /// Whether the run's own token is for programs on this machine only, as its jobs may call private addresses.
    is_run_local: bool,
}

impl Access {
    /// Asks for these tokens, if there are any. Jobs of local programs may call private addresses if `is_private`.
    pub(in crate::http) fn new(tokens: Arc<Tokens>, is_private: bool) -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .expect("the system has randomness, or ids could not be made either");
        Self {
            tokens,
            sessions: Sessions::new(&key),
            is_run_local: is_private,
        }
    }

    /// Whether there are tokens.
    pub(in crate::http) fn has_tokens(&self) -> bool {
        self.tokens.are_required()
    }

    /// Who asks, and for how long they may.
    ///
    /// # Errors
    /// 401 without a token that is needed; 403 if the token is not good through a proxy.
    pub(in crate::http) fn admit(
        &self,
        request: &Parts,
        pass: &Admission<'_>,
        has_tokens: bool,
    ) -> Result<(Caller, Grant), Problem> {
        if !has_tokens {
            return Ok((Caller::Anyone, Grant::NoTokens));
        }
        if failpoints::is_planned("token-check-off") {
            return Ok((Caller::Anyone, Grant::Open));
        }
        if route::is_open(request.uri.path()) {
            return Ok((Caller::Nobody, Grant::Open));
        }
        let found = if request.headers.contains_key(AUTHORIZATION) {
            self.shown(&request.headers)
        } else if pass.is_own_page {
            let session = self.sessions.token(&request.headers);
            session.and_then(|hash| Some((hash, self.tokens.with_hash(&hash)?)))
        } else {
            None
        };
        let (hash, token) = found.ok_or_else(refusal)?;
        if self.is_run_local
            && is_local(Some(&token.name))
            && guard::is_through_proxy(&request.headers)
        {
            return Err(guard::behind_a_proxy());
        }
        let name = Arc::clone(&token.name);
        let caller = if token.admin {
            Caller::Admin(name)
        } else {
            Caller::Named(name)
        };
        Ok((caller, Grant::Token(hash, token)))
    }

    /// Ends when whoever was admitted would not be any longer.
    pub(in crate::http) async fn ended(&self, grant: &Grant) {
        self.tokens.ended(grant).await;
    }

    /// The same for a reply that streams.
    pub(in crate::http) fn ending(&self, grant: Grant) -> Ending {
        let tokens = Arc::clone(&self.tokens);
        Box::pin(async move { tokens.ended(&grant).await })
    }

    /// Takes other tokens when the file changes, for as long as it is polled.
    pub(in crate::http) async fn keep_up(&self) {
        self.tokens.keep_looking().await;
    }

    /// A session for whoever shows a token; where there are none, nobody needs one.
    ///
    /// # Errors
    /// 401.
    pub(in crate::http) fn session(
        &self,
        request: &Parts,
        guard: &Guard,
    ) -> Result<Response<Body>, Problem> {
        let mut response = response::no_content();
        if self.has_tokens() {
            // A session does not prolong itself.
            let (hash, _) = self.shown(&request.headers).ok_or_else(refusal)?;
            let url = guard.public_url();
            let (path, https) = url.map_or(("", false), |url| (url.path(), url.is_https()));
            let cookie = self.sessions.cookie(&hash, path, https);
            response
                .headers_mut()
                .insert(SET_COOKIE, response::header(&cookie));
        }
        Ok(response)
    }

    fn shown(&self, headers: &HeaderMap) -> Option<(Hash, Token)> {
        self.tokens.find(&shown(headers)?)
    }
}

/// The refusal of whoever shows no token that is good.
pub(in crate::http) fn refusal() -> Problem {
    let detail =
        "A token is wanted, as `Authorization: Bearer TOKEN`: `cloakroom token add` makes one.";
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
        .with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// The token that a request shows: a bearer's, or as the password of whomever.
fn shown(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, text) = value.to_str().ok()?.split_once(' ')?;
    let text = text.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(text.into());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()?;
    let (_, password) = pair.split_once(':')?;
    Some(password.to_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_in_two_ways() {
        let check = |values: &[&str], expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().expect("a header"));
            }
            assert_eq!(shown(&headers).as_deref(), expected, "{values:?}");
        };
        check(&["Bearer abc"], Some("abc"));
        check(&["bearer  abc"], Some("abc"));
        // "anna:abc", ":abc" and "anna:a:c".
        check(&["Basic YW5uYTphYmM="], Some("abc"));
        check(&["basic OmFiYw=="], Some("abc"));
        check(&["Basic YW5uYTphOmM="], Some("a:c"));
        for bad in [
            "",
            "abc",
            "Bearer",
            "Basic abc",
            "Basic YW5uYQ==",
            "Digest abc",
        ] {
            check(&[bad], None);
        }
        check(&[], None);
        check(&["Bearer abc", "Bearer abc"], None);
    }
}
