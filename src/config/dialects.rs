//! Which other systems' clients are served.

use std::str::FromStr;

/// Another system's way to talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// driveonweb's polling jobs.
    Driveonweb,
    /// OneDrive's items and long-running actions.
    Onedrive,
    /// DeltaXML's XML Data Compare.
    DataCompare,
    /// DeltaXML's XML Merge.
    XmlMerge,
    /// The operator's own addresses and words.
    Custom,
}

impl Dialect {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("driveonweb", Self::Driveonweb),
        ("onedrive", Self::Onedrive),
        ("xml-data-compare", Self::DataCompare),
        ("xml-merge", Self::XmlMerge),
        ("custom", Self::Custom),
    ];
}

/// Other names that people give them.
const ALIASES: [(&str, Dialect); 4] = [
    ("data-compare", Dialect::DataCompare),
    ("data_compare", Dialect::DataCompare),
    ("xmlmerge", Dialect::XmlMerge),
    ("xml_merge", Dialect::XmlMerge),
];

/// Some of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialects(Vec<Dialect>);

impl Dialects {
    /// Every one.
    pub fn all() -> Self {
        Self(Dialect::ALL.map(|(_, dialect)| dialect).into())
    }

    /// None of them.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// One of them.
    pub fn only(dialect: Dialect) -> Self {
        Self(vec![dialect])
    }

    /// Whether this one is served.
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
                format!("there is no dialect named {name:?}: there are {known}")
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
    fn dialects_are_all_none_or_some() {
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
