//! How versions of a document are matched: the params that `compare` and `merge` share.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::operations::InvalidParam;
use crate::operations::xml::xml_documents::unlimited;
use crate::xml::{self, MatchOptions, Rules};

/// What counts as the same.
#[derive(Debug, Deserialize, JsonSchema)]
pub(in crate::operations) struct MatchParams {
    /// What white space means where the documents do not say that it is preserved.
    #[serde(default)]
    whitespace: Whitespace,
    /// Texts differ in words; otherwise as a whole.
    #[serde(default = "yes")]
    words: bool,
    /// Elements whose children are in no order: `list`, `catalog/list`, `/catalog/list`.
    #[serde(default)]
    #[schemars(length(max = 64))]
    orderless: Vec<String>,
    /// Elements that are the same only if an attribute is: `item@id`.
    #[serde(default)]
    #[schemars(length(max = 64))]
    key: Vec<String>,
}

fn yes() -> bool {
    true
}

/// What white space means where `xml:space` does not say that it is preserved.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Whitespace {
    /// Every character counts.
    #[default]
    Exact,
    /// It separates words; between elements it means nothing.
    Loose,
    /// As loose, and the result has no more of it than words need.
    Ignore,
}

impl MatchParams {
    /// As the library takes it.
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

    /// What is wrong with paths to elements.
    pub(in crate::operations) fn check(&self) -> Vec<InvalidParam> {
        let wrong = |pointer: &str, orderless: &[String], keys: &[String]| {
            let error = Rules::new(orderless, keys).err()?;
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
