//! Access to other servers for attempts: the HTTP client and its address policy.

use std::sync::Arc;

use parking_lot::RwLock;
use tokio::runtime::Handle;

use crate::address::Policy;
use crate::outbound::Client;
use crate::tokens;

/// Outbound access for each kind of submitter. Clones share it, so that [`OutboundClients::replace`] applies to all.
#[derive(Clone)]
pub(crate) struct OutboundClients {
    runtime: Handle,
    current: Arc<RwLock<Pair>>,
}

/// The access of the two kinds of submitters.
struct Pair {
    /// Access for local programs, which may name private addresses if the settings allow it.
    local: Arc<OutboundAccess>,
    /// Access for clients with a token. Private addresses are refused, because these clients may be remote, for
    /// example behind a proxy.
    public: Arc<OutboundAccess>,
}

impl OutboundClients {
    /// Creates both kinds of access. `policy` applies to local programs; `input_bytes` limits a remote document.
    pub(crate) fn new(policy: Policy, runtime: &Handle, input_bytes: u64) -> Self {
        Self {
            runtime: runtime.clone(),
            current: Arc::new(RwLock::new(Pair::new(policy, runtime, input_bytes))),
        }
    }

    /// Replaces both kinds of access. Attempts keep the one that they started with.
    pub(crate) fn replace(&self, policy: Policy, input_bytes: u64) {
        *self.current.write() = Pair::new(policy, &self.runtime, input_bytes);
    }

    /// The access of a job that was submitted with this token, or without one. The token's name is stored with the
    /// job, so the access stays the same when the job is retried or its callback is sent.
    pub(crate) fn of(&self, token: Option<&str>) -> Arc<OutboundAccess> {
        let current = self.current.read();
        Arc::clone(if tokens::is_local(token) {
            &current.local
        } else {
            &current.public
        })
    }
}

impl Pair {
    fn new(policy: Policy, runtime: &Handle, input_bytes: u64) -> Self {
        let access = |policy| {
            Arc::new(OutboundAccess {
                client: Client::new(policy),
                runtime: runtime.clone(),
                input_bytes,
            })
        };
        let public = Policy {
            private: false,
            ..policy.clone()
        };
        Self {
            local: access(policy),
            public: access(public),
        }
    }
}

/// Access to other servers.
pub(crate) struct OutboundAccess {
    /// The HTTP client, which enforces the address policy.
    pub client: Client,
    /// The runtime on which requests run.
    pub runtime: Handle,
    /// The maximum length of a remote document, in bytes.
    pub input_bytes: u64,
}
