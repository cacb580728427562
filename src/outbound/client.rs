//! The one client by which the server calls others: callbacks, documents and files from elsewhere.
//!
//! ```text
//!   text ──judge──► Target ──resolve once──► addresses ──judge all──► dial one of them ──TLS──► HTTP/1.1 ──► Reply
//! ```
//!
//! Asks nobody and connects to nothing before [`Policy`] has said yes, to the URL's form and then to every address
//! that its host stands for. Follows no redirect by itself ([`Client::follow`] judges each hop anew), takes no proxy
//! from the environment, keeps no connection and no cookie, decodes nothing. A connection serves one request, so that
//! no answer depends on what was asked before. Every wait ends, and whoever reads a body says how much of it.

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
use crate::outbound::connect::{Connector, Dial, Resolve, System};
use crate::outbound::target::{Refusal, Target};

/// The longest head of a reply, in bytes; hyper counts what it has read ahead, too.
pub(in crate::outbound) const HEAD_BYTES: usize = 64 * 1024;
/// Redirects from one URL, as many as browsers of old allowed.
pub const HOPS: usize = 10;

/// Why a call brought no reply, or not all of it. No text shows more of a URL than its host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It must not be called, wherever it came from: the caller or a redirect or the resolver.
    #[error("the address is refused: {0}")]
    Refused(#[from] Refusal),
    /// The name has no address, or could not be looked up.
    #[error("{0} cannot be resolved: {1}")]
    Resolve(String, String),
    /// Nobody answers there.
    #[error("{0} cannot be connected to: {1}")]
    Connect(String, String),
    /// Whoever answers does not prove who they are, or speaks no TLS.
    #[error("no encrypted connection: {0}")]
    Tls(String),
    /// It took too long.
    #[error("time ran out before {0}")]
    TimedOut(&'static str),
    /// The connection broke, or what came is not HTTP.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// Each redirect leads to another one.
    #[error("there are more than {HOPS} redirects")]
    Redirects,
}

impl Error {
    /// Whether the same call may go well another time: it was not refused, and did not lead in circles.
    pub fn may_pass(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Redirects)
    }
}

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// To find the address, connect and encrypt.
    pub connect: Duration,
    /// From then on, until the head of the reply is there.
    pub first_byte: Duration,
    /// Between two pieces of the reply's body.
    pub idle: Duration,
    /// In all, the reading of the body included.
    pub whole: Option<Duration>,
}

impl Timeouts {
    /// For something that may be as long as it likes, as long as it comes.
    pub const STREAM: Self = Self {
        connect: Duration::from_secs(15),
        first_byte: Duration::from_mins(1),
        idle: Duration::from_secs(30),
        whole: None,
    };

    /// For a short exchange that is over after `whole`, done or not.
    pub fn within(whole: Duration) -> Self {
        Self {
            connect: whole,
            first_byte: whole,
            idle: whole,
            whole: Some(whole),
        }
    }
}

/// What to ask. The client adds Host, User-Agent, and `Accept-Encoding: identity`.
#[derive(Clone)]
pub struct Request {
    /// GET, POST, ...
    pub method: Method,
    /// Whom, and for what.
    pub target: Target,
    /// More headers.
    pub headers: HeaderMap,
    /// The body; none is sent where it is empty and the method is GET.
    pub body: Bytes,
}

impl Request {
    /// A GET.
    pub fn get(target: Target) -> Self {
        Self {
            method: Method::GET,
            target,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }
}

/// The client.
pub struct Client {
    pub(in crate::outbound) connector: Connector,
}

impl Client {
    /// A client that resolves and connects as the system does.
    pub fn new(policy: Policy) -> Self {
        Self::with(policy, Arc::new(System), Arc::new(System))
    }

    /// A client that resolves and connects in another way.
    pub fn with(policy: Policy, resolver: Arc<dyn Resolve>, dialer: Arc<dyn Dial>) -> Self {
        Self {
            connector: Connector {
                policy,
                resolver,
                dialer,
            },
        }
    }

    /// What may be called.
    pub fn policy(&self) -> &Policy {
        &self.connector.policy
    }

    /// Judges a URL without asking anybody, as [`Target::judge`].
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn judge(&self, url: &str) -> Result<Target, Refusal> {
        Target::judge(url, self.policy())
    }

