//! Walks a delta and writes one version.

use hashbrown::HashMap;

use crate::delta::{self, DeltaNames, MarkedMisc, ParsedDelta, names_in};
use crate::encoding::Source;
use crate::error::{Error, ErrorKind};
use crate::names::{NameId, Scope, StringId};
use crate::namespaces;
use crate::options::{Limits, Whitespace};
use crate::prefixes::{self, Usage};
use crate::progress::{Progress, ProgressSink, Step};
use crate::prolog::Misc;
use crate::tree::{Kind, Tree};
use crate::write::Writer;

/// Number of nodes between two progress reports.
const PROGRESS_INTERVAL: u32 = 4096;

/// Extracts a version from a delta.
pub(crate) fn extract(
    delta: Source,
    version: &str,
    limits: &Limits,
    sink: &dyn ProgressSink,
) -> Result<String, Error> {
    let ParsedDelta {
        tree,
        names,
        delta_names: words,
    } = delta::read(delta, limits, sink)?;
    let mut extractor = Extractor {
        tree: &tree,
        delta_names: words,
        version,
        out: Writer::new(names, Whitespace::Exact),
        scopes: HashMap::new(),
        prefixes: HashMap::new(),
        namespaces: HashMap::new(),
        root_name: None,
        limits,
        sink,
    };
    extractor.check()?;
    if let Some(notation) = extractor.delta_attribute(0, "prefixes") {
        let notation = notation.to_owned();
        extractor.prefixes = prefixes::parse(&notation, version, &mut extractor.out.names);
    }
    if let Some(notation) = extractor.delta_attribute(0, "namespaces") {
        let notation = notation.to_owned();
        extractor.namespaces = namespaces::parse(&notation, version, &mut extractor.out.names);
    }
    if let Some(notation) = extractor.delta_attribute(0, "root-names") {
        let notation = notation.to_owned();
        extractor.root_name = namespaces::parse_root(
            &notation,
            version,
            &extractor.namespaces,
            &mut extractor.out.names,
        );
    }
    extractor.run()?;
    Ok(extractor.out.text)
}

pub(super) struct Extractor<'t> {
    pub(super) tree: &'t Tree,
    pub(super) delta_names: DeltaNames,
    pub(super) version: &'t str,
    pub(super) out: Writer,
    /// The scopes of the version, by the scopes of the delta.
    pub(super) scopes: HashMap<Scope, Scope>,
    /// The version's original prefixes, where they differ from the delta.
    pub(super) prefixes: HashMap<Usage, StringId>,
    /// The version's original namespaces, where they differ from the delta.
    pub(super) namespaces: HashMap<StringId, StringId>,
    /// The name of the version's root element, if it differs from the delta.
    pub(super) root_name: Option<NameId>,
    limits: &'t Limits,
    sink: &'t dyn ProgressSink,
}

/// A step that is left to do.
pub(super) enum Task {
    /// Write a node and its content.
    Node(u32),
    /// Write an end tag.
    Close(NameId, Scope),
}

