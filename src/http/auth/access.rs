//! Authentication: the token in `Authorization`, or a session's cookie that stands for one.

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
use crate::http::auth::guard::Admission;
use crate::http::auth::session::Sessions;
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::response::reply as response;
use crate::http::routing::paths;
use crate::http::server::timeouts::Ending;
use crate::tokens::{Grant, Hash, Rejection, Token, TokenKind, Tokens, is_local};

/// Authenticates requests.
pub(crate) struct Access {
    tokens: Arc<Tokens>,
    sessions: Sessions,
    /// Whether the run's own token is rejected through a proxy, because its jobs may call private addresses.
    is_run_local: bool,
}

impl Access {
    /// Requires one of `tokens`, if there are any. `is_private` says that jobs of the run's own token may call private
    /// addresses.
    pub(crate) fn new(tokens: Arc<Tokens>, is_private: bool) -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("job ids need randomness as well, and have been made");
        Self {
            tokens,
            sessions: Sessions::new(&key),
            is_run_local: is_private,
        }
    }

    /// Whether a token is required.
    pub(crate) fn has_tokens(&self) -> bool {
        self.tokens.are_required()
    }

    /// The caller of a request, and the grant that the admission depends on.
    ///
    /// # Errors
    /// - 401 if a token is required and the request has no valid one
    /// - 403 if the run's own token comes through a proxy, or a metrics token asks for something else
    pub(crate) fn admit(
        &self,
        request: &Parts,
        admission: &Admission<'_>,
        has_tokens: bool,
    ) -> Result<(Caller, Grant), Problem> {
        if !has_tokens {
            return Ok((Caller::Anyone, Grant::NoTokens));
        }
        if failpoints::is_planned("token-check-off") {
            return Ok((Caller::Anyone, Grant::Open));
        }
        if paths::is_open(request.uri.path()) {
            return Ok((Caller::Unauthenticated, Grant::Open));
        }
        let session = if admission.is_own_page && !request.headers.contains_key(AUTHORIZATION) {
            self.sessions.token(&request.headers)
        } else {
            None
        };
        let (hash, token) = match session {
            Some(hash) => (hash, self.tokens.used(&hash).map_err(rejected)?),
            None => self.token(&request.headers)?,
        };
        if self.is_run_local
            && is_local(Some(&token.name))
            && guard::is_through_proxy(&request.headers)
        {
            return Err(guard::behind_a_proxy());
        }
        let name = Arc::clone(&token.name);
        let caller = match token.kind {
            TokenKind::User => Caller::Named(name),
            TokenKind::Admin => Caller::Admin(name),
            TokenKind::Metrics if paths::is_metrics(&request.method, request.uri.path()) => {
                Caller::Metrics(name)
            }
            TokenKind::Metrics => {
                let detail = format!(
                    "The token {name} gives access only to GET /metrics. Use a token that was created without --metrics."
                );
                return Err(Problem::new(StatusCode::FORBIDDEN, "not_allowed", detail));
            }
        };
        Ok((caller, Grant::Token(hash, token)))
    }

    /// Completes when the grant ends: its token is removed or has expired.
    pub(crate) async fn ended(&self, grant: &Grant) {
        self.tokens.ended(grant).await;
    }

    /// The future of [`Access::ended`], for a response that streams.
    pub(crate) fn ending(&self, grant: Grant) -> Ending {
        let tokens = Arc::clone(&self.tokens);
        Box::pin(async move { tokens.ended(&grant).await })
    }

    /// Reloads the tokens when their file changes, for as long as it is polled.
    pub(crate) async fn keep_up(&self) {
        self.tokens.keep_reloading().await;
    }

    /// Saves when the tokens were last used.
    pub(crate) async fn save_uses(&self) {
        self.tokens.save_uses().await;
    }

    /// Reloads the tokens now.
    pub(crate) fn reload_tokens(&self) {
        self.tokens.reload_now();
    }

    /// Starts a session for a token in `Authorization`, for the pages below `path`. A server without tokens needs no sessions: the response has no
    /// cookie.
    ///
    /// # Errors
    /// 401 if a token is required and the request has no valid one.
    pub(crate) fn session(
        &self,
        request: &Parts,
        path: &str,
        is_https: bool,
    ) -> Result<Response<Body>, Problem> {
        let mut response = response::no_content();
        if self.has_tokens() {
            // A session's own cookie does not count, so that sessions are not prolonged.
            let (hash, _) = self.token(&request.headers)?;
            let cookie = self.sessions.cookie(&hash, path, is_https);
            response
                .headers_mut()
                .insert(SET_COOKIE, response::header(&cookie));
        }
        Ok(response)
    }

    /// The token in `Authorization`.
    ///
    /// # Errors
    /// 401 if the header has no token, or the token is not valid.
    fn token(&self, headers: &HeaderMap) -> Result<(Hash, Token), Problem> {
        let text = token_in(headers).ok_or_else(unauthorized)?;
        self.tokens.find(&text).map_err(rejected)
    }
}

/// The rejection of a request without a token, or with one that was removed while the request waited.
pub(crate) fn unauthorized() -> Problem {
    with_detail(
        "A valid token is required, as `Authorization: Bearer TOKEN`. Create one with `cloakroom token add`.",
    )
}

/// The rejection of a request whose token is not valid.
fn rejected(rejection: Rejection) -> Problem {
    match rejection {
        Rejection::Unknown => with_detail(
            "The token is not valid: it is mistyped or was removed. Create one with `cloakroom token add`, and send it as \
             `Authorization: Bearer TOKEN`.",
        ),
        Rejection::Expired(token) => {
            let (name, end) = (
                &token.name,
                token.expires.map(humantime::format_rfc3339_seconds),
            );
            let end = end.map_or_else(String::new, |end| format!(" at {end}"));
            if token.replaced {
                with_detail(format!(
                    "The token {name} expired{end}: a newer one has replaced it. Use the newer one, or create another with \
                     `cloakroom token rotate {name}`."
                ))
            } else {
                with_detail(format!(
                    "The token {name} expired{end}. Replace it with `cloakroom token rotate {name} --expires TIME`."
                ))
            }
        }
    }
}

fn with_detail(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
        .with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// The token in `Authorization`: a bearer token, or the password of Basic authentication with any user name.
fn token_in(headers: &HeaderMap) -> Option<Cow<'_, str>> {
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
    fn token_is_read_from_bearer_and_basic_authorization() {
        let check = |values: &[&str], expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().expect("a header"));
            }
            assert_eq!(token_in(&headers).as_deref(), expected, "{values:?}");
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
