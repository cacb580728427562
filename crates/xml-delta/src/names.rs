//! Interned strings, qualified names and namespace scopes, shared by all documents.

use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

/// The namespace of the prefix `xml` (Namespaces in XML 1.0, section 3).
pub(crate) const XML_URI: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of the prefix `xmlns`.
pub(crate) const XMLNS_URI: &str = "http://www.w3.org/2000/xmlns/";

/// The identifier of an interned string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct StringId(u32);

impl StringId {
    /// The empty string.
    pub(crate) const EMPTY: Self = Self(0);
}

/// The identifier of a qualified name, including prefix and namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NameId(pub(crate) u32);

/// A qualified name; prefix and namespace can be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub(crate) prefix: StringId,
    pub(crate) local: StringId,
    pub(crate) uri: StringId,
}

/// A namespace scope: the identifier of a chain of declarations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Scope(pub(crate) u32);

impl Scope {
    /// The scope without declarations.
    pub(crate) const NONE: Self = Self(0);
}

/// A prefix and its namespace.
pub(crate) type Binding = (StringId, StringId);

#[derive(Debug)]
struct ScopeLink {
    parent: Scope,
    declared: Box<[Binding]>,
    /// The number of declarations in the chain, including hidden ones.
    total: usize,
}

/// Interned strings, stored contiguously.
#[derive(Debug, Default)]
struct StringTable {
    all: String,
    /// The end of each string.
    ends: Vec<u32>,
    ids: HashTable<StringId>,
    hasher: DefaultHashBuilder,
}

impl StringTable {
    fn number(&mut self, text: &str) -> StringId {
        let Self {
            all,
            ends,
            ids,
            hasher,
        } = self;
        let is_it = |id: &StringId| piece(all, ends, *id) == text;
        let hash = |id: &StringId| hasher.hash_one(piece(all, ends, *id));
        match ids.entry(hasher.hash_one(text), is_it, hash) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                let id = StringId(ends.len() as u32);
                place.insert(id);
                all.push_str(text);
                ends.push(all.len() as u32);
                id
            }
        }
    }

    fn get(&self, text: StringId) -> &str {
        piece(&self.all, &self.ends, text)
    }
}

fn piece<'t>(all: &'t str, ends: &[u32], text: StringId) -> &'t str {
    let number = text.0 as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before]);
    &all[start as usize..ends[number] as usize]
}

/// All names and scopes.
#[derive(Debug)]
pub(crate) struct Names {
    texts: StringTable,
    full: Vec<Name>,
    name_ids: HashMap<Name, NameId>,
    links: Vec<ScopeLink>,
    link_ids: HashMap<(Scope, Box<[Binding]>), Scope>,
    /// Cached declarations that lead from one scope to another.
    steps: HashMap<(Scope, Scope), ScopeStep>,
    steps_beside: HashMap<(Scope, Scope), ScopeStep>,
}

/// Declarations that lead from one scope to another, and the resulting scope.
#[derive(Debug, Clone)]
pub(crate) struct ScopeStep {
    pub(crate) declared: std::rc::Rc<[Binding]>,
    pub(crate) scope: Scope,
}

impl Names {
    pub(crate) fn new() -> Self {
        let mut names = Self {
            texts: StringTable::default(),
            full: Vec::new(),
            name_ids: HashMap::new(),
            links: vec![ScopeLink {
                parent: Scope::NONE,
                declared: Box::default(),
                total: 0,
            }],
            link_ids: HashMap::new(),
            steps: HashMap::new(),
            steps_beside: HashMap::new(),
        };
        names.intern("");
        names
    }

    /// Interns a string.
    pub(crate) fn intern(&mut self, text: &str) -> StringId {
        self.texts.number(text)
    }

    /// The string of an identifier.
    pub(crate) fn str(&self, text: StringId) -> &str {
        self.texts.get(text)
    }

    /// Interns a name.
    pub(crate) fn intern_name(&mut self, name: Name) -> NameId {
        *self.name_ids.entry(name).or_insert_with(|| {
            self.full.push(name);
            NameId(self.full.len() as u32 - 1)
        })
    }

    /// The name of an identifier.
    pub(crate) fn get(&self, id: NameId) -> Name {
        self.full[id.0 as usize]
    }

    /// All names.
    pub(crate) fn all(&self) -> impl Iterator<Item = (NameId, Name)> {
        let numbered = self.full.iter().zip(0..);
        numbered.map(|(name, number)| (NameId(number), *name))
    }

    /// Appends `prefix:local`.
    pub(crate) fn write(&self, out: &mut String, id: NameId) {
        let name = self.get(id);
        self.write_parts(out, name.prefix, name.local);
    }

