//! Access to other servers for attempts: the HTTP client and its address policy.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::address::Policy;
use crate::outbound::Client;
use crate::tokens;

/// Outbound access for each kind of submitter.
#[derive(Clone)]
pub(crate) struct OutboundClients {
    /// Access for local programs, which may name private addresses if the settings allow it.
    local: Arc<OutboundAccess>,
    /// Access for clients with a token. Private addresses are refused, because these clients may be remote, for
    /// example behind a proxy.
    public: Arc<OutboundAccess>,
}

impl OutboundClients {
    /// Creates both kinds of access. `policy` applies to local programs; `input_bytes` limits a remote document.
    pub(crate) fn new(policy: Policy, runtime: &Handle, input_bytes: u64) -> Self {
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

    /// The access of a job that was submitted with this token, or without one. The token's name is stored with the
    /// job, so the access stays the same when the job is retried or its callback is sent.
    pub(crate) fn of(&self, token: Option<&str>) -> &Arc<OutboundAccess> {
        if tokens::is_local(token) {
            &self.local
        } else {
            &self.public
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
