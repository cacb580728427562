//! Unifies namespace prefixes across documents: another prefix for the same namespace is no change of content.
//!
//! A document takes over the prefix of the first document that uses the namespace. The root element of the delta records
//! the original prefixes, and extraction restores them.

use hashbrown::{HashMap, HashSet};

use super::names::{Name, NameId, Names, Scope, StringId, XML_URI};
use super::tree::{Kind, Tree};
use super::vocabulary;

/// Documents with more namespace scopes than this keep their prefixes.
const MAX_SCOPES: usize = 4096;

/// A namespace, in names of elements or of attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Usage {
    pub(crate) uri: StringId,
    pub(crate) is_attribute: bool,
}

/// A prefix that a document had before prefixes were unified.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OriginalPrefix {
    /// The index of the document.
    pub(crate) document: usize,
    pub(crate) usage: Usage,
    pub(crate) prefix: StringId,
}

/// The prefix of each usage in a document; `None` if there are several.
type Prefixes = HashMap<Usage, Option<StringId>>;

/// Unifies prefixes and returns the original ones.
pub(crate) fn unify(trees: &mut [Tree], names: &mut Names) -> Vec<OriginalPrefix> {
    let prefixes: Vec<Prefixes> = trees.iter().map(|tree| prefixes_of(tree, names)).collect();
    let mut targets: HashMap<Usage, Option<StringId>> = HashMap::new();
    for (usage, prefix) in prefixes.iter().flatten() {
        targets.entry(*usage).or_insert(*prefix);
    }
    let mut originals = Vec::new();
    for ((document, tree), prefixes) in trees.iter_mut().enumerate().zip(&prefixes) {
        let mut renamed: Vec<OriginalPrefix> = Vec::new();
        let differing = prefixes.iter().filter_map(|(&usage, &prefix)| {
            let (prefix, target) = (prefix?, targets[&usage]?);
            (prefix != target).then_some((usage, prefix, target))
        });
        let mut differing: Vec<_> = differing.collect();
        if differing.is_empty() {
            continue;
        }
        differing.sort_unstable_by_key(|(usage, ..)| (usage.uri, usage.is_attribute));
        let Some(mut bound) = bindings_of(tree, names) else {
            continue;
        };
        let mut added = Vec::new();
        for (usage, prefix, target) in differing {
            let unbound = Usage {
                uri: StringId::EMPTY,
                is_attribute: false,
            };
            let is_hidden = target == StringId::EMPTY && prefixes.contains_key(&unbound);
            let uris = bound.entry(target).or_default();
            let is_free = uris.iter().all(|&uri| uri == usage.uri);
            if is_free && !is_hidden {
                uris.insert(usage.uri);
                added.push((target, usage.uri));
                renamed.push(OriginalPrefix {
                    document,
                    usage,
                    prefix,
                });
            }
        }
        let usages: HashSet<Usage> = renamed.iter().map(|one| one.usage).collect();
        let rename = |names: &mut Names, id: NameId, is_attribute: bool| {
            let name = names.get(id);
            let usage = Usage {
                uri: name.uri,
                is_attribute,
            };
            if usages.contains(&usage) {
                let prefix = targets[&usage].unwrap_or(name.prefix);
                names.intern_name(Name { prefix, ..name })
            } else {
                id
            }
        };
        for (kind, scope) in tree.shapes_mut() {
            *scope = names.scope(*scope, &added);
            if let Kind::Element(name) = kind {
                *name = rename(names, *name, false);
            }
        }
        for attribute in &mut tree.attributes {
            attribute.name = rename(names, attribute.name, true);
        }
        originals.append(&mut renamed);
    }
    originals
}

/// Collects the prefixes of a document.
fn prefixes_of(tree: &Tree, names: &Names) -> Prefixes {
    let elements: HashSet<NameId> = tree
        .kinds()
        .filter_map(|kind| match kind {
            Kind::Element(name) => Some(name),
            _ => None,
        })
        .collect();
    let attributes: HashSet<NameId> = tree.attributes.iter().map(|one| one.name).collect();
    let elements = elements.into_iter().map(|name| (name, false));
    let attributes = attributes.into_iter().map(|name| (name, true));
    let mut prefixes = Prefixes::new();
    for (name, is_attribute) in elements.chain(attributes) {
        let name = names.get(name);
        let uri = names.str(name.uri);
        let is_fixed = uri == XML_URI
            || vocabulary::is_vocabulary(uri)
            || uri.contains(char::is_whitespace)
            || (is_attribute && uri.is_empty());
        if is_fixed {
            continue;
        }
        let usage = Usage {
            uri: name.uri,
            is_attribute,
        };
        let known = prefixes.entry(usage).or_insert(Some(name.prefix));
        if *known != Some(name.prefix) {
            *known = None;
        }
    }
    prefixes
}

/// Collects all bindings in a document; `None` if it has too many scopes.
fn bindings_of(tree: &Tree, names: &Names) -> Option<HashMap<StringId, HashSet<StringId>>> {
    let scopes: HashSet<Scope> = tree.scopes().collect();
    if scopes.len() > MAX_SCOPES {
        return None;
    }
    let mut bound: HashMap<StringId, HashSet<StringId>> = HashMap::new();
    for (prefix, uri) in scopes.into_iter().flat_map(|scope| names.bindings(scope)) {
        if uri != StringId::EMPTY {
            bound.entry(prefix).or_default().insert(uri);
        }
    }
    Some(bound)
}

/// The notation of original prefixes: `B=svg=URI`, with `@` before prefixes of attributes, separated by spaces.
pub(crate) fn notation(originals: &[OriginalPrefix], versions: &[String], names: &Names) -> String {
    let written = originals.iter().map(|one| {
        let version = &versions[one.document];
        let sign = if one.usage.is_attribute { "@" } else { "" };
        let (prefix, uri) = (names.str(one.prefix), names.str(one.usage.uri));
        format!("{version}={sign}{prefix}={uri}")
    });
    written.collect::<Vec<_>>().join(" ")
}

/// Reads the original prefixes of a version.
pub(crate) fn parse(notation: &str, version: &str, names: &mut Names) -> HashMap<Usage, StringId> {
    let parts = notation.split(' ').filter_map(|one| {
        let (name, rest) = one.split_once('=')?;
        let (prefix, uri) = rest.split_once('=')?;
        (name == version).then_some((prefix, uri))
    });
    let mut prefixes = HashMap::new();
    for (prefix, uri) in parts {
        let usage = Usage {
            uri: names.intern(uri),
            is_attribute: prefix.starts_with('@'),
        };
        let prefix = names.intern(prefix.trim_start_matches('@'));
        prefixes.insert(usage, prefix);
    }
    prefixes
}
