//! The merger: writes the document piece by piece.

use std::cell::RefCell;

use hashbrown::{HashMap, HashSet};

use super::budget::Budget;
use super::equality::Equal;
use super::frame::{Frame, Moved, Unmatched};
use super::mark_names::MarkNames;
use super::plan::{Group, Op};
use super::settings::{Counts, Form, Settings};
use crate::align::{IdAttributes, SketchCache};
use crate::error::{Error, ErrorKind};
use crate::hashes::Hashing;
use crate::names::{NameId, Names, Scope};
use crate::progress::{Progress, ProgressSink, Step};
use crate::read;
use crate::tree::{Kind, Tree};
use crate::vocabulary;
use crate::write::{Quoting, Writer};

/// Number of operations between two progress reports.
const PROGRESS_INTERVAL: u32 = 256;

pub(super) struct Merger<'t> {
    pub(super) trees: &'t [Tree],
    pub(super) hashing: &'t Hashing,
    pub(super) settings: &'t Settings,
    pub(super) sink: &'t dyn ProgressSink,
    pub(super) ids: IdAttributes,
    pub(super) sketches: RefCell<SketchCache>,
    pub(super) out: Writer,
    pub(super) frames: Vec<Frame>,
    pub(super) counts: Counts,
    pub(super) conflict_offsets: Vec<usize>,
    /// Bytes of memory that the documents need.
    documents_memory: usize,
    pub(super) mark_names: MarkNames,
    pub(super) budget: Budget,
    pub(super) moved: HashMap<(usize, u32), Moved>,
    pub(super) unmatched: Vec<Unmatched>,
    /// Texts and attributes that count as equal.
    pub(super) equal: HashSet<Equal>,
    /// The next operation is part of a conflict that is already counted.
    pub(super) in_conflict: bool,
    pub(super) ticks: u32,
    /// Approximate number of bytes of the longest version that are done.
    pub(super) done: u64,
    /// A buffer for the marks of an element.
    pub(super) scratch: String,
}

/// The merged document.
pub(crate) struct Merged {
    pub(crate) xml: String,
    pub(crate) counts: Counts,
    /// The offsets at which conflicts begin.
    pub(crate) conflict_offsets: Vec<usize>,
    /// Texts and attributes that count as equal.
    pub(crate) equal: HashSet<Equal>,
    pub(crate) names: Names,
}

/// Merges versions.
pub(crate) fn merge(
    trees: &[Tree],
    labels: Vec<String>,
    names: Names,
    hashing: &Hashing,
    settings: &Settings,
    sink: &dyn ProgressSink,
) -> Result<Merged, Error> {
    check_roots(trees, &names)?;
    let ids = IdAttributes::new(&names, settings.matching.ids);
    let are_quoted = names.has_binding(|_, uri| vocabulary::unquoted(uri).is_some());
    let is_dropped = are_quoted && !trees.iter().any(|tree| has_quoted_names(tree, &names));
    let mut merger = Merger {
        trees,
        hashing,
        settings,
        sink,
        ids,
        sketches: RefCell::default(),
        mark_names: MarkNames::new(&names, labels, is_dropped),
        out: Writer::new(names, settings.matching.whitespace),
        frames: Vec::new(),
        counts: Counts::default(),
        conflict_offsets: Vec::new(),
        documents_memory: trees.iter().map(Tree::memory).sum(),
        budget: Budget::new(trees),
        moved: HashMap::new(),
        unmatched: Vec::new(),
        equal: HashSet::new(),
        in_conflict: false,
        ticks: 0,
        done: 0,
        scratch: String::new(),
    };
    if is_dropped {
        merger.out.quoting = Quoting::Dropped;
    }
    merger.write()?;
    if settings.moves && merger.find_moves() {
        merger.write()?;
    }
    let is_plain = settings.form == Form::Merged && merger.counts.conflicts == 0;
    if is_plain && are_quoted {
        merger.out.quoting = Quoting::Unquoted;
        merger.write()?;
    }
    Ok(Merged {
        xml: merger.out.text,
        counts: merger.counts,
        conflict_offsets: merger.conflict_offsets,
        equal: merger.equal,
        names: merger.out.names,
    })
}

/// Whether a document uses the delta vocabulary for names other than comparison directives.
fn has_quoted_names(tree: &Tree, names: &Names) -> bool {
    let is_quoted = |name: NameId| {
        let uri = names.get(name).uri;
        vocabulary::unquoted(names.str(uri)).is_some()
    };
    let is_element = |kind| matches!(kind, Kind::Element(name) if is_quoted(name));
    tree.kinds().any(is_element) || tree.attributes.iter().any(|one| is_quoted(one.name))
}

fn check_roots(trees: &[Tree], names: &Names) -> Result<(), Error> {
    let name = |tree: &Tree| match tree.node(0).kind() {
        Kind::Element(name) => names.expanded(name),
        _ => String::new(),
    };
    let first = name(&trees[0]);
    for (number, tree) in trees.iter().enumerate().skip(1) {
        let other = name(tree);
        if other != first {
            let message = format!(
                "The root elements have different names: {first} and {other}. Options can ignore their namespaces or their names."
            );
            let error = Error::new(ErrorKind::DifferentRoots, message).for_input(number);
            return Err(error.at(&tree.source, tree.node(0).at()));
        }
    }
    Ok(())
}

