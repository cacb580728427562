//! A client of a server's native API, for the commands that talk to one.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::{EXIT_FAILED, EXIT_USAGE, Failure};

/// How long a connection may take to be made.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// One server.
pub(super) struct Client {
    address: SocketAddr,
}

impl Client {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address }
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

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Response<Incoming>, Failure> {
        let stream = tokio::time::timeout(CONNECT_TIME, TcpStream::connect(self.address)).await;
        let stream = stream.map_err(failed)?.map_err(failed)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map(Value::to_string);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        sender
            .send_request(request.body(body).map_err(failed)?)
            .await
            .map_err(failed)
    }
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
