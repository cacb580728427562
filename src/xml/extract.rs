//! A version taken out of a delta again.

use hashbrown::HashMap;

use super::error::{Code, Error};
use super::names::{Name, NameId, Names, Scope, Text, XML_URI};
use super::paths::Rules;
use super::read::{self, Reading};
use super::tree::{Kind, Tree};
use super::vocabulary::{self, QUOTED};
use super::write::Writer;
use super::{Limits, Progress, Step, Watcher, Whitespace};

/// Nodes between two looks at the watcher.
const TICK: u32 = 4096;

/// Takes a version out of a delta.
pub(super) fn extract(
    delta: Vec<u8>,
    version: &str,
    limits: &Limits,
    watcher: &dyn Watcher,
) -> Result<String, Error> {
    let mut names = Names::new();
    let reading = Reading {
        input: 0,
        limits,
        watcher,
        quote: false,
        rules: &Rules::default(),
    };
    let tree = read::read(delta, &mut names, &reading)?;
    let words = Words::find(&tree, &mut names)?;
    let mut extractor = Extractor {
        tree: &tree,
        words,
        version,
        out: Writer::new(names, Whitespace::Exact),
        scopes: HashMap::new(),
        watcher,
    };
    extractor.check()?;
    extractor.run()?;
    Ok(extractor.out.text)
}

/// The names of the vocabulary in a delta.
pub(super) struct Words {
    /// The namespace of its marks.
    pub(super) uri: Text,
    delta_v2: Text,
    position: Text,
    pub(super) attributes: Text,
    text_group: Text,
    content_group: Text,
    pub(super) plain: Text,
    pub(super) xml: Text,
}

impl Words {
    pub(super) fn find(tree: &Tree, names: &mut Names) -> Result<Self, Error> {
        let marked = tree.attributes(0).iter().find_map(|attribute| {
            let name = names.get(attribute.name);
            let is_mark =
                names.str(name.local) == "deltaV2" && vocabulary::is_delta(names.str(name.uri));
            is_mark.then_some(name.uri)
        });
        let Some(uri) = marked else {
            let message =
                "The root element has no deltaxml:deltaV2, so this is no delta of whole versions.";
            return Err(Error::new(Code::NotADelta, message)
                .of_input(0)
                .at(&tree.source, tree.node(0).at()));
        };
        Ok(Self {
            uri,
            delta_v2: names.text("deltaV2"),
            position: names.text("original-position"),
            attributes: names.text("attributes"),
            text_group: names.text("textGroup"),
            content_group: names.text("contentGroup"),
            plain: names.text(vocabulary::PLAIN),
            xml: names.text(vocabulary::XML),
        })
    }

    /// The value of an attribute of the marks' own.
    fn marked<'t>(&self, tree: &'t Tree, names: &Names, node: u32, local: Text) -> Option<&'t str> {
        let found = tree.attributes(node).iter().find(|attribute| {
            let name = names.get(attribute.name);
            name.uri == self.uri && name.local == local
        });
        found.map(|attribute| tree.str(attribute.value))
    }

    /// Who has a node, as it says itself.
    pub(super) fn mark<'t>(&self, tree: &'t Tree, names: &Names, node: u32) -> Option<&'t str> {
        self.marked(tree, names, node, self.delta_v2)
    }

    /// The local name of an element of the marks' own.
    pub(super) fn of(&self, tree: &Tree, names: &Names, node: u32) -> Option<Text> {
        let Kind::Element(name) = tree.node(node).kind() else {
            return None;
        };
        let name = names.get(name);
        (name.uri == self.uri).then_some(name.local)
    }
}

struct Extractor<'t> {
    tree: &'t Tree,
    words: Words,
    version: &'t str,
    out: Writer,
    /// What scopes of the delta are in the version.
    scopes: HashMap<Scope, Scope>,
    watcher: &'t dyn Watcher,
}

/// What is left to do.
enum Task {
    /// A node and what is in it.
    Node(u32),
    /// The end of an element.
    Close(String, Scope),
}

