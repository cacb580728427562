//! The locations in configurations of XML Data Compare: settings for the elements and attributes that an XPath selects.

use serde_json::Value;

use crate::http::dialects::deltaxml::wire::names::same_name;
use crate::http::dialects::deltaxml::wire::value::{boolean, member, text};
use crate::xml::Rules;

/// Converts locations to settings of the operation.
///
/// # Errors
/// A sentence about a location that is invalid, or that the operation cannot honor.
pub(crate) fn settings(locations: &Value) -> Result<Vec<(&'static str, Value)>, String> {
    let locations = match locations {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut settings = Vec::new();
    let mut with_order = None;
    for location in locations {
        let members = location.as_object();
        let members = members.ok_or("location must be an object or element with an xpath.")?;
        let xpath = text(location, "xpath")?.ok_or("location has no xpath.")?;
        let path = path(xpath)?;
        for (name, value) in members {
            if same_name(name, "child-order") {
                if ignores_order(value)? {
                    if path.contains('@') {
                        return Err(format!(
                            "The location {xpath:?} selects attributes, which have no child-order."
                        ));
                    }
                    settings.push(("orderless", path.clone().into()));
                } else {
                    with_order = Some(xpath);
                }
            } else if same_name(name, "ignore-changes") {
                check_ignored(value)?;
                settings.push(("ignore", path.clone().into()));
            } else if !["xpath", "name"].iter().any(|known| same_name(known, name)) {
                return Err(format!(
                    "The location {xpath:?} has an unsupported setting {name:?}. This server supports child-order and ignore-changes there; keys, numericTolerance, whitespace and wordByWord are settings of the configuration."
                ));
            }
        }
    }
    // An exception for some of the selected elements would need an order of precedence.
    if let Some(xpath) = with_order
        && settings.iter().any(|(param, _)| *param == "orderless")
    {
        return Err(format!(
            "The location {xpath:?} has ignore-order=\"false\", but other locations ignore the order. This server has no exceptions; remove the location."
        ));
    }
    Ok(settings)
}

/// Whether a `child-order` ignores the order of the children.
fn ignores_order(child_order: &Value) -> Result<bool, String> {
    for (name, _) in child_order.as_object().into_iter().flatten() {
        if !same_name(name, "ignore-order") {
            return Err(format!(
                "child-order has an unsupported setting {name:?}; expected ignore-order. Elements match by key with the setting keys of the configuration."
            ));
        }
    }
    let flag = member(child_order, "ignore-order");
    let flag = flag.ok_or("child-order has no ignore-order; expected true or false.")?;
    boolean(flag, "ignore-order")
}

/// Checks an `ignore-changes`. The operation writes the content of the second document.
fn check_ignored(ignored: &Value) -> Result<(), String> {
    let is_empty = ignored.is_null() || *ignored == "" || *ignored == true;
    let mut members = ignored.as_object().into_iter().flatten();
    let takes_second = members.all(|(name, value)| same_name(name, "use") && *value == "B");
    if is_empty || (ignored.is_object() && takes_second) {
        return Ok(());
    }
    Err("ignore-changes must be empty or have use=\"B\": the result has the ignored content of input-b.".into())
}

/// Converts an XPath to a path of the operation: `//list`, `/catalog/list`, `//item/@id`.
fn path(xpath: &str) -> Result<String, String> {
    let unsupported = || {
        format!(
            "The xpath {xpath:?} of a location is not supported; expected a path such as \"//list\", \"/catalog/list\" or \"//item/@id\"."
        )
    };
    let trimmed = xpath.trim();
    let path = match trimmed.strip_prefix("//") {
        Some(anywhere) if !anywhere.starts_with('/') => anywhere,
        None if trimmed.starts_with('/') => trimmed,
        _ => return Err(unsupported()),
    };
    let (elements, attribute) = match path.rsplit_once('/') {
        _ if path.starts_with('@') => ("", path),
        Some((elements, last)) if !elements.is_empty() && last.starts_with('@') => (elements, last),
        _ => (path, ""),
    };
    let converted = format!("{elements}{attribute}");
    let rules = Rules::new(&[], &[], std::slice::from_ref(&converted));
    // An axis reads like the prefix of a name.
    if elements.contains('@') || converted.contains("::") || rules.is_err() {
        return Err(unsupported());
    }
    Ok(converted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn xpaths_without_expressions_become_paths() {
        for (xpath, expected) in [
            ("//rows", "rows"),
            (" /a/b ", "/a/b"),
            ("//a/*", "a/*"),
            ("//p:a/@p:b", "p:a@p:b"),
            ("/a/b/@id", "/a/b@id"),
            ("//@id", "@id"),
        ] {
            assert_eq!(path(xpath).as_deref(), Ok(expected));
        }
        for xpath in [
            "",
            "/",
            "//",
            "rows",
            "//a//b",
            "//a[1]",
            "//a[@b='c']",
            "//text()",
            "//child::a",
            "//a|//b",
            "//*:a",
            "/@id",
            "//a/@*",
            "//a/@b/@c",
            "//a@b",
            "///a",
            "//a/..",
            "//a/",
        ] {
            assert!(path(xpath).is_err(), "{xpath}");
        }
    }

    #[test]
    fn locations_that_cannot_be_honored_are_rejected() {
        let order =
            |flag: Value| json!({ "xpath": "//l", "child-order": { "ignore-order": flag } });
        let ignore = |value: Value| json!({ "xpath": "//t", "ignoreChanges": value });
        let right = json!([
            order(json!("true")),
            ignore(json!({ "use": "B" })),
            ignore(json!(""))
        ]);
        let expected = [
            ("orderless", json!("l")),
            ("ignore", json!("t")),
            ("ignore", json!("t")),
        ];
        assert_eq!(settings(&right).as_deref(), Ok(&expected[..]));
        assert_eq!(settings(&order(json!(false))), Ok(Vec::new()));
        for wrong in [
            json!("//l"),
            json!({ "child-order": { "ignore-order": true } }),
            json!({ "xpath": 1 }),
            order(json!("maybe")),
            json!({ "xpath": "//l", "child-order": "" }),
            json!({ "xpath": "//l", "child-order": { "ignore-order": true, "key": "@id" } }),
            json!({ "xpath": "//l/@x", "child-order": { "ignore-order": true } }),
            json!([order(json!(true)), { "xpath": "/r/l", "child-order": { "ignore-order": false } }]),
            ignore(json!({ "use": "A" })),
            ignore(json!(false)),
            ignore(json!("B")),
            json!({ "xpath": "//n", "numeric": { "tolerance": "0.1" } }),
        ] {
            assert!(settings(&wrong).is_err(), "{wrong}");
        }
    }
}
