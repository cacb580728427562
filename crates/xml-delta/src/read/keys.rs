//! Computes keys of elements from attributes and from the text of descendants.

use crate::error::Fault;
use crate::hashes;
use crate::names::Names;
use crate::paths::{KeyPart, Rules};
use crate::tree::{Kind, MAX_SOURCE_BYTES, Span, Tree};

/// Separates the parts of a key. Parts contain no line breaks, so different parts cannot result in equal keys.
const SEPARATOR: char = '\n';

/// An element with a key, and the number of its rule.
pub(super) type KeyedElement = (u32, usize);

/// Computes the keys of elements; elements that have none of the parts have no key.
pub(super) fn add(
    tree: &mut Tree,
    names: &Names,
    rules: &Rules,
    keyed: &[KeyedElement],
) -> Result<(), Fault> {
    let mut key = String::new();
    for &(node, rule) in keyed {
        key.clear();
        let mut is_present = false;
        for (number, part) in rules.key_parts(rule).iter().enumerate() {
            if number > 0 {
                key.push(SEPARATOR);
            }
            is_present |= append(tree, names, (node, part), &mut key);
        }
        if !is_present {
            continue;
        }
        let start = tree.source.len() + tree.expanded_text.len();
        if start + key.len() >= 2 * MAX_SOURCE_BYTES {
            let at = tree.node(node).at();
            return Err(Fault::over_limit(
                at,
                "The keys of all elements together are too long.",
            ));
        }
        tree.expanded_text.push_str(&key);
        let (start, len) = (start as u32, key.len() as u32);
        tree.keys.insert(node, Span { start, len });
    }
    Ok(())
}

/// Appends a part of an element's key; returns whether the element has it.
fn append(tree: &Tree, names: &Names, (element, part): (u32, &KeyPart), key: &mut String) -> bool {
    let mut written = String::new();
    let mut node = element;
    for step in &part.steps {
        let is_it = |&child: &u32| {
            written.clear();
            if let Kind::Element(name) = tree.node(child).kind() {
                names.write(&mut written, name);
            }
            written == *step
        };
        match tree.children(node).find(is_it) {
            Some(child) => node = child,
            None => return false,
        }
    }
    written.clear();
    let Some(attribute) = &part.attribute else {
        let texts = tree
            .children(node)
            .filter(|&child| tree.node(child).is_text());
        texts.for_each(|text| written.push_str(tree.text(text)));
        hashes::collapse(&written, (true, true), key);
        return true;
    };
    let found = tree.attributes(node).iter().find(|one| {
        written.clear();
        names.write(&mut written, one.name);
        written == *attribute
    });
    if let Some(found) = found {
        hashes::collapse(tree.str(found.value), (true, true), key);
    }
    found.is_some()
}