impl Merger<'_> {
    /// Writes the document, giving up marks until it is short enough.
    fn write(&mut self) -> Result<(), Error> {
        loop {
            self.out.text.clear();
            self.out.scope = Scope::NONE;
            self.frames.clear();
            self.unmatched.clear();
            self.counts = Counts::default();
            self.conflict_offsets.clear();
            self.done = 0;
            if self.run()? || !self.budget.tighten() {
                return Ok(());
            }
        }
    }

    fn is_too_long(&self) -> bool {
        self.budget
            .is_spent(self.out.text.len(), self.done as usize)
    }

    /// Writes the document; returns false if it became too long.
    fn run(&mut self) -> Result<bool, Error> {
        self.out.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.misc(|tree| &tree.prolog);
        let all = self.mark_names.versions.all();
        let roots = (0..self.trees.len()).map(|tree| Group {
            mask: 1 << tree,
            tree,
            node: 0,
        });
        let mut groups: Vec<Group> = Vec::new();
        for root in roots {
            let hash = self.trees[root.tree].exact[0];
            match groups
                .iter_mut()
                .find(|group| self.trees[group.tree].exact[0] == hash)
            {
                Some(group) => {
                    group.mask |= root.mask;
                    if self.settings.takes_last {
                        group.tree = root.tree;
                    }
                }
                None => groups.push(root),
            }
        }
        let root = self.out.text.len();
        self.root(all, groups);
        while !self.frames.is_empty() {
            self.step()?;
            if self.ticks.is_multiple_of(PROGRESS_INTERVAL) {
                self.check_limits()?;
                if self.is_too_long() {
                    return Ok(false);
                }
            }
        }
        if self.settings.form == Form::Merged {
            self.declare_conflicts(root);
        }
        self.out.raw("\n");
        self.misc(|tree| &tree.epilog);
        self.check_limits()?;
        Ok(!self.is_too_long())
    }

    /// Checks the size of the output and the memory.
    fn check_limits(&self) -> Result<(), Error> {
        let limits = &self.settings.matching.limits;
        let over_limit = |message: String| Err(Error::new(ErrorKind::OverLimit, message));
        if self.out.text.len() > limits.output {
            let limit = limits.output;
            return over_limit(format!(
                "The result is longer than the limit of {limit} bytes."
            ));
        }
        if self.documents_memory + self.out.text.capacity() > limits.memory {
            return over_limit(read::memory_message(limits.memory));
        }
        Ok(())
    }

    /// Writes one operation, or ends an element.
    fn step(&mut self) -> Result<(), Error> {
        self.report_progress()?;
        let frame = self.frames.last_mut().expect("an element is open");
        let Some(op) = frame.plan.ops.get(frame.next).cloned() else {
            self.advance();
            return Ok(());
        };
        frame.next += 1;
        match op {
            Op::Text {
                tree,
                text,
                is_preserved,
            } => self.text(tree, text, is_preserved),
            Op::CommonNodes { tree, next, end } => self.common_nodes(tree, next..end)?,
            Op::Alternatives { range, conflict } => {
                self.begin_conflicts(conflict);
                self.text_alternatives(range, false);
            }
            Op::PinnedText(alternatives) => self.text_alternatives(alternatives, true),
            Op::Node {
                groups,
                positions,
                conflict,
            } => {
                self.begin_conflicts(conflict);
                let frame = self.frames.last().expect("an element is open");
                let groups = frame.plan.groups[groups.start as usize..groups.end as usize].to_vec();
                if self.trees[groups[0].tree].node(groups[0].node).is_element() {
                    self.element(groups, positions);
                } else {
                    self.comment_or_instruction(&groups);
                }
            }
        }
        Ok(())
    }

    /// Counts the conflicts that begin at the next operation.
    fn begin_conflicts(&mut self, conflict: Option<u32>) {
        self.in_conflict = conflict.is_some();
        if !self.frames.last().is_some_and(|frame| frame.in_conflict) {
            self.count_conflicts(u64::from(conflict.unwrap_or(0)));
        }
    }

    /// Counts conflicts that begin here.
    pub(super) fn count_conflicts(&mut self, count: u64) {
        self.counts.conflicts += count;
        if count > 0 {
            self.conflict_offsets.push(self.out.text.len());
        }
    }

    /// Whether the operation is part of a conflict that is already counted.
    pub(super) fn take_in_conflict(&mut self) -> bool {
        let is_part = self.frames.last().is_some_and(|frame| frame.in_conflict);
        std::mem::take(&mut self.in_conflict) || is_part
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            step: Step::Comparing,
            done: self.done,
            total: self.budget.longest as u64,
        }
    }

    /// Updates the progress, in bytes of the longest version.
    pub(super) fn advance_progress(&mut self, tree: usize, node: u32) {
        let tree = &self.trees[tree];
        let at = tree.node(node).at() as u64;
        let whole = tree.source.len().max(1) as u64;
        self.done = self.done.max(at * self.budget.longest as u64 / whole);
    }

    pub(super) fn report_progress(&mut self) -> Result<(), Error> {
        self.ticks += 1;
        if !self.ticks.is_multiple_of(PROGRESS_INTERVAL) {
            return Ok(());
        }
        if self.sink.progress(self.progress()).is_continue() {
            Ok(())
        } else {
            Err(Error::stopped())
        }
    }
}