impl Extractor<'_> {
    /// Rejects a delta that does not contain the version, or not all of it.
    fn check(&self) -> Result<(), Error> {
        let fail = |code, message: String| {
            Err(Error::new(code, message)
                .for_input(0)
                .at(&self.tree.source, self.tree.node(0).at()))
        };
        let mark = self.mark(0).unwrap_or_default();
        if !names_in(mark).any(|name| name == self.version) {
            let known: Vec<&str> = names_in(mark).collect();
            let message = format!(
                "The delta has no version {:?}; it has {}.",
                self.version,
                known.join(", ")
            );
            return fail(ErrorKind::UnknownVersion, message);
        }
        let content = self.delta_attribute(0, "content-type");
        if content.is_some_and(|content| content.contains("changes-only")) {
            return fail(
                ErrorKind::NotADelta,
                "The delta contains changes only, so versions cannot be extracted; compare with full context instead.".into(),
            );
        }
        Ok(())
    }

    pub(super) fn delta_attribute(&self, node: u32, local: &str) -> Option<&str> {
        let found = self.tree.attributes(node).iter().find(|attribute| {
            let name = self.out.names.get(attribute.name);
            name.uri == self.delta_names.uri && self.out.names.str(name.local) == local
        });
        found.map(|attribute| self.tree.str(attribute.value))
    }

    pub(super) fn marked(&self, node: u32, local: StringId) -> Option<&str> {
        self.delta_names
            .mark_attribute(self.tree, &self.out.names, node, local)
    }

    fn mark(&self, node: u32) -> Option<&str> {
        self.marked(node, self.delta_names.delta_v2)
    }

    /// Whether the version includes a node.
    pub(super) fn includes(&self, node: u32) -> bool {
        self.mark(node)
            .is_none_or(|mark| names_in(mark).any(|name| name == self.version))
    }

    pub(super) fn mark_element(&self, node: u32) -> Option<StringId> {
        self.delta_names
            .mark_element(self.tree, &self.out.names, node)
    }

    fn run(&mut self) -> Result<(), Error> {
        self.out.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.misc(&self.tree.prolog)?;
        let mut tasks = vec![Task::Node(0)];
        let mut count = 0_u32;
        while let Some(task) = tasks.pop() {
            count += 1;
            if count.is_multiple_of(PROGRESS_INTERVAL) {
                self.report_progress(&task)?;
            }
            match task {
                Task::Close(name, outer) => {
                    self.out.close(name, outer);
                }
                Task::Node(node) => self.node(node, &mut tasks)?,
            }
        }
        self.out.raw("\n");
        self.misc(&self.tree.epilog)?;
        Ok(())
    }

    /// Writes the version's part before or after the root element.
    fn misc(&mut self, all: &[Misc]) -> Result<(), Error> {
        let mut marked = Vec::new();
        for one in all {
            let parsed = MarkedMisc::parse(one, self.limits);
            if parsed.is_none() && MarkedMisc::is_marked(one) {
                let message =
                    "Invalid processing instruction deltaxml-misc outside the root element.";
                return Err(Error::new(ErrorKind::NotADelta, message).for_input(0));
            }
            marked.push(parsed);
        }
        let is_doctype = |misc: &Misc| matches!(misc, Misc::Doctype(_));
        let has_own_doctype = marked.iter().flatten().any(|one| is_doctype(&one.misc));
        for (one, marked) in all.iter().zip(&marked) {
            let (misc, is_included) = match marked {
                None => (one, !(is_doctype(one) && has_own_doctype)),
                Some(marked) => {
                    let mut names = names_in(&marked.versions);
                    (&marked.misc, names.any(|name| name == self.version))
                }
            };
            if is_included {
                self.out.misc(misc);
                self.out.raw("\n");
            }
        }
        Ok(())
    }

    fn report_progress(&self, task: &Task) -> Result<(), Error> {
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
        match self.mark_element(node) {
            Some(word) if word == self.delta_names.attributes => {}
            Some(word)
                if word == self.delta_names.text_group
                    || word == self.delta_names.content_group =>
            {
                self.push_alternative(node, tasks)?;
            }
            Some(_) => {
                return Err(
                    self.invalid_mark(node, "the element is unknown in the delta namespace")
                );
            }
            None if self.includes(node) => self.element(node, name, tasks)?,
            None => {}
        }
        Ok(())
    }

    /// Continues with the alternative that belongs to the version.
    fn push_alternative(&self, group: u32, tasks: &mut Vec<Task>) -> Result<(), Error> {
        if !self.includes(group) {
            return Ok(());
        }
        let own = |&one: &u32| self.mark_element(one).is_some() && self.includes(one);
        let chosen = self.tree.children(group).find(own);
        let chosen = chosen
            .ok_or_else(|| self.invalid_mark(group, "no alternative belongs to the version"))?;
        self.push_children(chosen, tasks);
        Ok(())
    }

    pub(super) fn invalid_mark(&self, node: u32, why: &str) -> Error {
        let name = match self.tree.node(node).kind() {
            Kind::Element(name) => self.out.names.expanded(name),
            _ => String::new(),
        };
        let error = Error::new(ErrorKind::NotADelta, format!("Invalid mark {name}: {why}."));
        error
            .for_input(0)
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
        let name = self.name(node, name, false);
        let attributes = self.attributes(node)?;
        let named = std::iter::once(name).chain(attributes.iter().map(|(name, _)| *name));
        let scope = self.scope_with(scope, named);
        let is_own_root = node == 0 && self.root_name == Some(name);
        let scope = if is_own_root {
            self.root_scope(scope, name)
        } else {
            scope
        };
        self.out.raw("<");
        self.out.name(name);
        self.out.enter(scope);
        for (name, value) in attributes {
            self.out.attribute(name, &value);
        }
        if self.tree.node(node).end == node + 1 {
            self.out.raw("/>");
            self.out.scope = outer;
            return Ok(());
        }
        self.out.raw(">");
        tasks.push(Task::Close(name, outer));
        let first = tasks.len();
        self.push_children(node, tasks);
        self.restore_order(&mut tasks[first..]);
        Ok(())
    }
}
