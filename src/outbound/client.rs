//! The HTTP client: requests, replies and redirects.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, HOST, HeaderMap, HeaderValue, LOCATION,
    USER_AGENT,
};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, percent_encode};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::address::Policy;
use crate::job::TraceContext;
use crate::outbound::connect::{Connector, Dial, Resolve, System};
use crate::outbound::error::{Error, MAX_REDIRECTS};
use crate::outbound::target::{Refusal, Target};

/// The longest head of a reply, in bytes, including what hyper has read ahead.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Timeouts of a request.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// The time to resolve, connect and complete the TLS handshake.
    pub connect: Duration,
    /// The time from then on until the head of the reply has arrived.
    pub first_byte: Duration,
    /// The time between two chunks of the reply's body.
    pub idle: Duration,
    /// The total time, including reading the body; `None` for no limit.
    pub whole: Option<Duration>,
}

impl Timeouts {
    /// For bodies of any size, as long as data keeps arriving.
    pub const STREAM: Self = Self {
        connect: Duration::from_secs(15),
        first_byte: Duration::from_mins(1),
        idle: Duration::from_secs(30),
        whole: None,
    };

    /// For a short exchange that must be complete within `whole`.
    pub fn within(whole: Duration) -> Self {
        Self {
            connect: whole,
            first_byte: whole,
            idle: whole,
            whole: Some(whole),
        }
    }
}

/// A request. The client adds Host, User-Agent, and `Accept-Encoding: identity`.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The URL.
    pub target: Target,
    /// Additional headers.
    pub headers: HeaderMap,
    /// The body; a GET with an empty body sends none.
    pub body: Bytes,
}