impl Extractor<'_> {
    /// Refuses a delta without the version, or without all of it.
    fn check(&self) -> Result<(), Error> {
        let fail = |code, message: String| {
            Err(Error::new(code, message)
                .of_input(0)
                .at(&self.tree.source, self.tree.node(0).at()))
        };
        let mark = self.mark(0).unwrap_or_default();
        if !names_in(mark).any(|name| name == self.version) {
            let known: Vec<&str> = names_in(mark).collect();
            let message = format!(
                "There is no version {:?}; the delta has {}.",
                self.version,
                known.join(", ")
            );
            return fail(Code::UnknownVersion, message);
        }
        let content = self.delta_attribute(0, "content-type");
        if content.is_some_and(|content| content.contains("changes-only")) {
            return fail(
                Code::NotADelta,
                "The delta has only what changed, so no version can be taken out of it.".into(),
            );
        }
        Ok(())
    }

    fn delta_attribute(&self, node: u32, local: &str) -> Option<&str> {
        let found = self.tree.attributes(node).iter().find(|attribute| {
            let name = self.out.names.get(attribute.name);
            name.uri == self.words.uri && self.out.names.str(name.local) == local
        });
        found.map(|attribute| self.tree.str(attribute.value))
    }

    fn marked(&self, node: u32, local: Text) -> Option<&str> {
        self.words.marked(self.tree, &self.out.names, node, local)
    }

    fn mark(&self, node: u32) -> Option<&str> {
        self.marked(node, self.words.delta_v2)
    }

    /// Whether the version has a node.
    fn has(&self, node: u32) -> bool {
        self.mark(node)
            .is_none_or(|mark| names_in(mark).any(|name| name == self.version))
    }

    fn word(&self, node: u32) -> Option<Text> {
        self.words.of(self.tree, &self.out.names, node)
    }

    fn run(&mut self) -> Result<(), Error> {
        self.out.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        for aside in &self.tree.before {
            self.out.aside(aside);
            self.out.raw("\n");
        }
        let mut tasks = vec![Task::Node(0)];
        let mut count = 0_u32;
        while let Some(task) = tasks.pop() {
            count += 1;
            if count.is_multiple_of(TICK) {
                self.tick(&task)?;
            }
            match task {
                Task::Close(name, outer) => {
                    self.out.raw(&format!("</{name}>"));
                    self.out.scope = outer;
                }
                Task::Node(node) => self.node(node, &mut tasks)?,
            }
        }
        for aside in &self.tree.after {
            self.out.raw("\n");
            self.out.aside(aside);
        }
        self.out.raw("\n");
        Ok(())
    }

    fn tick(&self, task: &Task) -> Result<(), Error> {
        let Task::Node(node) = task else {
            return Ok(());
        };
        let progress = Progress {
            step: Step::Comparing,
            done: self.tree.node(*node).at() as u64,
            total: self.tree.source.len() as u64,
        };
        if self.watcher.goes_on(progress) {
            Ok(())
        } else {
            Err(Error::stopped())
        }
    }

    fn node(&mut self, node: u32, tasks: &mut Vec<Task>) -> Result<(), Error> {
        let Kind::Element(name) = self.tree.node(node).kind() else {
            self.out.node(self.tree, node);
            return Ok(());
        };
        match self.word(node) {
            Some(word) if word == self.words.attributes => {}
            Some(word) if word == self.words.text_group || word == self.words.content_group => {
                self.choose(node, tasks)?;
            }
            Some(_) => return Err(self.broken(node, "it is not known")),
            None if self.has(node) => self.element(node, name, tasks)?,
            None => {}
        }
        Ok(())
    }

    /// Takes the version's one of several alternatives.
    fn choose(&self, group: u32, tasks: &mut Vec<Task>) -> Result<(), Error> {
        if !self.has(group) {
            return Ok(());
        }
        let own = |&one: &u32| self.word(one).is_some() && self.has(one);
        let chosen = self.tree.children(group).find(own);
        let chosen = chosen
            .ok_or_else(|| self.broken(group, "none of its alternatives is the version's"))?;
        self.push_children(chosen, tasks);
        Ok(())
    }

    fn broken(&self, node: u32, why: &str) -> Error {
        let name = match self.tree.node(node).kind() {
            Kind::Element(name) => self.out.names.expanded(name),
            _ => String::new(),
        };
        let error = Error::new(
            Code::NotADelta,
            format!("The mark {name} cannot be followed: {why}."),
        );
        error
            .of_input(0)
            .at(&self.tree.source, self.tree.node(node).at())
    }

    fn push_children(&self, node: u32, tasks: &mut Vec<Task>) {
        let first = tasks.len();
        tasks.extend(self.tree.children(node).map(Task::Node));
        tasks[first..].reverse();
    }

    fn element(&mut self, node: u32, name: NameId, tasks: &mut Vec<Task>) -> Result<(), Error> {
        let outer = self.out.scope;
        let scope = self.scope(self.tree.node(node).scope);
        let written = self.name(node, name);
        self.out.raw("<");
        self.out.raw(&written);
        self.out.enter(scope);
        if node == 0 {
            self.root_prefix(&written);
        }
        for attribute in self.tree.attributes(node) {
            let full = self.out.names.get(attribute.name);
            if full.uri != self.words.uri {
                self.out
                    .attribute(attribute.name, self.tree.str(attribute.value));
            }
        }
        let changed = self
            .tree
            .children(node)
            .find(|&child| self.word(child) == Some(self.words.attributes));
        for element in changed
            .into_iter()
            .flat_map(|container| self.tree.children(container))
        {
            self.changed_attribute(element)?;
        }
        if self.tree.node(node).end == node + 1 {
            self.out.raw("/>");
            self.out.scope = outer;
            return Ok(());
        }
        self.out.raw(">");
        tasks.push(Task::Close(written, outer));
        let first = tasks.len();
        self.push_children(node, tasks);
        self.reorder(&mut tasks[first..]);
        Ok(())
    }

    /// What a version calls an element: only its root may be called otherwise than in the delta.
    fn name(&self, node: u32, name: NameId) -> String {
        let mut written = String::new();
        self.out.names.write(&mut written, name);
        let prefixes = if node == 0 {
            self.delta_attribute(0, "root-prefix")
        } else {
            None
        };
        let own = prefixes
            .into_iter()
            .flat_map(|all| all.split(", "))
            .find_map(|pair| {
                let (version, prefix) = pair.rsplit_once('=')?;
                (version == self.version).then_some(prefix)
            });
        match own {
            None => written,
            Some("") => self
                .out
                .names
                .str(self.out.names.get(name).local)
                .to_owned(),
            Some(prefix) => format!(
                "{prefix}:{}",
                self.out.names.str(self.out.names.get(name).local)
            ),
        }
    }

    /// Declares the root's own prefix, if nothing else does.
    fn root_prefix(&mut self, written: &str) {
        let Kind::Element(name) = self.tree.node(0).kind() else {
            return;
        };
        let uri = self.out.names.get(name).uri;
        let prefix = written.split_once(':').map_or("", |(prefix, _)| prefix);
        let prefix = self.out.names.text(prefix);
        if self.out.names.lookup(self.out.scope, prefix) != uri {
            self.out.bind(prefix, uri);
        }
    }

    fn changed_attribute(&mut self, element: u32) -> Result<(), Error> {
        let Kind::Element(name) = self.tree.node(element).kind() else {
            return Ok(());
        };
        if !self.has(element) {
            return Ok(());
        }
        let value = self
            .tree
            .children(element)
            .find(|&value| self.word(value).is_some() && self.has(value));
        let value =
            value.ok_or_else(|| self.broken(element, "none of its values is the version's"))?;
        let text: String = self
            .tree
            .children(value)
            .map(|text| self.tree.text(text))
            .collect();
        let full = self.out.names.get(name);
        let name = if full.uri == self.words.plain {
            Name {
                prefix: Text::EMPTY,
                uri: Text::EMPTY,
                ..full
            }
        } else if full.uri == self.words.xml {
            let (prefix, uri) = (self.out.names.text("xml"), self.out.names.text(XML_URI));
            Name {
                prefix,
                uri,
                ..full
            }
        } else {
            // Its prefix may be declared for it alone.
            let uri = self.own_uri(full.uri).unwrap_or(full.uri);
            if self.out.names.lookup(self.out.scope, full.prefix) != uri {
                self.out.bind(full.prefix, uri);
            }
            full
        };
        let name = self.out.names.name(name);
        self.out.attribute(name, &text);
        Ok(())
    }

    /// Puts the version's elements where they were, if the delta says where that is; tasks are last to first.
    fn reorder(&self, tasks: &mut [Task]) {
        let position = |task: &Task| -> Option<usize> {
            let Task::Node(node) = task else { return None };
            if !self.has(*node) {
                return None;
            }
            let positions = self.marked(*node, self.words.position)?;
            let own = positions.split(',').find_map(|pair| {
                let (version, position) = pair.trim().rsplit_once('=')?;
                (version == self.version).then_some(position)
            });
            own?.parse().ok()
        };
        let slots: Vec<usize> = (0..tasks.len())
            .rev()
            .filter(|&at| position(&tasks[at]).is_some())
            .collect();
        if slots.is_empty() {
            return;
        }
        let mut placed: Vec<(usize, u32)> = slots
            .iter()
            .filter_map(|&at| match tasks[at] {
                Task::Node(node) => position(&tasks[at]).map(|position| (position, node)),
                Task::Close(..) => None,
            })
            .collect();
        placed.sort_by_key(|one| one.0);
        for (&slot, (_, node)) in slots.iter().zip(placed) {
            tasks[slot] = Task::Node(node);
        }
    }

    /// The scope that an element had in its own document: without the vocabulary, and what was quoted unquoted.
    fn scope(&mut self, scope: Scope) -> Scope {
        if let Some(own) = self.scopes.get(&scope) {
            return *own;
        }
        let bindings = self.out.names.bindings(scope);
        let mut own = Vec::new();
        for (prefix, uri) in bindings {
            own.extend(self.own_uri(uri).map(|uri| (prefix, uri)));
        }
        let own = self.out.names.scope(Scope::NONE, &own);
        self.scopes.insert(scope, own);
        own
    }

    /// What a namespace was in its own document; none for the vocabulary of the delta itself.
    fn own_uri(&mut self, uri: Text) -> Option<Text> {
        let text = self.out.names.str(uri);
        if !vocabulary::is_vocabulary(text) {
            return Some(uri);
        }
        let unquoted = text.strip_suffix(QUOTED)?.to_owned();
        Some(self.out.names.text(&unquoted))
    }
}

/// The versions that a mark names.
pub(super) fn names_in(mark: &str) -> impl Iterator<Item = &str> {
    mark.split("!=").flat_map(|group| group.split('='))
}
