//! What attempts reach other servers with, and what is to be said of a URL before there is an attempt.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::address::Policy;
use crate::operations::documents::document;
use crate::operations::documents::document::Tagged;
use crate::operations::{InvalidParam, OperationSpec};
use crate::outbound::Client;
use crate::tokens;

/// The ways out of this machine, one for each kind of submitter.
#[derive(Clone)]
pub(crate) struct WaysOut {
    /// For programs on this machine, which may name private addresses where the settings allow it.
    local: Arc<OutboundAccess>,
    /// For everybody who showed a token: they may be anywhere, behind a proxy for example.
    public: Arc<OutboundAccess>,
}

impl WaysOut {
    /// Under this policy, which is that of local programs.
    pub(crate) fn new(policy: Policy, runtime: &Handle, input_bytes: u64) -> Self {
        let out = |policy| {
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
            local: out(policy),
            public: out(public),
        }
    }

    /// That of a job of the token with this name, or of none. It stays with the job: whether there are tokens when the job
    /// runs, is retried or calls back does not matter.
    pub(crate) fn of(&self, token: Option<&str>) -> &Arc<OutboundAccess> {
        if tokens::is_local(token) {
            &self.local
        } else {
            &self.public
        }
    }
}

/// The way out of this machine.
pub(crate) struct OutboundAccess {
    /// Whom to call, and how.
    pub client: Client,
    /// Where calls are waited for.
    pub runtime: Handle,
    /// The longest document from elsewhere, in bytes.
    pub input_bytes: u64,
}

impl OutboundAccess {
    /// Finds URLs in params that will never be called: in documents, and in params whose format is `uri`.
    pub(in crate::operations) fn check(
        &self,
        params: &Value,
        description: &OperationSpec,
    ) -> Vec<InvalidParam> {
        let mut faults = Vec::new();
        for (name, value) in params.as_object().into_iter().flatten() {
            if description.params["properties"][name]["format"] == "uri" {
                faults.extend(self.check_url(&format!("#/{name}"), value.as_str()));
            }
            if !description.inputs.contains_key(name) {
                continue;
            }
            match value {
                Value::Array(items) => {
                    for (number, item) in items.iter().enumerate() {
                        faults.extend(self.check_document(&format!("#/{name}/{number}"), item));
                    }
                }
                one => faults.extend(self.check_document(&format!("#/{name}"), one)),
            }
        }
        faults
    }

    fn check_document(&self, pointer: &str, document: &Value) -> Vec<InvalidParam> {
        if let Some(text) = document.as_str() {
            let url = document::is_url(text).then_some(text);
            return self.check_url(pointer, url);
        }
        let Ok(Tagged::Http { uri, authorization }) = Tagged::deserialize(document) else {
            return Vec::new();
        };
        let mut faults = self.check_url(&format!("{pointer}/uri"), Some(&uri));
        if authorization.is_some_and(|text| http::HeaderValue::from_str(&text).is_err()) {
            faults.push(InvalidParam {
                pointer: format!("{pointer}/authorization"),
                detail: "It cannot stand in a header.".into(),
            });
        }
        faults
    }

    pub(in crate::operations) fn check_url(
        &self,
        pointer: &str,
        url: Option<&str>,
    ) -> Vec<InvalidParam> {
        let refusal = url.and_then(|url| self.client.judge(url).err());
        let fault = |refusal| InvalidParam {
            pointer: pointer.to_owned(),
            detail: format!("The URL is refused: {refusal}."),
        };
        refusal.map(fault).into_iter().collect()
    }
}
