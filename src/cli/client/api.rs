//! A client of the server's native API.

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
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::Value;

use crate::cli::Failure;
use crate::cli::client::endpoint::{Body, Endpoint};
use crate::cli::client::error::{Error, Refusal};
use crate::cli::client::retry_budget::RetryBudget;

/// How long to wait for a reply; the longest poll takes 20 seconds.
pub(in crate::cli::client) const REPLY_TIMEOUT: Duration = Duration::from_mins(1);

/// A JSON reply and its ETag.
pub(in crate::cli) type WithEtag = (Value, Option<String>);

/// A client of one server.
pub(in crate::cli) struct Client {
    pub(in crate::cli::client) endpoint: Endpoint,
    /// Bearer token for every request.
    pub(in crate::cli::client) token: Option<String>,
    /// How long requests are retried while the server is unavailable.
    pub(in crate::cli::client) retry_for: Duration,
}

impl Client {
    /// A client of a server in this process, which is never retried.
    pub(in crate::cli) fn new(address: SocketAddr, token: Option<String>) -> Self {
        Self {
            endpoint: Endpoint::local(address),
            token,
            retry_for: Duration::ZERO,
        }
    }

    /// A client of the server at `http(s)://HOST[:PORT][/PATH]` or `unix:PATH`. `authorities` is a PEM file of CA certificates
    /// that replaces the system's.
    ///
    /// # Errors
    /// The URL is invalid, or no CA certificates can be loaded.
    pub(in crate::cli) fn at(
        url: &str,
        authorities: Option<&Path>,
        token: Option<String>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            endpoint: Endpoint::parse(url, authorities)?,
            token,
            retry_for: Duration::ZERO,
        })
    }

    /// The same client, which retries requests for `retry_for` while the server is unavailable.
    pub(in crate::cli) fn with_retry_budget(self, retry_for: Duration) -> Self {
        Self { retry_for, ..self }
    }

    /// A new retry budget for one operation.
    pub(in crate::cli) fn retry_budget(&self) -> RetryBudget {
        RetryBudget::new(self.retry_for)
    }

    /// Requests JSON and returns it with its ETag; `null` if the server answers 304.
    ///
    /// # Errors
    /// The server cannot be reached, or answers with an error.
    pub(in crate::cli) async fn json(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<WithEtag, Error> {
        let exchange = async {
            let response = self.ask(method, path, headers, body).await?;
            self.read_json(response).await
        };
        self.in_time(exchange).await
    }

    /// Requests a body as a stream.
    ///
    /// # Errors
    /// The server cannot be reached, or answers with another status than `expected`.
    pub(in crate::cli) async fn bytes(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        expected: StatusCode,
    ) -> Result<Response<Incoming>, Error> {
        let exchange = async {
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
        self.in_time(exchange).await
    }

    /// Sends a form, without a timeout for the upload, and returns the JSON reply with its ETag.
    ///
    /// # Errors
    /// The server cannot be reached, or answers with an error.
    pub(in crate::cli) async fn form(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        form: Body,
    ) -> Result<WithEtag, Error> {
        let response = self.send(Method::POST, path, headers, form).await?;
        self.in_time(self.read_json(response)).await
    }

    /// The error for a broken connection.
    pub(in crate::cli) fn lost(&self, error: impl std::fmt::Display) -> Error {
        Error::Lost(format!("lost the connection to {}: {error}", self.endpoint))
    }

    /// Limits the time of an exchange to [`REPLY_TIMEOUT`].
    ///
    /// # Errors
    /// The exchange fails or takes too long.
    pub(in crate::cli) async fn in_time<T>(
        &self,
        exchange: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let late = |_| self.lost("no reply within a minute");
        tokio::time::timeout(REPLY_TIMEOUT, exchange)
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
        // A proxy without a server behind it answers with a body of its own.
        let json = json.unwrap_or_default();
        let retry_after = text(RETRY_AFTER).and_then(|text| text.parse().ok());
        let refusal = Refusal::new(head.status, retry_after.map(Duration::from_secs), &json);
        let refusal = refusal.with_token_hint(self.token.is_some());
        if json["code"].is_string() || refusal.is_transient() {
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
        let location = location.map_or_else(String::new, |location| {
            format!(", redirecting to {location}")
        });
        let endpoint = &self.endpoint;
        Error::NotCloakroom(format!(
            "{endpoint} is not a Cloakroom server (it answered {status}{location})"
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
            .uri(format!("{}{path}", self.endpoint.path))
            .header(HOST, &self.endpoint.host);
        if let Some(token) = &self.token {
            let mut bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
                Error::Usage("the token contains characters that a header cannot hold".to_owned())
            })?;
            bearer.set_sensitive(true);
            request = request.header(AUTHORIZATION, bearer);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body);
        let request = request.map_err(|error| Error::Usage(error.to_string()))?;
        let mut sender = self.endpoint.connect().await?;
        let sent = sender.send_request(request).await;
        sent.map_err(|error| match error.source() {
            // The body failed: a file of the form cannot be read.
            Some(reason) if error.is_user() => Error::Usage(reason.to_string()),
            _ if error.is_parse() => Error::NotCloakroom(self.endpoint.not_http()),
            _ => self.lost(error),
        })
    }
}
