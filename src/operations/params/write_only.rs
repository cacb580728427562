//! Write-only params: values that an operation uses, but that are left out wherever a job is shown.
//!
//! A schema marks them with `"writeOnly": true` or `"format": "password"`. A job keeps where its own are, so that they stay
//! hidden when the schema changes or the operation is gone. A place is a JSON pointer in which `*` stands for every item of
//! a list, or every member of an object.

use std::collections::{BTreeSet, HashSet};
use std::ptr;

use serde_json::{Map, Value};

/// Stands for every item or member.
const EVERY: &str = "*";

/// Whether a schema marks anything as write-only.
pub(crate) fn marks_any(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => is_marked(schema) || members.values().any(marks_any),
        Value::Array(items) => items.iter().any(marks_any),
        _ => false,
    }
}

/// The places of the write-only values in params that match the schema.
pub(crate) fn find(schema: &Value, params: &Value) -> Vec<String> {
    let mut finder = Finder {
        root: schema,
        followed: HashSet::new(),
        found: BTreeSet::new(),
    };
    finder.visit(schema, params, "");
    finder.found.into_iter().collect()
}

/// Removes the values at `places`.
pub(crate) fn remove(params: &mut Value, places: &[String]) {
    for place in places {
        match place.strip_prefix('/') {
            Some(rest) => remove_at(params, rest),
            None => *params = Value::Object(Map::new()),
        }
    }
}

/// Whether the value at a JSON pointer is write-only, holds a write-only value, or is part of one.
pub(crate) fn touches(pointer: &str, places: &[String]) -> bool {
    let is_same = |(one, other): (&str, &str)| one == other || other == EVERY;
    let overlap = |place: &String| pointer.split('/').zip(place.split('/')).all(is_same);
    places.iter().any(overlap)
}

fn is_marked(schema: &Value) -> bool {
    schema["writeOnly"] == true || schema["format"] == "password"
}

fn remove_at(value: &mut Value, place: &str) {
    let (first, rest) = match place.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (place, None),
    };
    match (value, rest) {
        (Value::Object(members), None) if first == EVERY => members.clear(),
        (Value::Object(members), None) => {
            members.shift_remove(&unescaped(first));
        }
        (Value::Object(members), Some(rest)) if first == EVERY => {
            members.values_mut().for_each(|one| remove_at(one, rest));
        }
        (Value::Object(members), Some(rest)) => {
            if let Some(member) = members.get_mut(&unescaped(first)) {
                remove_at(member, rest);
            }
        }
        (Value::Array(items), None) => items.clear(),
        (Value::Array(items), Some(rest)) => items.iter_mut().for_each(|one| remove_at(one, rest)),
        _ => {}
    }
}

fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// Walks a schema and a value together.
struct Finder<'a> {
    root: &'a Value,
    /// The schemas that references led to, each with the value that it was applied to. A pair is visited once, so that
    /// recursive schemas end.
    followed: HashSet<(*const Value, *const Value)>,
    found: BTreeSet<String>,
}

