//! What a guard decides from: the rules of a server and the facts of a request.

use std::net::IpAddr;

use http::request::Parts;

use crate::config::{Config, Origin, PublicUrl};
use crate::failpoints;
use crate::http::dialects::custom::wire::Routes;

/// The rules of one server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guard {
    /// Host names besides `localhost` and the connection's own address.
    pub(crate) names: Vec<String>,
    /// The URL under which clients reach the server, from the configuration.
    pub(crate) public_url: Option<PublicUrl>,
    /// The origins whose pages may use the server.
    pub(crate) origins: Vec<Origin>,
    /// The routes that the operator has configured.
    pub(crate) routes: Routes,
    /// The check that a test leaves out.
    pub(crate) disabled: Option<Check>,
}

/// The checks. Tests leave out each in turn to show that it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    Host,
    Proxy,
    Site,
    Prefetch,
}

/// The facts about a request that the guard decides from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestFacts<'a> {
    /// The head of the request.
    pub(crate) request: &'a Parts,
    /// The local address of the connection; `None` for a Unix socket.
    pub(crate) local: Option<IpAddr>,
    /// Whether the server has tokens.
    pub(crate) has_tokens: bool,
}

impl Guard {
    /// The rules from a server's configuration.
    pub(crate) fn new(config: &Config) -> Self {
        let public = config.public_url.iter().map(|url| url.host().to_owned());
        Self {
            names: config.hosts.iter().cloned().chain(public).collect(),
            public_url: config.public_url.clone(),
            origins: config.allow_origins.clone(),
            routes: Routes::new(config.served_routes()),
            disabled: Check::planned(),
        }
    }

    /// The URL that links begin with, of a server below this path.
    pub(crate) fn base(&self, host: &str, below: &str) -> String {
        match &self.public_url {
            Some(url) => url.to_string(),
            None => format!("http://{host}{below}"),
        }
    }

    /// Whether responses depend on the origin of the page that sent the request.
    pub(crate) fn allows_origins(&self) -> bool {
        !self.origins.is_empty()
    }

    /// Whether a check is enabled.
    pub(crate) fn has(&self, check: Check) -> bool {
        self.disabled != Some(check)
    }
}

impl Check {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Host, "host-check-off"),
        (Self::Proxy, "proxy-check-off"),
        (Self::Site, "site-check-off"),
        (Self::Prefetch, "prefetch-check-off"),
    ];

    /// The check that a test leaves out by a failpoint.
    pub(crate) fn planned() -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find_map(|(check, failpoint)| failpoints::is_planned(failpoint).then_some(check))
    }
}