impl Request {
    /// A GET request.
    pub fn get(target: Target) -> Self {
        Self {
            method: Method::GET,
            target,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// Makes the request a part of a trace.
    pub fn set_trace(&mut self, trace: &TraceContext) {
        let state = trace.tracestate().map(|state| ("tracestate", state));
        for (name, text) in [("traceparent", trace.traceparent())]
            .into_iter()
            .chain(state)
        {
            let value = HeaderValue::from_str(text);
            self.headers
                .insert(name, value.expect("a trace context is printable ASCII"));
        }
    }
}

/// The client for outgoing requests.
pub struct Client {
    pub(in crate::outbound) connector: Connector,
}

impl Client {
    /// A client that uses the system's resolver and TCP.
    pub fn new(policy: Policy) -> Self {
        Self::with(policy, Arc::new(System), Arc::new(System))
    }

    /// A client with a custom resolver and dialer.
    pub fn with(policy: Policy, resolver: Arc<dyn Resolve>, dialer: Arc<dyn Dial>) -> Self {
        Self {
            connector: Connector {
                policy,
                resolver,
                dialer,
            },
        }
    }

    /// The policy that decides what may be called.
    pub fn policy(&self) -> &Policy {
        &self.connector.policy
    }

    /// Judges a URL without any network access, as [`Target::check`].
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn check(&self, url: &str) -> Result<Target, Refusal> {
        Target::check(url, self.policy())
    }

    /// Sends a request and returns the reply once its head has arrived, whatever its status. Does not follow redirects.
    ///
    /// # Errors
    /// [`Error`]. Unless it is [`Error::Refused`], the request may still have arrived.
    pub async fn send(&self, request: Request, timeouts: Timeouts) -> Result<Reply, Error> {
        let until = timeouts.whole.map(|whole| Instant::now() + whole);
        let connect = self.connector.connect(&request.target, timeouts.connect);
        let stream = by(until, connect, "while connecting").await??;
        let first_byte = earlier(until, timeouts.first_byte);
        let exchange = async {
            let (mut sender, connection) = http1::Builder::new()
                .max_buf_size(MAX_HEAD_BYTES)
                .handshake(TokioIo::new(stream))
                .await?;
            let driver = Driver(tokio::spawn(async move {
                // Reading the reply reports the error.
                let _ = connection.await;
            }));
            let response = sender.send_request(wire(request)).await?;
            Ok::<_, hyper::Error>((response, driver))
        };
        let (response, driver) = by(Some(first_byte), exchange, "while waiting for the reply")
            .await?
            .map_err(|error| broken(&error))?;
        let (head, body) = response.into_parts();
        Ok(Reply {
            status: head.status,
            headers: head.headers,
            body,
            idle: timeouts.idle,
            until,
            _driver: driver,
        })
    }

    /// Sends a GET and follows redirects. Each hop is judged like the first URL. `Authorization` is dropped at the first
    /// redirect to another origin. Returns the final target with its reply.
    ///
    /// # Errors
    /// As [`Client::send`], and [`Error::Redirects`].
    pub async fn follow(
        &self,
        mut request: Request,
        timeouts: Timeouts,
    ) -> Result<(Target, Reply), Error> {
        for _ in 0..=MAX_REDIRECTS {
            let reply = self.send(request.clone(), timeouts).await?;
            let Some(next) = reply.redirect(&request.target, self.policy())? else {
                return Ok((request.target, reply));
            };
            if !next.is_same_origin(&request.target) {
                request.headers.remove(AUTHORIZATION);
            }
            request.target = next;
        }
        Err(Error::Redirects)
    }
}

/// A reply whose head has arrived. Dropping it closes the connection.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    pub(in crate::outbound) body: Incoming,
    pub(in crate::outbound) idle: Duration,
    pub(in crate::outbound) until: Option<Instant>,
    pub(in crate::outbound) _driver: Driver,
}

impl Reply {
    /// The next chunk of the body; `None` at its end.
    ///
    /// # Errors
    /// [`Error::TimedOut`], or [`Error::Broken`] also if the body ends early.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let until = earlier(self.until, self.idle);
            let frame = by(Some(until), self.body.frame(), "while reading the reply").await?;
            let Some(frame) = frame else { return Ok(None) };
            // Trailers are ignored.
            if let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() {
                return Ok(Some(data));
            }
        }
    }

    /// The first `max_bytes` bytes of the body. The rest is not read and may be endless.
    ///
    /// # Errors
    /// As [`Reply::chunk`].
    pub async fn first_bytes(mut self, max_bytes: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while bytes.len() < max_bytes
            && let Some(chunk) = self.chunk().await?
        {
            bytes.extend_from_slice(&chunk[..chunk.len().min(max_bytes - bytes.len())]);
        }
        Ok(bytes)
    }

    /// The target of a redirect of a GET, if the reply is one.
    ///
    /// # Errors
    /// [`Refusal`] if the target must not be called.
    pub fn redirect(&self, from: &Target, policy: &Policy) -> Result<Option<Target>, Refusal> {
        let is_redirect = matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308);
        match self.headers.get(LOCATION) {
            Some(location) if is_redirect => {
                // Bytes above ASCII are percent-encoded as they are, in any charset.
                let location = percent_encode(location.as_bytes(), &AsciiSet::EMPTY);
                from.join(&location.to_string(), policy).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// The task that drives a connection, aborted when dropped.
#[derive(Debug)]
pub(in crate::outbound) struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(in crate::outbound) fn wire(request: Request) -> http::Request<Full<Bytes>> {
    let mut wire = http::Request::new(Full::new(request.body));
    *wire.method_mut() = request.method;
    *wire.uri_mut() = request.target.path().clone().into();
    let host = HeaderValue::from_str(request.target.authority());
    let headers = wire.headers_mut();
    headers.insert(HOST, host.expect("a URL's host and port are ASCII"));
    let agent = concat!("cloakroom/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    // The client decodes nothing and needs the length of the content.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.extend(request.headers);
    wire
}

/// The earlier of a deadline and the end of a timeout.
pub(in crate::outbound) fn earlier(until: Option<Instant>, timeout: Duration) -> Instant {
    let end = Instant::now() + timeout;
    until.map_or(end, |until| until.min(end))
}

/// Awaits `work` until a deadline. `step` completes the message "timed out".
pub(in crate::outbound) async fn by<T>(
    until: Option<Instant>,
    work: impl Future<Output = T>,
    step: &'static str,
) -> Result<T, Error> {
    match until {
        Some(until) => timeout_at(until, work)
            .await
            .map_err(|_| Error::TimedOut(step)),
        None => Ok(work.await),
    }
}

/// An error with its source, which is more specific.
pub(in crate::outbound) fn broken(error: &hyper::Error) -> Error {
    let behind = std::error::Error::source(error);
    Error::Broken(behind.map_or_else(|| error.to_string(), |e| format!("{error}: {e}")))
}
