//! Names and namespaces, interned for all documents at hand, so that equal ones have equal numbers.

use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

/// The namespace of the prefix `xml` (Namespaces in XML 1.0, section 3).
pub(crate) const XML_URI: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of the prefix `xmlns`.
pub(crate) const XMLNS_URI: &str = "http://www.w3.org/2000/xmlns/";

/// A string's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Text(u32);

impl Text {
    /// The empty string's.
    pub(crate) const EMPTY: Self = Self(0);
}

/// A qualified name's number: equal for equal prefix, local name and namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NameId(pub(crate) u32);

/// A qualified name; an empty prefix or namespace is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub(crate) prefix: Text,
    pub(crate) local: Text,
    pub(crate) uri: Text,
}

/// The bindings of prefixes in scope somewhere: a number in a chain of declarations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Scope(pub(crate) u32);

impl Scope {
    /// Where nothing is declared.
    pub(crate) const NONE: Self = Self(0);
}

/// A prefix and what it stands for.
pub(crate) type Binding = (Text, Text);

#[derive(Debug)]
struct Link {
    parent: Scope,
    declared: Box<[Binding]>,
    /// How many there are up to the root, hidden ones too.
    total: usize,
}

/// Strings one after the other, each once.
#[derive(Debug, Default)]
struct Texts {
    all: String,
    /// Where each ends.
    ends: Vec<u32>,
    ids: HashTable<Text>,
    hasher: DefaultHashBuilder,
}

impl Texts {
    fn number(&mut self, text: &str) -> Text {
        let Self {
            all,
            ends,
            ids,
            hasher,
        } = self;
        let is_it = |id: &Text| piece(all, ends, *id) == text;
        let hash = |id: &Text| hasher.hash_one(piece(all, ends, *id));
        match ids.entry(hasher.hash_one(text), is_it, hash) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                let id = Text(ends.len() as u32);
                place.insert(id);
                all.push_str(text);
                ends.push(all.len() as u32);
                id
            }
        }
    }

    fn get(&self, text: Text) -> &str {
        piece(&self.all, &self.ends, text)
    }
}

fn piece<'t>(all: &'t str, ends: &[u32], text: Text) -> &'t str {
    let number = text.0 as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before]);
    &all[start as usize..ends[number] as usize]
}

/// Every name and scope met so far.
#[derive(Debug)]
pub(crate) struct Names {
    texts: Texts,
    full: Vec<Name>,
    name_ids: HashMap<Name, NameId>,
    links: Vec<Link>,
    link_ids: HashMap<(Scope, Box<[Binding]>), Scope>,
    /// The declarations that lead from one scope to another.
    steps: HashMap<(Scope, Scope), Step>,
    steps_beside: HashMap<(Scope, Scope), Step>,
}

/// What to declare on the way from one scope to another, and where one is then.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) declared: std::rc::Rc<[Binding]>,
    pub(crate) scope: Scope,
}

impl Names {
    pub(crate) fn new() -> Self {
        let mut names = Self {
            texts: Texts::default(),
            full: Vec::new(),
            name_ids: HashMap::new(),
            links: vec![Link {
                parent: Scope::NONE,
                declared: Box::default(),
                total: 0,
            }],
            link_ids: HashMap::new(),
            steps: HashMap::new(),
            steps_beside: HashMap::new(),
        };
        names.text("");
        names
    }

    /// The number of a string.
    pub(crate) fn text(&mut self, text: &str) -> Text {
        self.texts.number(text)
    }

    /// The string with a number.
    pub(crate) fn str(&self, text: Text) -> &str {
        self.texts.get(text)
    }

    /// The number of a name.
    pub(crate) fn name(&mut self, name: Name) -> NameId {
        *self.name_ids.entry(name).or_insert_with(|| {
            self.full.push(name);
            NameId(self.full.len() as u32 - 1)
        })
    }

