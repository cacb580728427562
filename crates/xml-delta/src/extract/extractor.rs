//! Walks a delta and writes one version.

use hashbrown::HashMap;

use crate::delta::{self, Marked, Words, names_in};
use crate::encoding::Source;
use crate::error::{Error, ErrorKind};
use crate::names::{NameId, Scope, Text};
use crate::options::{Limits, Whitespace};
use crate::progress::{Progress, ProgressSink, Step};
use crate::tree::{Kind, Tree};
use crate::write::Writer;

/// Nodes between two looks at the sink.
const TICK: u32 = 4096;

/// Takes a version out of a delta.
pub(crate) fn extract(
    delta: Source,
    version: &str,
    limits: &Limits,
    sink: &dyn ProgressSink,
) -> Result<String, Error> {
    let Marked { tree, names, words } = delta::read(delta, limits, sink)?;
    let mut extractor = Extractor {
        tree: &tree,
        words,
        version,
        out: Writer::new(names, Whitespace::Exact),
        scopes: HashMap::new(),
        sink,
    };
    extractor.check()?;
    extractor.run()?;
    Ok(extractor.out.text)
}

pub(super) struct Extractor<'t> {
    pub(super) tree: &'t Tree,
    pub(super) words: Words,
    pub(super) version: &'t str,
    pub(super) out: Writer,
    /// What scopes of the delta are in the version.
    pub(super) scopes: HashMap<Scope, Scope>,
    sink: &'t dyn ProgressSink,
}

/// What is left to do.
pub(super) enum Task {
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
            return fail(ErrorKind::UnknownVersion, message);
        }
        let content = self.delta_attribute(0, "content-type");
        if content.is_some_and(|content| content.contains("changes-only")) {
            return fail(
                ErrorKind::NotADelta,
                "The delta has only what changed, so no version can be taken out of it.".into(),
            );
        }
        Ok(())
    }

    pub(super) fn delta_attribute(&self, node: u32, local: &str) -> Option<&str> {
        let found = self.tree.attributes(node).iter().find(|attribute| {
            let name = self.out.names.get(attribute.name);
            name.uri == self.words.uri && self.out.names.str(name.local) == local
        });
        found.map(|attribute| self.tree.str(attribute.value))
    }

    pub(super) fn marked(&self, node: u32, local: Text) -> Option<&str> {
        self.words.marked(self.tree, &self.out.names, node, local)
    }

    fn mark(&self, node: u32) -> Option<&str> {
        self.marked(node, self.words.delta_v2)
    }

    /// Whether the version has a node.
    pub(super) fn has(&self, node: u32) -> bool {
        self.mark(node)
            .is_none_or(|mark| names_in(mark).any(|name| name == self.version))
    }

    pub(super) fn word(&self, node: u32) -> Option<Text> {
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
        if self.sink.progress(progress).is_continue() {
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

    pub(super) fn broken(&self, node: u32, why: &str) -> Error {
        let name = match self.tree.node(node).kind() {
            Kind::Element(name) => self.out.names.expanded(name),
            _ => String::new(),
        };
        let error = Error::new(
            ErrorKind::NotADelta,
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
}