impl<'a> Finder<'a> {
    fn visit(&mut self, schema: &'a Value, value: &Value, place: &str) {
        if is_marked(schema) {
            self.found.insert(place.to_owned());
            return;
        }
        let Value::Object(keywords) = schema else {
            return;
        };
        if let Some(target) = self.target(keywords.get("$ref"))
            && self
                .followed
                .insert((ptr::from_ref(target), ptr::from_ref(value)))
        {
            self.visit(target, value, place);
        }
        // Which alternative the client meant does not matter: what is secret in one of them is secret.
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for one in schema[keyword].as_array().into_iter().flatten() {
                self.visit(one, value, place);
            }
        }
        for keyword in ["if", "then", "else"] {
            self.visit(&schema[keyword], value, place);
        }
        for one in schema["dependentSchemas"].as_object().into_iter().flatten() {
            self.visit(one.1, value, place);
        }
        match value {
            Value::Object(members) => self.visit_members(schema, members, place),
            Value::Array(items) => {
                let place = format!("{place}/{EVERY}");
                let first = schema["prefixItems"].as_array();
                for (at, item) in items.iter().enumerate() {
                    let own = first.and_then(|first| first.get(at));
                    self.visit(own.unwrap_or(&schema["items"]), item, &place);
                }
            }
            _ => {}
        }
    }

    fn visit_members(&mut self, schema: &'a Value, members: &Map<String, Value>, place: &str) {
        let properties = &schema["properties"];
        for (name, member) in members {
            if let Some(property) = properties.get(name) {
                let name = name.replace('~', "~0").replace('/', "~1");
                self.visit(property, member, &format!("{place}/{name}"));
                continue;
            }
            let place = format!("{place}/{EVERY}");
            self.visit(&schema["additionalProperties"], member, &place);
            self.visit(&schema["unevaluatedProperties"], member, &place);
        }
        for (_, property) in schema["patternProperties"]
            .as_object()
            .into_iter()
            .flatten()
        {
            for member in members.values() {
                self.visit(property, member, &format!("{place}/{EVERY}"));
            }
        }
    }

    /// The schema that a reference within the document leads to.
    fn target(&self, reference: Option<&Value>) -> Option<&'a Value> {
        self.root.pointer(reference?.as_str()?.strip_prefix('#')?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn write_only_values_are_found_in_any_subschema_and_removed() {
        let check = |schema: Value, params: Value, places: &[&str], shown: Value| {
            let found = find(&schema, &params);
            assert_eq!(found, places, "{schema}");
            assert_eq!(marks_any(&schema), !places.is_empty());
            let mut public = params;
            remove(&mut public, &found);
            assert_eq!(public, shown, "{schema}");
        };
        let secret = json!({ "writeOnly": true });
        check(
            json!({ "properties": { "a": secret, "b": { "writeOnly": false }, "c/d": { "format": "password" } } }),
            json!({ "a": 1, "b": 2, "c/d": "x" }),
            &["/a", "/c~1d"],
            json!({ "b": 2 }),
        );
        let document = json!({ "anyOf": [
            { "type": "string" },
            { "properties": { "uri": {}, "key": secret } },
            { "properties": { "more": { "$ref": "#/$defs/d" }, "key": {} } },
        ]});
        check(
            json!({ "$defs": { "d": document }, "properties": { "list": { "items": { "$ref": "#/$defs/d" } } } }),
            json!({ "list": ["a", { "uri": "b", "key": "s" }, { "more": { "key": "t", "more": { "key": "u" } } }] }),
            &["/list/*/key", "/list/*/more/key", "/list/*/more/more/key"],
            json!({ "list": ["a", { "uri": "b" }, { "more": { "more": {} } }] }),
        );
        check(
            json!({ "properties": { "map": { "additionalProperties": { "properties": { "p": secret } } }, "all": { "items": secret } } }),
            json!({ "map": { "x": { "p": 1, "q": 2 }, "y": 3 }, "all": [1, 2] }),
            &["/all/*", "/map/*/p"],
            json!({ "map": { "x": { "q": 2 }, "y": 3 }, "all": [] }),
        );
        check(secret, json!({ "a": 1 }), &[""], json!({}));
        check(
            json!({ "$defs": { "r": { "$ref": "#/$defs/r" } }, "$ref": "#/$defs/r" }),
            json!({ "a": 1 }),
            &[],
            json!({ "a": 1 }),
        );
    }

    #[test]
    fn deep_value_of_a_recursive_schema_is_visited_once() {
        let alternative = json!({ "properties": { "a": { "$ref": "#" } } });
        let schema = json!({ "anyOf": [alternative, alternative, { "properties": { "key": { "writeOnly": true } } }] });
        let mut value = json!({ "key": 1 });
        for _ in 0..100 {
            value = json!({ "a": value });
        }
        assert_eq!(find(&schema, &value), ["/a".repeat(100) + "/key"]);
    }

    #[test]
    fn pointers_above_and_below_write_only_values_touch_them() {
        let places = ["/list/*/key".to_owned()];
        for pointer in ["", "/list", "/list/0", "/list/1/key", "/list/1/key/x"] {
            assert!(touches(pointer, &places), "{pointer}");
        }
        for pointer in ["/other", "/list/0/uri", "/lis"] {
            assert!(!touches(pointer, &places), "{pointer}");
        }
    }
}