    /// The name with a number.
    pub(crate) fn get(&self, id: NameId) -> Name {
        self.full[id.0 as usize]
    }

    /// Writes `prefix:local`.
    pub(crate) fn write(&self, out: &mut String, id: NameId) {
        let name = self.get(id);
        self.write_parts(out, name.prefix, name.local);
    }

    fn write_parts(&self, out: &mut String, prefix: Text, local: Text) {
        if prefix != Text::EMPTY {
            out.push_str(self.str(prefix));
            out.push(':');
        }
        out.push_str(self.str(local));
    }

    /// The name as people write expanded ones: `{namespace}local`.
    pub(crate) fn expanded(&self, id: NameId) -> String {
        let name = self.get(id);
        if name.uri == Text::EMPTY {
            self.str(name.local).to_owned()
        } else {
            format!("{{{}}}{}", self.str(name.uri), self.str(name.local))
        }
    }

    /// The scope inside an element that declares these; what changes nothing is left out.
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
            self.links.push(Link {
                parent,
                declared: news,
                total,
            });
        }
        scope
    }

    /// What a prefix stands for; empty for nothing.
    pub(crate) fn lookup(&self, scope: Scope, prefix: Text) -> Text {
        let mut scope = scope;
        while scope != Scope::NONE {
            let link = &self.links[scope.0 as usize];
            if let Some((_, uri)) = link.declared.iter().find(|(one, _)| *one == prefix) {
                return *uri;
            }
            scope = link.parent;
        }
        Text::EMPTY
    }

    /// How many declarations lead to a scope.
    pub(crate) fn declarations(&self, scope: Scope) -> usize {
        self.links[scope.0 as usize].total
    }

    /// Every prefix that is bound in a scope, once, with what it stands for there.
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

    /// What an element must declare whose surroundings are `from` and whose own scope was `to`.
    pub(crate) fn step(&mut self, from: Scope, to: Scope) -> Step {
        if let Some(step) = self.steps.get(&(from, to)) {
            return step.clone();
        }
        let mut declared = self.bindings(to);
        declared.retain(|(prefix, uri)| self.lookup(from, *prefix) != *uri);
        let hides = self.lookup(from, Text::EMPTY) != Text::EMPTY
            && self.lookup(to, Text::EMPTY) == Text::EMPTY;
        if hides && !declared.iter().any(|(prefix, _)| *prefix == Text::EMPTY) {
            declared.insert(0, (Text::EMPTY, Text::EMPTY));
        }
        let step = self.step_of(from, &declared);
        self.steps.insert((from, to), step.clone());
        step
    }

    /// What more to declare so that the bindings of `to` hold, too, where `from` has none for the prefix.
    pub(crate) fn step_beside(&mut self, from: Scope, to: Scope) -> Step {
        if let Some(step) = self.steps_beside.get(&(from, to)) {
            return step.clone();
        }
        let mut declared = self.bindings(to);
        declared.retain(|(prefix, _)| {
            *prefix != Text::EMPTY && self.lookup(from, *prefix) == Text::EMPTY
        });
        let step = self.step_of(from, &declared);
        self.steps_beside.insert((from, to), step.clone());
        step
    }

    fn step_of(&mut self, from: Scope, declared: &[Binding]) -> Step {
        Step {
            declared: declared.into(),
            scope: self.scope(from, declared),
        }
    }

    /// Whether a prefix is bound to something else in one scope than in another, where both bind it.
    pub(crate) fn differs(&self, prefix: Text, one: Scope, other: Scope) -> bool {
        self.lookup(one, prefix) != self.lookup(other, prefix)
    }

    /// Whether any document declares a prefix and a namespace of which this holds.
    pub(crate) fn binds(&self, is_meant: impl Fn(&str, &str) -> bool) -> bool {
        let mut all = self.links.iter().flat_map(|link| link.declared.iter());
        all.any(|(prefix, uri)| is_meant(self.str(*prefix), self.str(*uri)))
    }
}
