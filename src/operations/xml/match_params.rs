//! The params that `compare` and `merge` share: how versions of a document are matched.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::operations::InvalidParam;
use crate::operations::xml::xml_documents::unlimited;
use crate::xml::{self, MatchOptions, Rules};

/// How elements and texts are matched.
#[derive(Debug, Deserialize, JsonSchema)]
pub(in crate::operations) struct MatchParams {
    /// Which white space is significant. `xml:space="preserve"` in a document overrides this. Default: `exact`.
    #[serde(default)]
    whitespace: Whitespace,
    /// Whether to compare texts word by word. If false, a text that changed is marked as a whole. Default: true.
    #[serde(default = "yes")]
    words: bool,
    /// Elements whose children have no order, by name or path: `list`, `catalog/list`, `/catalog/list`. A child that only
    /// changed its position does not count as a difference. Default: none.
    #[serde(default)]
    #[schemars(length(max = 64))]
    orderless: Vec<String>,
    /// Elements that match only if a key attribute has the same value, as path and attribute: `item@id`. Default: none.
    #[serde(default)]
    #[schemars(length(max = 64))]
    key: Vec<String>,
}

fn yes() -> bool {
    true
}

/// Which white space is significant.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Whitespace {
    /// Every character is significant.
    #[default]
    Exact,
    /// White space separates words, and is insignificant between elements.
    Loose,
    /// Like `loose`, and the result contains only white space that separates words.
    Ignore,
}

impl MatchParams {
    /// The params as options of the library.
    pub(in crate::operations) fn options(self) -> MatchOptions {
        MatchOptions {
            whitespace: match self.whitespace {
                Whitespace::Exact => xml::Whitespace::Exact,
                Whitespace::Loose => xml::Whitespace::Loose,
                Whitespace::Ignore => xml::Whitespace::Ignore,
            },
            words: self.words,
            unordered: self.orderless,
            keys: self.key,
            limits: unlimited(),
            ..MatchOptions::default()
        }
    }

    /// Finds invalid paths in `orderless` and `key`.
    pub(in crate::operations) fn check(&self) -> Vec<InvalidParam> {
        let wrong = |pointer: &str, orderless: &[String], keys: &[String]| {
            let error = Rules::new(orderless, keys, &[]).err()?;
            Some(InvalidParam {
                pointer: pointer.to_owned(),
                detail: error.message,
            })
        };
        let faults = [
            wrong("#/orderless", &self.orderless, &[]),
            wrong("#/key", &[], &self.key),
        ];
        faults.into_iter().flatten().collect()
    }
}
