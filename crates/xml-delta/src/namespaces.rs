//! Matches names although their namespaces differ, and root elements although their names differ.
//!
//! A document takes over names of the first document. The root element of the delta records the original ones, and
//! extraction restores them.

use hashbrown::{HashMap, HashSet};

use super::names::{Binding, Name, NameId, Names, Scope, StringId, XML_URI};
use super::prefixes::{OriginalPrefix, Usage};
use super::tree::{Kind, Tree};
use super::vocabulary;

/// Separates a namespace or a name from its original; URIs do not contain it.
const SEPARATOR: char = '>';

/// Original namespaces and prefixes.
pub(crate) struct Unified {
    /// The namespaces: `B=urn:first>urn:own`, separated by spaces.
    pub(crate) notation: Option<String>,
    /// The prefixes of names that are in no namespace now.
    pub(crate) prefixes: Vec<OriginalPrefix>,
}

/// Gives the namespaces of the first document to the others.
pub(crate) fn unify(trees: &mut [Tree], versions: &[String], names: &mut Names) -> Unified {
    let firsts = locals_of(&trees[0], names);
    let mut notation = Vec::new();
    let mut prefixes = Vec::new();
    for (document, (tree, version)) in trees.iter_mut().zip(versions).enumerate().skip(1) {
        let owns = locals_of(tree, names);
        let mut renamed: HashMap<StringId, StringId> = HashMap::new();
        for (own, first) in pairs(&owns, &firsts, (root_uri(tree, names), names)) {
            if first == StringId::EMPTY {
                let Some(prefix) = only_prefix(tree, own, names) else {
                    continue;
                };
                prefixes.push(OriginalPrefix {
                    document,
                    usage: Usage {
                        uri: first,
                        is_attribute: false,
                    },
                    prefix,
                });
            }
            let (first_uri, own_uri) = (names.str(first), names.str(own));
            notation.push(format!("{version}={first_uri}{SEPARATOR}{own_uri}"));
            renamed.insert(own, first);
        }
        if !renamed.is_empty() {
            rename(tree, names, &renamed);
        }
    }
    Unified {
        notation: (!notation.is_empty()).then(|| notation.join(" ")),
        prefixes,
    }
}

/// The prefix of the elements in a namespace; `None` if there are several.
fn only_prefix(tree: &Tree, uri: StringId, names: &Names) -> Option<StringId> {
    let elements = tree.kinds().filter_map(|kind| match kind {
        Kind::Element(name) => Some(names.get(name)),
        _ => None,
    });
    let mut prefixes = elements
        .filter(|name| name.uri == uri)
        .map(|name| name.prefix);
    let first = prefixes.next()?;
    prefixes.all(|one| one == first).then_some(first)
}

/// Gives the name of the first document's root element to the others. Returns the notation of the original names:
/// `B=prefix:local>namespace`, separated by spaces.
pub(crate) fn unify_roots(
    trees: &mut [Tree],
    versions: &[String],
    names: &mut Names,
) -> Option<String> {
    let first = root_name(&trees[0])?;
    let expected = names.expanded(first);
    let mut notation = Vec::new();
    for (tree, version) in trees.iter_mut().zip(versions).skip(1) {
        let Some(own) = root_name(tree).filter(|&own| names.expanded(own) != expected) else {
            continue;
        };
        let uri = names.str(names.get(own).uri);
        if !is_writable(uri) {
            continue;
        }
        let mut written = String::new();
        names.write(&mut written, own);
        notation.push(format!("{version}={written}{SEPARATOR}{uri}"));
        tree.rename_root(first);
    }
    (!notation.is_empty()).then(|| notation.join(" "))
}

/// The namespaces of a delta by those of a version.
pub(crate) fn parse(
    notation: &str,
    version: &str,
    names: &mut Names,
) -> HashMap<StringId, StringId> {
    let mut own = HashMap::new();
    for (first, original) in entries(notation, version) {
        own.insert(names.intern(first), names.intern(original));
    }
    own
}

/// The name of a version's root element, given the version's namespaces.
pub(crate) fn parse_root(
    notation: &str,
    version: &str,
    namespaces: &HashMap<StringId, StringId>,
    names: &mut Names,
) -> Option<NameId> {
    let (written, uri) = entries(notation, version).next()?;
    let uri = names.intern(uri);
    let (prefix, local) = written.split_once(':').unwrap_or(("", written));
    let name = Name {
        prefix: names.intern(prefix),
        local: names.intern(local),
        uri: namespaces.get(&uri).copied().unwrap_or(uri),
    };
    Some(names.intern_name(name))
}

fn entries<'n>(notation: &'n str, version: &str) -> impl Iterator<Item = (&'n str, &'n str)> {
    notation.split(' ').filter_map(move |one| {
        let rest = one.strip_prefix(version)?.strip_prefix('=')?;
        rest.split_once(SEPARATOR)
    })
}

