//! Reads a table of the file into a type and finds all of its faults, although serde stops at the first one.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue, ValueDeserializer};

use crate::toml_file::fault::Fault;

/// A value of the file with its position.
pub(crate) type Value<'a> = Spanned<DeValue<'a>>;

/// Reads a value. After a fault the entry that has it is left out, and the rest is read again, so that `faults` gets every
/// fault. The result is `None` if the rest is not valid.
pub(crate) fn section<T: DeserializeOwned>(
    mut value: Value<'_>,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    let mut left_out = BTreeSet::new();
    loop {
        let error = match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(section) => return Some(section),
            Err(error) => error,
        };
        let missing = error.message().strip_prefix("missing field `");
        let missing = missing.and_then(|rest| rest.split('`').next());
        if !missing.is_some_and(|key| left_out.contains(key)) {
            faults.push(error.clone().into());
        }
        let at = error.span()?;
        left_out.insert(remove_at(value.get_mut(), &at)?);
    }
}

/// Removes the innermost entry that contains a position, and returns its key.
fn remove_at(value: &mut DeValue<'_>, at: &Range<usize>) -> Option<String> {
    match value {
        DeValue::Table(table) => remove_from_table(table, at),
        DeValue::Array(items) => items.iter_mut().find_map(|item| {
            let is_table = item.get_ref().is_table();
            is_table.then(|| remove_at(item.get_mut(), at)).flatten()
        }),
        _ => None,
    }
}

fn remove_from_table(table: &mut DeTable<'_>, at: &Range<usize>) -> Option<String> {
    // The position of a nested table can lie outside of its parent's, as with headers and dotted keys.
    let nested = table
        .iter_mut()
        .find_map(|(_, value)| remove_at(value.get_mut(), at));
    if nested.is_some() {
        return nested;
    }
    let contains = |span: Range<usize>| span.start <= at.start && at.start < span.end;
    let has = |(key, value): (&Spanned<DeString<'_>>, &Value<'_>)| {
        (contains(key.span()) || contains(value.span())).then(|| key.get_ref().to_string())
    };
    let found = table.iter().find_map(has)?;
    remove(table, &found);
    Some(found)
}

fn remove(table: &mut DeTable<'_>, name: &str) {
    table.remove(name);
}

/// Leaves out the value of a nested key, or one item of it. A command's program is replaced by another one, so that no
/// argument takes its place. Returns whether there was something to leave out.
pub(crate) fn leave_out(value: &mut Value<'_>, key: &[String], item: Option<usize>) -> bool {
    let Some((last, parents)) = key.split_last() else {
        return false;
    };
    let mut found = value.get_mut();
    for key in parents {
        let DeValue::Table(table) = found else {
            return false;
        };
        let entry = table.iter_mut().find(|(name, _)| name.get_ref() == key);
        let Some((_, next)) = entry else {
            return false;
        };
        found = next.get_mut();
    }
    let DeValue::Table(table) = found else {
        return false;
    };
    let entry = table.iter_mut().find(|(name, _)| name.get_ref() == last);
    let (Some((_, value)), Some(item)) = (entry, item) else {
        let before = table.len();
        remove(table, last);
        return table.len() < before;
    };
    let DeValue::Array(items) = value.get_mut() else {
        return false;
    };
    if item >= items.len() {
        return false;
    }
    let mut rest = DeArray::new();
    for (at, one) in items.iter().enumerate() {
        if at != item {
            rest.push(one.clone());
        } else if at == 0 && last == "command" {
            rest.push(Spanned::new(one.span(), DeValue::String("program".into())));
        }
    }
    *items = rest;
    true
}

/// The byte range of a nested key's value, or of one item of it. Falls back to the innermost key that exists.
pub(crate) fn span_of(
    value: &Value<'_>,
    key: &[String],
    item: Option<usize>,
) -> Option<Range<usize>> {
    let mut found = value;
    for key in key {
        let Some(next) = found.get_ref().get(key.as_str()) else {
            return Some(found.span());
        };
        found = next;
    }
    Some(match item {
        Some(item) => found.get_ref().get(item)?.span(),
        None => found.span(),
    })
}

/// The tables of a section with one table for each name.
///
/// # Errors
/// The section is not a table.
pub(crate) fn tables(value: Value<'_>) -> Result<DeTable<'_>, Fault> {
    let at = value.span();
    match value.into_inner() {
        DeValue::Table(tables) => Ok(tables),
        other => {
            let message = format!("expected a table, found {}", type_name(&other));
            Err(Fault::new(at, message))
        }
    }
}

/// The TOML type of a value, with its article.
pub(crate) fn type_name(value: &DeValue<'_>) -> String {
    let name = value.type_str();
    let article = if name.starts_with(['a', 'i']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {name}")
}
