//! Every setting, as plain values with their defaults and what they are called. Knows neither files nor flags; `cli`
//! fills it in.

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
use crate::config::listen::{Listen, Origin, PublicUrl};
use crate::config::operation::OperationOverrides;
use crate::config::route::Route;
use crate::roots::RootSpec;

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of everything that the server writes.
    pub data: PathBuf,
    /// Where it listens.
    pub listen: Vec<Listen>,
    /// What jobs may read and write.
    pub roots: Vec<RootSpec>,
    /// How many jobs may be in flight.
    pub workers: usize,
    /// How long an ended job stays untouched before it is forgotten.
    pub idle_timeout: Duration,
    /// How long running jobs get at a stop.
    pub drain_timeout: Duration,
    /// Names that the server goes by, besides `localhost` and its addresses.
    pub hosts: Vec<String>,
    /// What it is called from outside; links begin with it.
    pub public_url: Option<PublicUrl>,
    /// Whose pages may use it in a browser, besides its own.
    pub allow_origins: Vec<Origin>,
    /// Serve beyond loopback without tokens all the same.
    pub insecure_no_token: bool,
    /// What is bounded, and by how much.
    pub limits: Limits,
    /// Who is told of a job's end, and how.
    pub callbacks: Callbacks,
    /// What is said of operations that are built in, by name.
    pub operations: BTreeMap<String, OperationOverrides>,
    /// Programs that are offered as operations, by name.
    pub commands: BTreeMap<String, CommandSpec>,
    /// Addresses of the operator's own.
    pub routes: Vec<Route>,
    /// Which other systems' clients are served.
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
    /// The operator's own addresses, if they are served.
    pub(crate) fn served_routes(&self) -> &[Route] {
        if self.dialects.has(Dialect::Custom) {
            &self.routes
        } else {
            &[]
        }
    }

    /// Whom jobs and callbacks may call.
    pub(crate) fn outbound(&self) -> Policy {
        let listen: Vec<_> = self.listen.iter().filter_map(Listen::tcp).collect();
        Policy {
            private: address::may_reach_private(&listen, self.public_url.is_some()),
            allow: self.callbacks.allow.clone(),
        }
    }
}