    /// Asks, and gives the reply once its head is there, whatever it says. A redirect is a reply like any other.
    ///
    /// # Errors
    /// [`Error`]; what was sent may have arrived all the same, unless it was refused.
    pub async fn send(&self, request: Request, timeouts: Timeouts) -> Result<Reply, Error> {
        let until = timeouts.whole.map(|whole| Instant::now() + whole);
        let connect = self.connector.connect(&request.target, timeouts.connect);
        let stream = by(until, connect, "the connection was made").await??;
        let first_byte = earlier(until, timeouts.first_byte);
        let exchange = async {
            let (mut sender, connection) = http1::Builder::new()
                .max_buf_size(HEAD_BYTES)
                .handshake(TokioIo::new(stream))
                .await?;
            let driver = Driver(tokio::spawn(async move {
                // How it ended, the reply's reader hears.
                let _ = connection.await;
            }));
            let response = sender.send_request(wire(request)).await?;
            Ok::<_, hyper::Error>((response, driver))
        };
        let (response, driver) = by(Some(first_byte), exchange, "the reply began")
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

    /// Sends a GET, and follows redirects: each hop is judged as the first URL was, and no `Authorization` goes to
    /// another origin, nor comes back. Gives who replied in the end, too.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn follow(
        &self,
        mut request: Request,
        patience: Timeouts,
    ) -> Result<(Target, Reply), Error> {
        for _ in 0..=HOPS {
            let reply = self.send(request.clone(), patience).await?;
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

/// A reply whose head is there. Dropped, it closes its connection.
#[derive(Debug)]
pub struct Reply {
    /// What it says.
    pub status: StatusCode,
    /// What more it says.
    pub headers: HeaderMap,
    pub(in crate::outbound) body: Incoming,
    pub(in crate::outbound) idle: Duration,
    pub(in crate::outbound) until: Option<Instant>,
    pub(in crate::outbound) _driver: Driver,
}

impl Reply {
    /// The next piece of the body; none at its end, which is where it said that it would be.
    ///
    /// # Errors
    /// [`Error::TimedOut`] or [`Error::Broken`]; also where the body ends early.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let until = earlier(self.until, self.idle);
            let frame = by(Some(until), self.body.frame(), "the reply was whole").await?;
            let Some(frame) = frame else { return Ok(None) };
            // Trailers are passed over.
            if let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() {
                return Ok(Some(data));
            }
        }
    }

    /// The first bytes of the body, at most so many. What comes after them is not read, and may be endless.
    ///
    /// # Errors
    /// As [`Reply::chunk`].
    pub async fn first_bytes(mut self, most: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while bytes.len() < most
            && let Some(chunk) = self.chunk().await?
        {
            bytes.extend_from_slice(&chunk[..chunk.len().min(most - bytes.len())]);
        }
        Ok(bytes)
    }

    /// Where it redirects a GET to, if it does.
    ///
    /// # Errors
    /// [`Refusal`] where that must not be called.
    pub fn redirect(&self, from: &Target, policy: &Policy) -> Result<Option<Target>, Refusal> {
        let is_redirect = matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308);
        match self.headers.get(LOCATION) {
            Some(location) if is_redirect => {
                // Bytes above ASCII go back as they came, whatever text they were meant to be.
                let location = percent_encode(location.as_bytes(), &AsciiSet::EMPTY);
                from.join(&location.to_string(), policy).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// Keeps a connection going; ends it when dropped.
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
    // We decode nothing, and want to be told the length of what we get.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.extend(request.headers);
    wire
}

/// The earlier of a moment and the end of `patience`.
pub(in crate::outbound) fn earlier(until: Option<Instant>, patience: Duration) -> Instant {
    let end = Instant::now() + patience;
    until.map_or(end, |until| until.min(end))
}

/// What `work` gives if it is done in time.
pub(in crate::outbound) async fn by<T>(
    until: Option<Instant>,
    work: impl Future<Output = T>,
    what: &'static str,
) -> Result<T, Error> {
    match until {
        Some(until) => timeout_at(until, work)
            .await
            .map_err(|_| Error::TimedOut(what)),
        None => Ok(work.await),
    }
}

/// An error and what is behind it, which says more.
pub(in crate::outbound) fn broken(error: &hyper::Error) -> Error {
    let behind = std::error::Error::source(error);
    Error::Broken(behind.map_or_else(|| error.to_string(), |e| format!("{error}: {e}")))
}
