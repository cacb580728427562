//! Listening addresses and the public URL.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use http::Uri;

use super::origin::Origin;

/// A listening address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An IP address and a port; port 0 for any free port.
    Tcp(SocketAddr),
    /// The path of a Unix domain socket that only its owner can access.
    Unix(PathBuf),
}

impl Listen {
    /// The URL under which clients reach the listener.
    pub fn url(&self) -> String {
        match self {
            Self::Tcp(address) => format!("http://{address}"),
            Self::Unix(_) => self.to_string(),
        }
    }

    /// The IP address and port, unless this is a Unix socket.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Whether other machines can reach the listener.
    pub fn is_beyond_loopback(&self) -> bool {
        match self {
            Self::Tcp(address) => !address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => false,
        }
    }
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("expected a path after unix:".to_owned()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text
                .parse()
                .map(Self::Tcp)
                .map_err(|_| "expected IP:PORT or unix:PATH".to_owned()),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The server's URL as clients see it, behind a proxy. Its path, if any, is removed by the proxy before it forwards a
/// request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: Origin,
    host: String,
    path: String,
}

impl PublicUrl {
    /// The scheme, host and port.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The host, without the port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path, without a slash at the end; often empty.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the scheme is https.
    pub fn is_https(&self) -> bool {
        self.origin.as_str().starts_with("https:")
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected http(s)://HOST[:PORT][/PATH]".to_owned();
        let uri: Uri = text.parse().map_err(|_| expected())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(expected());
        };
        // The parser silently drops a fragment.
        if !matches!(scheme, "http" | "https") || uri.query().is_some() || text.contains('#') {
            return Err(expected());
        }
        Ok(Self {
            origin: format!("{scheme}://{authority}")
                .parse()
                .map_err(|_| expected())?,
            host: authority.host().to_ascii_lowercase(),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listener_is_an_address_or_a_path() {
        let check = |text: &str, beyond: bool| {
            let listen: Listen = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(listen.to_string(), text);
            assert_eq!(listen.is_beyond_loopback(), beyond, "{text}");
        };
        check("127.0.0.1:0", false);
        check("127.9.9.9:80", false);
        check("[::1]:7070", false);
        check("[::ffff:127.0.0.1]:7070", false);
        check("unix:/run/cloakroom.sock", false);
        check("0.0.0.0:7070", true);
        check("[::]:7070", true);
        check("192.168.1.2:7070", true);
        for bad in ["localhost:7070", "127.0.0.1", ":7070", "unix:", ""] {
            assert!(bad.parse::<Listen>().is_err(), "{bad}");
        }
    }

    #[test]
    fn public_url_has_an_origin_a_host_and_a_path() {
        let check = |text: &str, shown: &str, host: &str| {
            let url: PublicUrl = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!((url.to_string().as_str(), url.host()), (shown, host));
        };
        check("https://a.example", "https://a.example", "a.example");
        check(
            "https://A.example:443/jobs/",
            "https://a.example/jobs",
            "a.example",
        );
        check("http://[::1]:81/x/y", "http://[::1]:81/x/y", "[::1]");
        for bad in [
            "a.example",
            "/jobs",
            "ftp://a.example",
            "https://a.example/?x",
            "https://a.example/#x",
            "https://u@a.example/",
            "https:///x",
        ] {
            assert!(bad.parse::<PublicUrl>().is_err(), "{bad}");
        }
    }
}