    fn write_parts(&self, out: &mut String, prefix: StringId, local: StringId) {
        if prefix != StringId::EMPTY {
            out.push_str(self.str(prefix));
            out.push(':');
        }
        out.push_str(self.str(local));
    }

    /// The expanded name in Clark notation: `{namespace}local`.
    pub(crate) fn expanded(&self, id: NameId) -> String {
        let name = self.get(id);
        if name.uri == StringId::EMPTY {
            self.str(name.local).to_owned()
        } else {
            format!("{{{}}}{}", self.str(name.uri), self.str(name.local))
        }
    }

    /// The scope of an element with these declarations; redundant ones are left out.
    pub(crate) fn scope(&mut self, parent: Scope, declared: &[Binding]) -> Scope {
        let news = declared
            .iter()
            .filter(|(prefix, uri)| self.lookup(parent, *prefix) != *uri);
        let news: Box<[Binding]> = news.copied().collect();
        if news.is_empty() {
            return parent;
        }
        let total = self.links[parent.0 as usize].total + news.len();
        let next = Scope(self.links.len() as u32);
        let scope = *self.link_ids.entry((parent, news.clone())).or_insert(next);
        if scope == next {
            self.links.push(ScopeLink {
                parent,
                declared: news,
                total,
            });
        }
        scope
    }

    /// The namespace of a prefix; empty if it is not declared.
    pub(crate) fn lookup(&self, scope: Scope, prefix: StringId) -> StringId {
        let mut scope = scope;
        while scope != Scope::NONE {
            let link = &self.links[scope.0 as usize];
            if let Some((_, uri)) = link.declared.iter().find(|(one, _)| *one == prefix) {
                return *uri;
            }
            scope = link.parent;
        }
        StringId::EMPTY
    }

    /// The number of declarations in a scope.
    pub(crate) fn declarations(&self, scope: Scope) -> usize {
        self.links[scope.0 as usize].total
    }

    /// The prefixes that are bound in a scope, with their namespaces.
    pub(crate) fn bindings(&self, scope: Scope) -> Vec<Binding> {
        let mut all = Vec::new();
        let mut seen = hashbrown::HashSet::new();
        let mut scope = scope;
        while scope != Scope::NONE {
            let link = &self.links[scope.0 as usize];
            all.extend(
                link.declared
                    .iter()
                    .filter(|(prefix, _)| seen.insert(*prefix)),
            );
            scope = link.parent;
        }
        all.sort_unstable();
        all
    }

    /// The declarations that an element of scope `to` needs inside scope `from`.
    pub(crate) fn step(&mut self, from: Scope, to: Scope) -> ScopeStep {
        if let Some(step) = self.steps.get(&(from, to)) {
            return step.clone();
        }
        let mut declared = self.bindings(to);
        declared.retain(|(prefix, uri)| self.lookup(from, *prefix) != *uri);
        let hides = self.lookup(from, StringId::EMPTY) != StringId::EMPTY
            && self.lookup(to, StringId::EMPTY) == StringId::EMPTY;
        if hides
            && !declared
                .iter()
                .any(|(prefix, _)| *prefix == StringId::EMPTY)
        {
            declared.insert(0, (StringId::EMPTY, StringId::EMPTY));
        }
        let step = self.step_of(from, &declared);
        self.steps.insert((from, to), step.clone());
        step
    }

    /// The declarations that add the bindings of `to` to `from`, where `from` does not bind the prefix.
    pub(crate) fn step_beside(&mut self, from: Scope, to: Scope) -> ScopeStep {
        if let Some(step) = self.steps_beside.get(&(from, to)) {
            return step.clone();
        }
        let mut declared = self.bindings(to);
        declared.retain(|(prefix, _)| {
            *prefix != StringId::EMPTY && self.lookup(from, *prefix) == StringId::EMPTY
        });
        let step = self.step_of(from, &declared);
        self.steps_beside.insert((from, to), step.clone());
        step
    }

    fn step_of(&mut self, from: Scope, declared: &[Binding]) -> ScopeStep {
        ScopeStep {
            declared: declared.into(),
            scope: self.scope(from, declared),
        }
    }

    /// Whether two scopes bind a prefix differently.
    pub(crate) fn binds_differently(&self, prefix: StringId, one: Scope, other: Scope) -> bool {
        self.lookup(one, prefix) != self.lookup(other, prefix)
    }

    /// Whether any document has a binding for which `is_meant` holds.
    pub(crate) fn has_binding(&self, is_meant: impl Fn(&str, &str) -> bool) -> bool {
        let mut all = self.links.iter().flat_map(|link| link.declared.iter());
        all.any(|(prefix, uri)| is_meant(self.str(*prefix), self.str(*uri)))
    }
}
