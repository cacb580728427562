//! A `json!` macro with the syntax of `serde_json::json!` that expands to one function call for each member.
//!
//! The OpenAPI document is long and built once; with the inlined expansion of `serde_json::json!` it would make up a
//! thirtieth of the binary.

use serde_json::{Map, Value};

/// A type that can be a member. Implementations are not inlined, because there are a thousand call sites.
pub(crate) trait Part {
    /// The value as JSON.
    fn value(&self) -> Value;

    /// Adds the value to an object.
    #[inline(never)]
    fn put(&self, object: &mut Map<String, Value>, name: &str) {
        put(object, name, self.value());
    }
}

impl<T: Part + ?Sized> Part for &T {
    fn value(&self) -> Value {
        T::value(self)
    }
}

impl Part for Value {
    #[inline(never)]
    fn value(&self) -> Value {
        self.clone()
    }
}

impl Part for str {
    #[inline(never)]
    fn value(&self) -> Value {
        self.into()
    }
}

impl Part for String {
    fn value(&self) -> Value {
        self.as_str().into()
    }
}

impl Part for bool {
    fn value(&self) -> Value {
        (*self).into()
    }
}

impl Part for i32 {
    fn value(&self) -> Value {
        (*self).into()
    }
}

impl Part for i64 {
    fn value(&self) -> Value {
        (*self).into()
    }
}

impl Part for u16 {
    fn value(&self) -> Value {
        (*self).into()
    }
}

impl Part for Map<String, Value> {
    #[inline(never)]
    fn value(&self) -> Value {
        self.clone().into()
    }
}

impl<T: Part> Part for Vec<T> {
    fn value(&self) -> Value {
        self.iter().map(Part::value).collect()
    }
}

impl<T: Part, const N: usize> Part for [T; N] {
    fn value(&self) -> Value {
        self.iter().map(Part::value).collect()
    }
}

/// Adds a member to an object.
#[inline(never)]
pub(crate) fn put(object: &mut Map<String, Value>, name: &str, value: Value) {
    object.insert(name.to_owned(), value);
}

/// An object without members.
#[inline(never)]
pub(crate) fn object() -> Map<String, Value> {
    Map::new()
}

/// Adds an item to a list.
#[inline(never)]
pub(crate) fn push(list: &mut Vec<Value>, item: Value) {
    list.push(item);
}

macro_rules! json {
    (@members $object:ident) => {};
    (@members $object:ident $name:tt : null $(, $($rest:tt)*)?) => {
        $crate::http::openapi::json::put(&mut $object, $name, serde_json::Value::Null);
        json!(@members $object $($($rest)*)?);
    };
    (@members $object:ident $name:tt : { $($inner:tt)* } $(, $($rest:tt)*)?) => {
        $crate::http::openapi::json::put(&mut $object, $name, json!({ $($inner)* }));
        json!(@members $object $($($rest)*)?);
    };
    (@members $object:ident $name:tt : [ $($inner:tt)* ] $(, $($rest:tt)*)?) => {
        $crate::http::openapi::json::put(&mut $object, $name, json!([ $($inner)* ]));
        json!(@members $object $($($rest)*)?);
    };
    (@members $object:ident $name:tt : $value:expr $(, $($rest:tt)*)?) => {
        $crate::http::openapi::json::Part::put(&$value, &mut $object, $name);
        json!(@members $object $($($rest)*)?);
    };
    (@items $list:ident) => {};
    (@items $list:ident null $(, $($rest:tt)*)?) => {
        $crate::http::openapi::json::push(&mut $list, serde_json::Value::Null);
        json!(@items $list $($($rest)*)?);
    };
    (@items $list:ident { $($inner:tt)* } $(, $($rest:tt)*)?) => {
        $crate::http::openapi::json::push(&mut $list, json!({ $($inner)* }));
        json!(@items $list $($($rest)*)?);
    };
    (@items $list:ident [ $($inner:tt)* ] $(, $($rest:tt)*)?) => {
        $crate::http::openapi::json::push(&mut $list, json!([ $($inner)* ]));
        json!(@items $list $($($rest)*)?);
    };
    (@items $list:ident $item:expr $(, $($rest:tt)*)?) => {
        $crate::http::openapi::json::push(&mut $list, $crate::http::openapi::json::Part::value(&$item));
        json!(@items $list $($($rest)*)?);
    };
    ({}) => { serde_json::Value::Object($crate::http::openapi::json::object()) };
    ([]) => { serde_json::Value::Array(Vec::new()) };
    ({ $($members:tt)+ }) => {{
        let mut object = $crate::http::openapi::json::object();
        json!(@members object $($members)+);
        serde_json::Value::Object(object)
    }};
    ([ $($items:tt)+ ]) => {{
        let mut list = Vec::new();
        json!(@items list $($items)+);
        serde_json::Value::Array(list)
    }};
    ($value:expr) => { $crate::http::openapi::json::Part::value(&$value) };
}

pub(crate) use json;
