//! The address of a server, and connections to it. The user chose the address, so [`crate::address::Policy`] does not apply.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
#[cfg(unix)]
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::Error;
use crate::cli::{EXIT_USAGE, Failure};
use crate::config::PublicUrl;
use crate::outbound::tls::{self, Trust};

/// How long connecting may take, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A request body: empty, JSON, or a form whose files are read while it is sent.
pub(in crate::cli) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// A server's address.
pub(super) struct Endpoint {
    route: Route,
    /// Value of the `Host` header.
    pub(super) host: String,
    /// Prefix of every request path; often empty.
    pub(super) path: String,
}

/// How to connect.
enum Route {
    /// TCP to a host and port.
    Plain(String),
    /// TLS to a host and port, with the name and the authorities to verify the certificate against.
    Encrypted {
        address: String,
        name: String,
        trust: Trust,
    },
    #[cfg(unix)]
    Unix(PathBuf),
}

impl Endpoint {
    /// A TCP address on this machine.
    pub(super) fn local(address: SocketAddr) -> Self {
        Self {
            route: Route::Plain(address.to_string()),
            host: address.to_string(),
            path: String::new(),
        }
    }

    /// Parses `http(s)://HOST[:PORT][/PATH]` or `unix:PATH`. `authorities` is a PEM file of CA certificates that replaces
    /// the system's.
    ///
    /// # Errors
    /// The URL is invalid, or no CA certificates can be loaded.
    pub(super) fn parse(url: &str, authorities: Option<&Path>) -> Result<Self, Failure> {
        #[cfg(unix)]
        if let Some(path) = url.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Self {
                route: Route::Unix(path.into()),
                host: "localhost".to_owned(),
                path: String::new(),
            });
        }
        let public: PublicUrl = url.parse().map_err(|_| {
            let with_scheme = format!("http://{url}");
            let hint = if !url.contains("://") && with_scheme.parse::<PublicUrl>().is_ok() {
                format!("; did you mean {with_scheme}?")
            } else {
                String::new()
            };
            let message = format!(
                "invalid server URL {url:?}: expected http(s)://HOST[:PORT][/PATH] or unix:PATH{hint}"
            );
            Failure::new(EXIT_USAGE, message)
        })?;
        let origin = public.origin().as_str();
        let host = origin.split_once("://").map_or(origin, |(_, host)| host);
        let has_port = host[public.host().len()..].starts_with(':');
        let port = if public.is_https() { 443 } else { 80 };
        let address = if has_port {
            host.to_owned()
        } else {
            format!("{host}:{port}")
        };
        let route = if public.is_https() {
            Route::Encrypted {
                address,
                name: public.host().trim_matches(['[', ']']).to_owned(),
                trust: trust(authorities)?,
            }
        } else {
            Route::Plain(address)
        };
        Ok(Self {
            route,
            host: host.to_owned(),
            path: public.path().to_owned(),
        })
    }

    /// Opens a connection for one request.
    ///
    /// # Errors
    /// The server cannot be reached, or its certificate is not trusted.
    pub(super) async fn connect(&self) -> Result<SendRequest<Body>, Error> {
        let unreachable =
            |why: &dyn fmt::Display| Error::Unreachable(format!("cannot reach {self}: {why}"));
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, async {
            match &self.route {
                Route::Plain(address) => {
                    let stream = TcpStream::connect(address).await;
                    handshake(stream.map_err(|error| unreachable(&error))?).await
                }
                Route::Encrypted {
                    address,
                    name,
                    trust,
                } => {
                    let stream = TcpStream::connect(address).await;
                    let stream = stream.map_err(|error| unreachable(&error))?;
                    let encrypted = trust.encrypt(stream, name).await;
                    handshake(encrypted.map_err(|fault| self.distrusted(&fault))?).await
                }
                #[cfg(unix)]
                Route::Unix(path) => {
                    let stream = tokio::net::UnixStream::connect(path).await;
                    handshake(stream.map_err(|error| unreachable(&error))?).await
                }
            }
        });
        let late = |_| unreachable(&"timed out after 10 seconds");
        connected.await.map_err(late)?
    }

    /// The message for a server that answers with something else than HTTP.
    pub(super) fn not_http(&self) -> String {
        let hint = match &self.route {
            Route::Plain(_) => {
                format!("; if it uses TLS, write https://{}{}", self.host, self.path)
            }
            _ => String::new(),
        };
        format!("{self} does not answer in HTTP{hint}")
    }

    fn distrusted(&self, fault: &tls::Fault) -> Error {
        let hint = match fault {
            tls::Fault::Issuer => {
                "; use --ca to name a PEM file with the authority that signed it".to_owned()
            }
            fault if fault.may_be_plain() => format!(
                "; if the server does not use TLS, write http://{}{}",
                self.host, self.path
            ),
            _ => String::new(),
        };
        let message = format!("cannot connect to {self} securely: {fault}{hint}");
        if fault.is_transient() {
            Error::Unreachable(message)
        } else {
            Error::Distrusted(message)
        }
    }
}

/// Shows the URL as the user wrote it.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.route {
            Route::Plain(_) => write!(f, "http://{}{}", self.host, self.path),
            Route::Encrypted { .. } => write!(f, "https://{}{}", self.host, self.path),
            #[cfg(unix)]
            Route::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

fn trust(authorities: Option<&Path>) -> Result<Trust, Failure> {
    match authorities {
        Some(file) => Trust::file(file)
            .map_err(|error| Failure::new(EXIT_USAGE, format!("{}: {error}", file.display()))),
        None => Trust::machine().map_err(|fault| {
            let message =
                format!("no trusted CA certificates: {fault}; use --ca to name a PEM file");
            Failure::new(EXIT_USAGE, message)
        }),
    }
}

async fn handshake<S>(stream: S) -> Result<SendRequest<Body>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let made = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = made.map_err(|error| Error::Lost(error.to_string()))?;
    tokio::spawn(connection);
    Ok(sender)
}
