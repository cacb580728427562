//! A URL that may be called, as far as can be told without asking anybody.

use std::fmt;
use std::net::IpAddr;

use http::uri::PathAndQuery;
use url::{Host, Position, Url};

use crate::address::{Class, Policy, plain_name};

/// The longest URL, in bytes.
const URL_BYTES: usize = 8192;

/// Why a URL is not called. Each says what a person can do about it; none shows more of the URL than its host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no URL.
    #[error("it is not a URL: {0}. Write it out, from http:// or https:// on")]
    Malformed(String),
    /// It is longer than anybody's.
    #[error("it is longer than {URL_BYTES} bytes")]
    TooLong,
    /// It is a URL of something else.
    #[error("only http:// and https:// URLs are called, and this one begins with {0}:")]
    Scheme(String),
    /// It holds a name or a password.
    #[error(
        "it holds a name or a password before the '@'; a URL is shown and logged, so it must not"
    )]
    UserInfo,
    /// A redirect leads to a URL that does.
    #[error(
        "it redirects to a URL with a name or a password before the '@', which is not sent; ask {host} without the redirect"
    )]
    UserInfoInRedirect {
        /// Where the redirect leads.
        host: String,
    },
    /// It is, or stands for, an address that must not be called.
    #[error(
        "{host} is {class}, which this server does not call; its operator can name it in [callbacks] allow"
    )]
    Address {
        /// The host as it is in the URL.
        host: String,
        /// What kind of address.
        class: Class,
    },
}

/// A URL whose form and literal address were judged. What a name resolves to is judged when it is called.
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

/// Without path and query, which may hold secrets: as it may stand in logs and messages.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url[..Position::BeforePath])
    }
}

impl Target {
    /// Judges a URL by its form, and by its host where that is an address in any notation. Asks nobody.
    ///
    /// # Errors
    /// [`Refusal`], whose text goes on from "the URL is refused: ".
    pub fn judge(text: &str, policy: &Policy) -> Result<Self, Refusal> {
        if text.len() > URL_BYTES {
            return Err(Refusal::TooLong);
        }
        let url = Url::parse(text).map_err(|error| Refusal::Malformed(error.to_string()))?;
        Self::of(url, policy)
    }

    /// Where a redirect from here leads, judged likewise.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn join(&self, location: &str, policy: &Policy) -> Result<Self, Refusal> {
        if location.len() > URL_BYTES {
            return Err(Refusal::TooLong);
        }
        let joined = self.url.join(location);
        let mut url = joined.map_err(|error| Refusal::Malformed(error.to_string()))?;
        // The fragment of what was asked for at first (RFC 9110, 10.2.2) is of no use to us.
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
            Refusal::Malformed("its path or query holds what has to be percent-encoded".into())
        })?;
        let target = Self { url, path };
        if let Some(ip) = literal {
            target.judge_address(ip, policy)?;
        }
        Ok(target)
    }

    /// Judges an address that the host stands for.
    pub(super) fn judge_address(&self, ip: IpAddr, policy: &Policy) -> Result<(), Refusal> {
        policy
            .judge(self.host(), ip)
            .map_err(|class| Refusal::Address {
                host: self.host().to_owned(),
                class,
            })
    }

    /// The URL, as it was normalised.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Whether the other one is at the same scheme, host and port: what may be told to one may be told to the other.
    pub fn is_same_origin(&self, other: &Self) -> bool {
        self.url.origin() == other.url.origin()
    }

    /// Whether the connection is to be encrypted.
    pub(super) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// A name, or an address without brackets.
    pub(super) fn host(&self) -> &str {
        let host = self.url.host_str().unwrap_or_default();
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        bare.unwrap_or(host)
    }

    pub(super) fn port(&self) -> u16 {
        self.url
            .port_or_known_default()
            .expect("http and https have one")
    }

    /// What the Host header says: the port only where it is not the scheme's own.
    pub(super) fn authority(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }

    /// What the request line asks for.
    pub(super) fn path(&self) -> &PathAndQuery {
        &self.path
    }
}
