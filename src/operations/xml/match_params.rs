//! The params that `compare` and `merge` share: how versions of a document are matched.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::operations::{Document, InvalidParam};
use crate::xml::{self, Limits, MatchOptions, Rules};

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
    /// Elements that match only if their keys are equal. A key is an attribute, `item@id`, or a list of attributes and
    /// texts of children after a colon and a space: `dependency: groupId,artifactId`, `entry: @lang,head/title`,
    /// `word: .` (the element's own text). Default: none.
    #[serde(default)]
    #[schemars(length(max = 64))]
    key: Vec<String>,
    /// Elements and attributes whose changes are ignored, by path: `timestamp`, `build/number`, `item@modified`,
    /// `@modified`. The result has those of the last document. Default: none.
    #[serde(default)]
    #[schemars(length(max = 64))]
    ignore: Vec<String>,
    /// Whether elements match by attributes named `id`, `key` or `name`, with or without a prefix. Default: true.
    #[serde(default = "yes")]
    ids: bool,
    /// Numbers that differ by at most this much are equal; the result has those of the last document. Default: 0.
    #[serde(default)]
    #[schemars(range(min = 0))]
    tolerance: f64,
    /// The DTD that the documents refer to, in UTF-8: entities that it declares are expanded. Without it, references to
    /// entities that a document does not declare are kept.
    #[serde(default)]
    pub(in crate::operations) dtd: Option<Document>,
    /// Whether elements and attributes match only in the same namespace (`significant`), or by their local names where
    /// the documents have different namespaces (`ignored`). Default: `significant`.
    #[serde(default)]
    namespaces: Namespaces,
    /// Whether the root elements must have the same name (`same`) or can have different ones (`any`). Default: `same`.
    #[serde(default)]
    roots: Roots,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Namespaces {
    #[default]
    Significant,
    Ignored,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Roots {
    #[default]
    Same,
    Any,
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
    pub(in crate::operations) fn options(
        self,
        dtd: Option<String>,
        limits: Limits,
    ) -> MatchOptions {
        MatchOptions {
            whitespace: match self.whitespace {
                Whitespace::Exact => xml::Whitespace::Exact,
                Whitespace::Loose => xml::Whitespace::Loose,
                Whitespace::Ignore => xml::Whitespace::Ignore,
            },
            words: self.words,
            unordered: self.orderless,
            keys: self.key,
            ignored: self.ignore,
            ids: self.ids,
            tolerance: self.tolerance,
            external_subset: dtd,
            namespaces: match self.namespaces {
                Namespaces::Significant => xml::Namespaces::Significant,
                Namespaces::Ignored => xml::Namespaces::Ignored,
            },
            roots: match self.roots {
                Roots::Same => xml::Roots::Same,
                Roots::Any => xml::Roots::Any,
            },
            limits,
            ..MatchOptions::default()
        }
    }

    /// Finds invalid paths in `orderless`, `key` and `ignore`.
    pub(in crate::operations) fn check(&self) -> Vec<InvalidParam> {
        let wrong = |pointer: &str, orderless: &[String], keys: &[String], ignored: &[String]| {
            let error = Rules::new(orderless, keys, ignored).err()?;
            Some(InvalidParam {
                pointer: pointer.to_owned(),
                detail: error.message,
            })
        };
        let faults = [
            wrong("#/orderless", &self.orderless, &[], &[]),
            wrong("#/key", &[], &self.key, &[]),
            wrong("#/ignore", &[], &[], &self.ignore),
        ];
        faults.into_iter().flatten().collect()
    }
}