/// The local names in each namespace of a document.
type Locals = HashMap<StringId, HashSet<(StringId, bool)>>;

fn locals_of(tree: &Tree, names: &Names) -> Locals {
    let mut locals = Locals::new();
    let mut add = |id: NameId, is_attribute: bool| {
        let name = names.get(id);
        let uri = names.str(name.uri);
        let is_fixed = uri == XML_URI
            || vocabulary::is_vocabulary(uri)
            || (is_attribute && uri.is_empty())
            || !is_writable(uri);
        if !is_fixed {
            locals
                .entry(name.uri)
                .or_default()
                .insert((name.local, is_attribute));
        }
    };
    for kind in tree.kinds() {
        if let Kind::Element(name) = kind {
            add(name, false);
        }
    }
    tree.attributes.iter().for_each(|one| add(one.name, true));
    locals
}

/// Whether the notation can express a namespace.
fn is_writable(uri: &str) -> bool {
    !uri.contains(|c: char| c.is_whitespace() || c == SEPARATOR)
}

/// Pairs namespaces that only one of two documents has: most common names first; the namespace of the root element may
/// have none in common with a partner that has none either.
fn pairs(
    owns: &Locals,
    firsts: &Locals,
    (root, names): (Option<StringId>, &Names),
) -> Vec<(StringId, StringId)> {
    let mut candidates = Vec::new();
    for (&own, locals) in owns.iter().filter(|(uri, _)| !firsts.contains_key(*uri)) {
        for (&first, others) in firsts.iter().filter(|(uri, _)| !owns.contains_key(*uri)) {
            // Attributes cannot be in no namespace if they were in one.
            let is_empty = own == StringId::EMPTY || first == StringId::EMPTY;
            let has_attributes = locals
                .iter()
                .chain(others)
                .any(|(_, is_attribute)| *is_attribute);
            let common = locals.intersection(others).count();
            if common > 0 && !(is_empty && has_attributes) {
                let is_root = root == Some(own);
                let key = (names.str(own), names.str(first));
                candidates.push((is_root, common, std::cmp::Reverse(key), own, first));
            }
        }
    }
    candidates.sort_unstable_by(|one, other| other.cmp(one));
    let mut taken = HashSet::new();
    let mut pairs = Vec::new();
    for (.., own, first) in candidates {
        if !taken.contains(&(own, true)) && !taken.contains(&(first, false)) {
            taken.insert((own, true));
            taken.insert((first, false));
            pairs.push((own, first));
        }
    }
    pairs
}

/// Renames namespaces in names and declarations.
fn rename(tree: &mut Tree, names: &mut Names, renamed: &HashMap<StringId, StringId>) {
    let new_name = |names: &mut Names, id: NameId| {
        let name = names.get(id);
        let Some(&uri) = renamed.get(&name.uri) else {
            return id;
        };
        let prefix = if uri == StringId::EMPTY {
            StringId::EMPTY
        } else {
            name.prefix
        };
        names.intern_name(Name {
            prefix,
            uri,
            ..name
        })
    };
    let mut scopes: HashMap<Scope, Scope> = HashMap::new();
    for (kind, scope) in tree.shapes_mut() {
        *scope = *scopes.entry(*scope).or_insert_with_key(|&scope| {
            let bindings = names.bindings(scope);
            let new = |(prefix, uri): Binding| {
                let own = renamed.get(&uri).copied().unwrap_or(uri);
                let is_bound = own != StringId::EMPTY;
                is_bound.then_some((prefix, own))
            };
            let bindings: Vec<Binding> = bindings.into_iter().filter_map(new).collect();
            names.scope(Scope::NONE, &bindings)
        });
        if let Kind::Element(name) = kind {
            *name = new_name(names, *name);
        }
    }
    for attribute in &mut tree.attributes {
        if names.get(attribute.name).uri != StringId::EMPTY {
            attribute.name = new_name(names, attribute.name);
        }
    }
    // Elements that came out of no namespace need a declaration of their new one without prefix.
    if let Some(&uri) = renamed.get(&StringId::EMPTY) {
        for (_, scope) in tree.shapes_mut() {
            if names.lookup(*scope, StringId::EMPTY) == StringId::EMPTY {
                *scope = names.scope(*scope, &[(StringId::EMPTY, uri)]);
            }
        }
    }
}

fn root_name(tree: &Tree) -> Option<NameId> {
    match tree.node(0).kind() {
        Kind::Element(name) => Some(name),
        _ => None,
    }
}

fn root_uri(tree: &Tree, names: &Names) -> Option<StringId> {
    root_name(tree).map(|name| names.get(name).uri)
}
