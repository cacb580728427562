//! What a guard decides from: the rules of a server and the facts of a request.

use std::net::IpAddr;

use http::request::Parts;

use crate::config::{Config, Origin, PublicUrl};
use crate::failpoints;
use crate::http::dialects::custom::wire::Routes;

/// The rules of one server.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct Guard {
    /// Names besides `localhost` and the connection's own address.
    pub(in crate::http) names: Vec<String>,
    pub(in crate::http) public_url: Option<PublicUrl>,
    pub(in crate::http) origins: Vec<Origin>,
    /// The operator's own addresses.
    pub(in crate::http) routes: Routes,
    pub(in crate::http) off: Option<Check>,
}

/// What is looked at. Tests show of each that it is needed, by leaving it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Check {
    Host,
    Proxy,
    Site,
    Prefetch,
}

/// What a verdict is made of.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct RequestFacts<'a> {
    /// What was sent.
    pub(in crate::http) request: &'a Parts,
    /// The address that the connection came in on; none for a Unix socket.
    pub(in crate::http) local: Option<IpAddr>,
    /// Whether there are tokens.
    pub(in crate::http) has_tokens: bool,
}

impl Guard {
    /// The rules that a server was started with.
    pub(in crate::http) fn new(config: &Config) -> Self {
        let public = config.public_url.iter().map(|url| url.host().to_owned());
        Self {
            names: config.hosts.iter().cloned().chain(public).collect(),
            public_url: config.public_url.clone(),
            origins: config.allow_origins.clone(),
            routes: Routes::new(config.served_routes()),
            off: Check::planned(),
        }
    }

    /// What links begin with.
    pub(in crate::http) fn base(&self, host: &str) -> String {
        match &self.public_url {
            Some(url) => url.to_string(),
            None => format!("http://{host}"),
        }
    }

    /// What it is called from outside.
    pub(in crate::http) fn public_url(&self) -> Option<&PublicUrl> {
        self.public_url.as_ref()
    }

    /// Whether replies depend on whose page asks.
    pub(in crate::http) fn allows_origins(&self) -> bool {
        !self.origins.is_empty()
    }

    pub(in crate::http) fn looks_at(&self, check: Check) -> bool {
        self.off != Some(check)
    }
}

impl Check {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Host, "host-check-off"),
        (Self::Proxy, "proxy-check-off"),
        (Self::Site, "site-check-off"),
        (Self::Prefetch, "prefetch-check-off"),
    ];

    /// The check that a test leaves out, to see that it is missed.
    pub(in crate::http) fn planned() -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find_map(|(check, fault)| failpoints::is_planned(fault).then_some(check))
    }
}
