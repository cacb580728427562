//! The configuration of a server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::address;
use crate::address::Policy;
use crate::config::callbacks::Callbacks;
use crate::config::command::CommandSpec;
use crate::config::dialects::{Dialect, Dialects};
use crate::config::limits::Limits;
use crate::config::listen::{Listen, PublicUrl};
use crate::config::operation::OperationOverrides;
use crate::config::origin::Origin;
use crate::config::route::Route;
use crate::roots::RootSpec;

/// The configuration of a server.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The data folder: everything that the server itself writes.
    pub data: PathBuf,
    /// Listening addresses.
    pub listen: Vec<Listen>,
    /// Folders that jobs may read and write.
    pub roots: Vec<RootSpec>,
    /// The number of jobs that may run at once.
    pub workers: usize,
    /// How long a finished job stays idle before it is deleted.
    pub idle_timeout: Duration,
    /// How long running jobs may continue after the server is asked to stop.
    pub drain_timeout: Duration,
    /// Host names accepted in requests, besides `localhost` and the listening addresses.
    pub hosts: Vec<String>,
    /// The server's URL as clients see it; links begin with it.
    pub public_url: Option<PublicUrl>,
    /// Origins of web pages that may use the API from a browser, besides the server's own.
    pub allow_origins: Vec<Origin>,
    /// Whether to accept requests without a token from other machines.
    pub insecure_no_token: bool,
    /// Limits on sizes, counts and times.
    pub limits: Limits,
    /// Settings of callbacks.
    pub callbacks: Callbacks,
    /// Overrides for built-in operations, by name.
    pub operations: BTreeMap<String, OperationOverrides>,
    /// Operations that run a program, by name.
    pub commands: BTreeMap<String, CommandSpec>,
    /// Custom routes.
    pub routes: Vec<Route>,
    /// Dialects that are served.
    pub dialects: Dialects,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "cloakroom-data".into(),
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 7070)).into()],
            roots: Vec::new(),
            workers: 4 * std::thread::available_parallelism().map_or(1, usize::from),
            idle_timeout: Duration::from_hours(1),
            drain_timeout: Duration::from_secs(10),
            hosts: Vec::new(),
            public_url: None,
            allow_origins: Vec::new(),
            insecure_no_token: false,
            limits: Limits::default(),
            callbacks: Callbacks::default(),
            operations: BTreeMap::new(),
            commands: BTreeMap::new(),
            routes: Vec::new(),
            dialects: Dialects::default(),
        }
    }
}

impl Config {
    /// The custom routes, if the dialect `custom` is served.
    pub(crate) fn served_routes(&self) -> &[Route] {
        if self.dialects.has(Dialect::Custom) {
            &self.routes
        } else {
            &[]
        }
    }

    /// The policy for requests that jobs and callbacks make.
    pub(crate) fn outbound(&self) -> Policy {
        let listen: Vec<_> = self.listen.iter().filter_map(Listen::tcp).collect();
        Policy {
            private: address::may_reach_private(&listen, self.public_url.is_some()),
            allow: self.callbacks.allow.clone(),
        }
    }
}
