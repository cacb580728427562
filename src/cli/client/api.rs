//! A client of a server's native API, for the commands that talk to one.

use std::convert::Infallible;
use std::error::Error as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, HOST, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::Value;

use crate::cli::Failure;
use crate::cli::client::endpoint::Endpoint;
use crate::cli::client::error::{Error, Refusal};
use crate::cli::client::retry_budget::RetryBudget;

/// A reply that takes longer, and the longest poll is of 20 seconds, will not come.
pub(in crate::cli::client) const REPLY_TIME: Duration = Duration::from_mins(1);

/// What is sent along: nothing, JSON, or a form with files, read as it goes.
pub(in crate::cli) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// JSON, and the ETag that came with it.
pub(in crate::cli) type WithEtag = (Value, Option<String>);

/// One server.
pub(in crate::cli) struct Client {
    pub(in crate::cli::client) place: Endpoint,
    /// What is shown to it.
    pub(in crate::cli::client) token: Option<String>,
    /// How long it may be away while something waits for it.
    pub(in crate::cli::client) retry_for: Duration,
}

impl Client {
    /// Of a server of our own, which is there or gone for good.
    pub(in crate::cli) fn new(address: SocketAddr, token: Option<String>) -> Self {
        Self {
            place: Endpoint::local(address),
            token,
            retry_for: Duration::ZERO,
        }
    }

    /// Of the server at `http(s)://HOST[:PORT][/PATH]` or `unix:PATH`. `authorities` is a file of those whom to believe
    /// instead of whom the machine does.
    ///
    /// # Errors
    /// It is neither, or nobody is to be believed.
    pub(in crate::cli) fn at(
        url: &str,
        authorities: Option<&Path>,
        token: Option<String>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            place: Endpoint::parse(url, authorities)?,
            token,
            retry_for: Duration::ZERO,
        })
    }

    /// The same, with patience: it may be away for so long, once it was there.
    pub(in crate::cli) fn with_retry_budget(self, patience: Duration) -> Self {
        Self {
            retry_for: patience,
            ..self
        }
    }

    /// As much patience as there is with this server.
    pub(in crate::cli) fn retry_budget(&self) -> RetryBudget {
        RetryBudget::new(self.retry_for)
    }

    /// Asks for JSON and gives it, with its ETag; `null` where it is the one that was known.
    pub(in crate::cli) async fn json(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<WithEtag, Error> {
        let asked = async {
            let response = self.ask(method, path, headers, body).await?;
            self.read_json(response).await
        };
        self.in_time(asked).await
    }

    /// Asks for bytes, to be read as they come. What is answered otherwise than with `expected` is an error.
    pub(in crate::cli) async fn bytes(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        expected: StatusCode,
    ) -> Result<Response<Incoming>, Error> {
        let asked = async {
            let response = self.ask(Method::GET, path, headers, None).await?;
            let status = response.status();
            if status == expected {
                return Ok(response);
            }
            let headers = response.headers().clone();
            if !status.is_success() {
                self.read_json(response).await?;
            }
            Err(self.not_cloakroom(status, &headers))
        };
        self.in_time(asked).await
    }

    /// Sends a form, however long that takes, and gives the JSON that comes back, with its ETag.
    pub(in crate::cli) async fn form(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        form: Body,
    ) -> Result<WithEtag, Error> {
        let response = self.send(Method::POST, path, headers, form).await?;
        self.in_time(self.read_json(response)).await
    }

    /// What a connection that broke means.
    pub(in crate::cli) fn lost(&self, error: impl std::fmt::Display) -> Error {
        Error::Lost(format!("{} was lost: {error}", self.place))
    }

    pub(in crate::cli::client) async fn in_time<T>(
        &self,
        asked: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let late = |_| self.lost("no answer came");
        tokio::time::timeout(REPLY_TIME, asked)
            .await
            .map_err(late)?
    }

    pub(in crate::cli::client) async fn read_json(
        &self,
        response: Response<Incoming>,
    ) -> Result<WithEtag, Error> {
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.map_err(|error| self.lost(error))?;
        let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        let tag = text(ETAG).map(str::to_owned);
        if head.status == StatusCode::NOT_MODIFIED {
            return Ok((Value::Null, tag));
        }
        let json = serde_json::from_slice(&bytes.to_bytes());
        if head.status.is_success() {
            let json = json.map_err(|_| self.not_cloakroom(head.status, &head.headers))?;
            return Ok((json, tag));
        }
        // A proxy that finds no server behind it says so in its own words.
        let json = json.unwrap_or_default();
        let retry_after = text(RETRY_AFTER).and_then(|text| text.parse().ok());
        let refusal = Refusal::new(head.status, retry_after.map(Duration::from_secs), &json);
        if json["code"].is_string() || refusal.may_pass() {
            Err(Error::Refused(refusal))
        } else {
            Err(self.not_cloakroom(head.status, &head.headers))
        }
    }

    pub(in crate::cli::client) fn not_cloakroom(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Error {
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.map_or_else(String::new, |location| format!(" to {location}"));
        let place = &self.place;
        Error::NotCloakroom(format!(
            "what answers at {place} is no cloakroom: it says {status}{location}"
        ))
    }

    pub(in crate::cli::client) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        json: Option<&Value>,
    ) -> Result<Response<Incoming>, Error> {
        let never = |never: Infallible| match never {};
        let bytes = Bytes::from(json.map(Value::to_string).unwrap_or_default());
        let body = Full::new(bytes).map_err(never).boxed_unsync();
        let mut headers = headers.to_vec();
        if json.is_some() {
            headers.push((CONTENT_TYPE.as_str(), "application/json"));
        }
        self.send(method, path, &headers, body).await
    }

    pub(in crate::cli::client) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Result<Response<Incoming>, Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.place.path))
            .header(HOST, &self.place.host);
        if let Some(token) = &self.token {
            let mut shown = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| Error::Usage("a token has other characters".to_owned()))?;
            shown.set_sensitive(true);
            request = request.header(AUTHORIZATION, shown);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body);
        let request = request.map_err(|error| Error::Usage(error.to_string()))?;
        let mut sender = self.place.connect().await?;
        let sent = sender.send_request(request).await;
        sent.map_err(|error| match error.source() {
            // A file that cannot be read.
            Some(reason) if error.is_user() => Error::Usage(reason.to_string()),
            _ => self.lost(error),
        })
    }
}
