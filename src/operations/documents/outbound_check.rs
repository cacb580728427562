//! Validates the URLs in params before a job is accepted.

use serde::Deserialize;
use serde_json::Value;

use crate::operations::documents::document;
use crate::operations::documents::document::Tagged;
use crate::operations::{InvalidParam, OperationSpec, OutboundAccess};

impl OutboundAccess {
    /// Finds URLs in params that the outbound policy rejects: in documents, and in params whose format is `uri`.
    pub(in crate::operations) fn check(
        &self,
        params: &Value,
        spec: &OperationSpec,
    ) -> Vec<InvalidParam> {
        let mut invalid = Vec::new();
        for (name, value) in params.as_object().into_iter().flatten() {
            if spec.params["properties"][name]["format"] == "uri" {
                invalid.extend(self.check_url(&format!("#/{name}"), value.as_str()));
            }
            if !spec.inputs.contains_key(name) {
                continue;
            }
            match value {
                Value::Array(items) => {
                    for (number, item) in items.iter().enumerate() {
                        invalid.extend(self.check_document(&format!("#/{name}/{number}"), item));
                    }
                }
                one => invalid.extend(self.check_document(&format!("#/{name}"), one)),
            }
        }
        invalid
    }

    fn check_document(&self, pointer: &str, document: &Value) -> Vec<InvalidParam> {
        if let Some(text) = document.as_str() {
            let url = document::is_url(text).then_some(text);
            return self.check_url(pointer, url);
        }
        let Ok(Tagged::Http { uri, authorization }) = Tagged::deserialize(document) else {
            return Vec::new();
        };
        let mut invalid = self.check_url(&format!("{pointer}/uri"), Some(&uri));
        if authorization.is_some_and(|text| http::HeaderValue::from_str(&text).is_err()) {
            invalid.push(InvalidParam {
                pointer: format!("{pointer}/authorization"),
                detail: "The value is not valid in an HTTP header.".into(),
            });
        }
        invalid
    }

    pub(in crate::operations) fn check_url(
        &self,
        pointer: &str,
        url: Option<&str>,
    ) -> Vec<InvalidParam> {
        let refusal = url.and_then(|url| self.client.check(url).err());
        let invalid = |refusal| InvalidParam {
            pointer: pointer.to_owned(),
            detail: format!("The URL is refused: {refusal}."),
        };
        refusal.map(invalid).into_iter().collect()
    }
}
