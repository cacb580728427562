//! URLs that may be called, as far as can be decided without network access.

use std::fmt;
use std::net::IpAddr;

use http::uri::PathAndQuery;
use url::{Host, Position, Url};

use crate::address::{Class, Policy, plain_name};

/// The longest URL, in bytes.
const MAX_URL_BYTES: usize = 8192;

/// Why a URL is refused. The messages say what to do about it and show only the host of the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The URL is malformed.
    #[error("it is not a URL: {0}; expected http://... or https://...")]
    Malformed(String),
    /// The URL is too long.
    #[error("it is longer than {MAX_URL_BYTES} bytes")]
    TooLong,
    /// The scheme is neither http nor https.
    #[error("its scheme is {0:?}; use http or https")]
    Scheme(String),
    /// The URL contains a user name or a password.
    #[error(
        "it contains a user name or password before the '@'; URLs are stored and logged, so they must not contain credentials"
    )]
    UserInfo,
    /// A redirect's URL contains a user name or a password.
    #[error(
        "it redirects to a URL of {host} with a user name or password before the '@', which is not sent; use the URL of {host} without them"
    )]
    UserInfoInRedirect {
        /// Where the redirect leads.
        host: String,
    },
    /// The host is or resolves to an address that must not be called.
    #[error(
        "{host} is {class}, which this server does not call; the operator can allow it with [callbacks] allow"
    )]
    Address {
        /// The host as it is in the URL.
        host: String,
        /// The class of the address.
        class: Class,
    },
}

/// A URL whose form and literal address are allowed. The addresses of a name are judged when connecting.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    url: Url,
    path: PathAndQuery,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

/// The URL without path and query, which may hold secrets. Safe for logs and messages.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url[..Position::BeforePath])
    }
}

impl Target {
    /// Judges a URL by its form, and by its host if that is an IP address in any notation. Needs no network access.
    ///
    /// # Errors
    /// [`Refusal`], whose text continues "the URL is refused: ".
    pub fn check(text: &str, policy: &Policy) -> Result<Self, Refusal> {
        if text.len() > MAX_URL_BYTES {
            return Err(Refusal::TooLong);
        }
        let url = Url::parse(text).map_err(|error| Refusal::Malformed(error.to_string()))?;
        Self::of(url, policy)
    }

    /// Resolves and judges a redirect's `Location` relative to this URL.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn join(&self, location: &str, policy: &Policy) -> Result<Self, Refusal> {
        if location.len() > MAX_URL_BYTES {
            return Err(Refusal::TooLong);
        }
        let joined = self.url.join(location);
        let mut url = joined.map_err(|error| Refusal::Malformed(error.to_string()))?;
        // The inherited fragment (RFC 9110, 10.2.2) is not needed.
        url.set_fragment(None);
        let host = url.host_str().unwrap_or_default().to_owned();
        Self::of(url, policy).map_err(|refusal| match refusal {
            Refusal::UserInfo => Refusal::UserInfoInRedirect { host },
            other => other,
        })
    }

    fn of(url: Url, policy: &Policy) -> Result<Self, Refusal> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::UserInfo);
        }
        let literal = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(Host::Domain(name)) if plain_name(name).is_empty() => {
                return Err(Refusal::Malformed("it has no host".into()));
            }
            Some(Host::Domain(_)) => None,
            None => return Err(Refusal::Malformed("it has no host".into())),
        };
        let path = url[Position::BeforePath..Position::AfterQuery].parse();
        let path = path.map_err(|_| {
            Refusal::Malformed(
                "its path or query contains characters that must be percent-encoded".into(),
            )
        })?;
        let target = Self { url, path };
        if let Some(ip) = literal {
            target.judge_address(ip, policy)?;
        }
        Ok(target)
    }

    /// Judges an address of the host.
    pub(super) fn judge_address(&self, ip: IpAddr, policy: &Policy) -> Result<(), Refusal> {
        policy
            .check(self.host(), ip)
            .map_err(|class| Refusal::Address {
                host: self.host().to_owned(),
                class,
            })
    }

    /// The normalized URL.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Whether both URLs have the same scheme, host and port, so that credentials for one may be sent to the other.
    pub fn is_same_origin(&self, other: &Self) -> bool {
        self.url.origin() == other.url.origin()
    }

    /// Whether the connection uses TLS.
    pub(super) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The host: a name, or an address without brackets.
    pub(super) fn host(&self) -> &str {
        let host = self.url.host_str().unwrap_or_default();
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        bare.unwrap_or(host)
    }

    pub(super) fn port(&self) -> u16 {
        self.url
            .port_or_known_default()
            .expect("http and https have a default port")
    }

    /// The value of the Host header: the port is omitted if it is the scheme's default.
    pub(super) fn authority(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }

    /// The path and query for the request line.
    pub(super) fn path(&self) -> &PathAndQuery {
        &self.path
    }
}
