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
}

impl Dialect {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 4] = [
        ("driveonweb", Self::Driveonweb),
        ("onedrive", Self::Onedrive),
        ("xml-data-compare", Self::DataCompare),
        ("xml-merge", Self::XmlMerge),
    ];
}

/// Some of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialects(Vec<Dialect>);

impl Dialects {
    /// Every one.
    pub fn all() -> Self {
        Self(Dialect::ALL.map(|(_, dialect)| dialect).into())
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
            "none" => return Ok(Self(Vec::new())),
            _ => {}
        }
        let find = |name: &str| {
            let named = Dialect::ALL.into_iter().find(|(known, _)| *known == name);
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
        let check = |text: &str, expected| {
            let dialects: Dialects = text.parse().expect(text);
            let has = Dialect::ALL.map(|(_, dialect)| dialects.has(dialect));
            assert_eq!(has, expected, "{text}");
        };
        check("all", [true; 4]);
        check("none", [false; 4]);
        check("onedrive", [false, true, false, false]);
        check("onedrive, driveonweb", [true, true, false, false]);
        check("xml-merge,xml-data-compare", [false, false, true, true]);
        for bad in ["", "onedrive,", "all,none", "OneDrive"] {
            assert!(bad.parse::<Dialects>().is_err(), "{bad}");
        }
    }
}
