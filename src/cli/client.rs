//! A client of a server's native API, for the commands that talk to one.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::{EXIT_FAILED, EXIT_USAGE, Failure};
use crate::config::PublicUrl;

/// How long a connection may take to be made.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// What is sent along: nothing, JSON, or a form with files, read as it goes.
pub(super) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// One server.
pub(super) struct Client {
    target: Target,
    /// What it is called.
    host: String,
    /// What every path begins with; often empty.
    path: String,
    /// What is shown to it.
    token: Option<String>,
}

/// Where its connections lead.
enum Target {
    /// A host and a port.
    Tcp(String),
    #[cfg(unix)]
    Unix(PathBuf),
}

impl Client {
    /// Of a server of our own.
    pub(super) fn new(address: SocketAddr) -> Self {
        Self {
            target: Target::Tcp(address.to_string()),
            host: address.to_string(),
            path: String::new(),
            token: None,
        }
    }

    /// Of the server at `http://HOST[:PORT][/PATH]` or `unix:PATH`.
    ///
    /// # Errors
    /// It is neither.
    pub(super) fn at(url: &str, token: Option<String>) -> Result<Self, Failure> {
        let wrong = || {
            let message =
                format!("{url:?} is no server's address: http://HOST[:PORT][/PATH] or unix:PATH");
            Failure::new(EXIT_USAGE, message)
        };
        #[cfg(unix)]
        if let Some(path) = url.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Self {
                target: Target::Unix(path.into()),
                host: "localhost".to_owned(),
                path: String::new(),
                token,
            });
        }
        let public: PublicUrl = url.parse().map_err(|_| wrong())?;
        let host = public.origin().as_str().strip_prefix("http://");
        let host = host.ok_or_else(wrong)?.to_owned();
        let has_port = host[public.host().len()..].starts_with(':');
        Ok(Self {
            target: Target::Tcp(if has_port {
                host.clone()
            } else {
                format!("{host}:80")
            }),
            host,
            path: public.path().to_owned(),
            token,
        })
    }

    /// Asks for JSON and gives it, with its ETag.
    pub(super) async fn json(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<(Value, Option<String>), Failure> {
        let response = self.ask(method, path, headers, body).await?;
        let status = response.status();
        let tag = response.headers().get(http::header::ETAG);
        let tag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let bytes = response
            .into_body()
            .collect()
            .await
            .map_err(failed)?
            .to_bytes();
        if status == StatusCode::NOT_MODIFIED {
            return Ok((Value::Null, tag));
        }
        let json: Value = serde_json::from_slice(&bytes).map_err(failed)?;
        if status.is_success() {
            Ok((json, tag))
        } else {
            Err(refused(status, &json))
        }
    }

    /// Asks for bytes, to be read as they come.
    pub(super) async fn bytes(&self, path: &str) -> Result<Response<Incoming>, Failure> {
        let response = self.ask(Method::GET, path, &[], None).await?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        let status = response.status();
        let bytes = response
            .into_body()
            .collect()
            .await
            .map_err(failed)?
            .to_bytes();
        Err(refused(
            status,
            &serde_json::from_slice(&bytes).unwrap_or_default(),
        ))
    }

    /// Sends a form, and gives the JSON that comes back.
    pub(super) async fn form(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        form: Body,
    ) -> Result<Value, Failure> {
        let response = self.send(Method::POST, path, headers, form).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(failed)?;
        let json = serde_json::from_slice(&bytes.to_bytes()).map_err(failed)?;
        if status.is_success() {
            Ok(json)
        } else {
            Err(refused(status, &json))
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        json: Option<&Value>,
    ) -> Result<Response<Incoming>, Failure> {
        let never = |never: Infallible| match never {};
        let bytes = Bytes::from(json.map(Value::to_string).unwrap_or_default());
        let body = Full::new(bytes).map_err(never).boxed_unsync();
        let mut headers = headers.to_vec();
        if json.is_some() {
            headers.push((CONTENT_TYPE.as_str(), "application/json"));
        }
        self.send(method, path, &headers, body).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Result<Response<Incoming>, Failure> {
        let connect = tokio::time::timeout(CONNECT_TIME, self.connect()).await;
        let mut sender = connect.map_err(failed)?.map_err(failed)?;
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.path))
            .header(HOST, &self.host);
        if let Some(token) = &self.token {
            let mut shown = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| Failure::new(EXIT_USAGE, "a token has other characters"))?;
            shown.set_sensitive(true);
            request = request.header(AUTHORIZATION, shown);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        sender
            .send_request(request.body(body).map_err(failed)?)
            .await
            .map_err(failed)
    }

    async fn connect(&self) -> Result<SendRequest<Body>, Box<dyn Error + Send + Sync>> {
        match &self.target {
            Target::Tcp(address) => handshake(TcpStream::connect(address).await?).await,
            #[cfg(unix)]
            Target::Unix(path) => handshake(tokio::net::UnixStream::connect(path).await?).await,
        }
    }
}

async fn handshake<S>(stream: S) -> Result<SendRequest<Body>, Box<dyn Error + Send + Sync>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

pub(super) fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(
        EXIT_FAILED,
        format!("the server cannot be talked to: {error}"),
    )
}

/// What a problem of the server's says, with each fault on a line of its own.
fn refused(status: StatusCode, problem: &Value) -> Failure {
    let mut message = problem["detail"]
        .as_str()
        .map_or_else(|| status.to_string(), str::to_owned);
    for fault in problem["errors"].as_array().into_iter().flatten() {
        let text = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
        message.push_str(&format!(
            "\n  {}: {}",
            text("pointer").trim_start_matches("#/"),
            text("detail")
        ));
    }
    let is_usage = matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST
    );
    Failure::new(if is_usage { EXIT_USAGE } else { EXIT_FAILED }, message)
}
