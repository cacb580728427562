//! The dialects (APIs of other systems) that the server speaks.

use std::str::FromStr;

/// The API of another system, so that its clients can use this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The polling API of driveonweb.
    Driveonweb,
    /// OneDrive's API for items and long-running actions.
    Onedrive,
    /// DeltaXML's XML Data Compare.
    DataCompare,
    /// DeltaXML's XML Merge.
    XmlMerge,
    /// Routes with paths and field names of the operator's choice.
    Custom,
}

impl Dialect {
    /// All dialects, by name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("driveonweb", Self::Driveonweb),
        ("onedrive", Self::Onedrive),
        ("xml-data-compare", Self::DataCompare),
        ("xml-merge", Self::XmlMerge),
        ("custom", Self::Custom),
    ];
}

/// Alternative names.
const ALIASES: [(&str, Dialect); 4] = [
    ("data-compare", Dialect::DataCompare),
    ("data_compare", Dialect::DataCompare),
    ("xmlmerge", Dialect::XmlMerge),
    ("xml_merge", Dialect::XmlMerge),
];

/// A set of dialects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialects(Vec<Dialect>);

impl Dialects {
    /// All dialects.
    pub fn all() -> Self {
        Self(Dialect::ALL.map(|(_, dialect)| dialect).into())
    }

    /// No dialect.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// A single dialect.
    pub fn only(dialect: Dialect) -> Self {
        Self(vec![dialect])
    }

    /// Whether the set contains a dialect.
    pub fn has(&self, dialect: Dialect) -> bool {
        self.0.contains(&dialect)
    }
}

impl Default for Dialects {
    fn default() -> Self {
        Self::all()
    }
}

impl FromStr for Dialects {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => return Ok(Self::all()),
            "none" => return Ok(Self::none()),
            _ => {}
        }
        let find = |name: &str| {
            let all = Dialect::ALL.into_iter().chain(ALIASES);
            let named = all.into_iter().find(|(known, _)| *known == name);
            named.map(|(_, dialect)| dialect).ok_or_else(|| {
                let known = Dialect::ALL.map(|(name, _)| name).join(", ");
                format!("unknown dialect {name:?}: expected all, none, or a list of {known}")
            })
        };
        let named: Result<_, _> = text.split(',').map(|name| find(name.trim())).collect();
        named.map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialects_are_all_none_or_a_list() {
        let check = |text: &str, expected: &[&str]| {
            let dialects: Dialects = text.parse().expect(text);
            let served = Dialect::ALL.iter().filter(|(_, one)| dialects.has(*one));
            let served: Vec<_> = served.map(|(name, _)| *name).collect();
            assert_eq!(served, expected, "{text}");
        };
        check("all", &Dialect::ALL.map(|(name, _)| name));
        check("none", &[]);
        check("onedrive", &["onedrive"]);
        check("custom, driveonweb", &["driveonweb", "custom"]);
        check("xml-merge,onedrive", &["onedrive", "xml-merge"]);
        check("data_compare,xmlmerge", &["xml-data-compare", "xml-merge"]);
        for bad in ["", "onedrive,", "all,none", "OneDrive"] {
            assert!(bad.parse::<Dialects>().is_err(), "{bad}");
        }
    }
}
