//! Several versions become one document with marks.
//!
//! Element by element from the root down, each pushed on a stack of our own, so that depth costs memory only. Two
//! versions are the same case as many: a comparison is a merge of two.

mod attributes;
mod columns;
mod level;
mod marks;
mod moves;
mod pieces;
mod root;
mod trim;

use hashbrown::HashMap;

use super::align::{self, Matching, Row};
use super::error::{Code, Error};
use super::hashes::Hashing;
use super::names::{NameId, Names, Scope};
use super::tree::{Kind, Tree};
use super::write::Writer;
use super::{Progress, Step, Watcher, Whitespace};
use columns::Layout;
use level::{Builder, Group, Level, Op};
pub use marks::Mode;
pub(crate) use marks::VERSIONS;
use marks::{Labels, Mask};
use moves::{Loner, Moved};

/// Pieces written between two looks at the watcher.
const TICK: u32 = 256;
/// An element whose marks take this many bytes more than both versions of it goes out whole, in each version. Where the
/// document becomes too long all the same, the next of these counts.
const SLACKS: [usize; 3] = [2048, 256, 0];
/// A document is too long that has more than so many tenths of the longest version's bytes, if that is no mere scrap.
const TOO_LONG: usize = 29;
const SCRAP: usize = 2048;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Everything, with marks where versions differ.
    Full,
    /// The same, without the content of what all have.
    ChangesOnly,
    /// Every change that only one side made, and marks where there were several.
    Merged,
}

/// How versions are put together.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) form: Form,
    pub(crate) mode: Mode,
    pub(crate) content_type: &'static str,
    pub(crate) whitespace: Whitespace,
    pub(crate) words: bool,
    pub(crate) moves: bool,
    /// The root says in which order the versions are.
    pub(crate) version_order: bool,
}

/// How many places differ, and at how many of them nobody can say what is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Places where versions differ.
    pub changes: u64,
    /// Places that several versions changed differently.
    pub conflicts: u64,
}

/// An element that is being written.
struct Frame {
    level: Level,
    next: usize,
    /// Who has it.
    mask: Mask,
    name: NameId,
    outer: Scope,
    /// What is in it carries marks.
    is_marked: bool,
    groups: Vec<Group>,
    marks: String,
    start: usize,
    outer_counts: Counts,
}

struct Merger<'t> {
    trees: &'t [Tree],
    hashing: &'t Hashing,
    settings: &'t Settings,
    watcher: &'t dyn Watcher,
    labels: &'t Labels,
    ids: [NameId; 4],
    out: Writer,
    frames: Vec<Frame>,
    counts: Counts,
    /// What begins a mark: ` deltaxml:deltaV2="`.
    mark_start: String,
    /// Prefixes of the vocabulary that no document uses: of marks, and of attributes without and with `xml`.
    prefixes: [String; 3],
    moved: HashMap<(usize, u32), Moved>,
    loners: Vec<Loner>,
    ticks: u32,
    done: u64,
    slack: usize,
}

/// The document, and what is in it.
pub(crate) struct Merged {
    pub(crate) xml: String,
    pub(crate) counts: Counts,
}

/// Puts versions together.
pub(crate) fn merge(
    trees: &[Tree],
    labels: Vec<String>,
    mut names: Names,
    hashing: &Hashing,
    settings: &Settings,
    watcher: &dyn Watcher,
) -> Result<Merged, Error> {
    let labels = Labels(labels);
    check_roots(trees, &names)?;
    let ids = align::ids(&mut names);
    let prefixes = ["deltaxml", "dxa", "dxx"].map(|wanted| free_prefix(&names, wanted));
    let mut merger = Merger {
        trees,
        hashing,
        settings,
        watcher,
        labels: &labels,
        ids,
        out: Writer::new(names, settings.whitespace),
        frames: Vec::new(),
        counts: Counts::default(),
        mark_start: format!(" {}:deltaV2=\"", prefixes[0]),
        prefixes,
        moved: HashMap::new(),
        loners: Vec::new(),
        ticks: 0,
        done: 0,
        slack: 0,
    };
    merger.write()?;
    if settings.moves && merger.find_moves() {
        merger.write()?;
    }
    Ok(Merged {
        xml: merger.out.text,
        counts: merger.counts,
    })
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
            let message = format!("The root elements have different names: {first} and {other}.");
            let error = Error::new(Code::DifferentRoots, message).of_input(number);
            return Err(error.at(&tree.source, tree.node(0).at()));
        }
    }
    Ok(())
}

/// The prefix itself, or one like it that no document declares.
fn free_prefix(names: &Names, wanted: &str) -> String {
    let numbered = (1..).map(|n| format!("{wanted}{n}"));
    let mut all = std::iter::once(wanted.to_owned()).chain(numbered);
    all.find(|prefix| !names.declares(prefix))
        .expect("there are more numbers than declarations")
}

impl Merger<'_> {
    /// Writes the document, with as many marks as do not make it too long.
    fn write(&mut self) -> Result<(), Error> {
        for slack in SLACKS {
            self.out.text.clear();
            self.out.scope = Scope::NONE;
            self.frames.clear();
            self.loners.clear();
            self.counts = Counts::default();
            self.done = 0;
            self.slack = slack;
            if self.run()? {
                break;
            }
        }
        Ok(())
    }

    fn is_too_long(&self) -> bool {
        let longest = self
            .trees
            .iter()
            .map(|tree| tree.source.len())
            .max()
            .unwrap_or(0);
        self.slack > 0 && longest > SCRAP && self.out.text.len() > longest / 10 * TOO_LONG
    }

    /// Writes the document; whether it did not become too long.
    fn run(&mut self) -> Result<bool, Error> {
        self.out.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        for aside in common(self.trees, |tree| &tree.before) {
            self.out.aside(aside);
            self.out.raw("\n");
        }
        let all = self.labels.all();
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
                    if self.settings.whitespace == Whitespace::Loose {
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
            if self.ticks.is_multiple_of(TICK) && self.is_too_long() {
                return Ok(false);
            }
        }
        if self.settings.form == Form::Merged {
            self.declare_conflicts(root);
        }
        for aside in common(self.trees, |tree| &tree.after) {
            self.out.raw("\n");
            self.out.aside(aside);
        }
        self.out.raw("\n");
        Ok(!self.is_too_long())
    }

    /// Writes one piece, or ends an element.
    fn step(&mut self) -> Result<(), Error> {
        self.tick()?;
        let frame = self.frames.last_mut().expect("there is one");
        let Some(op) = frame.level.ops.get(frame.next).cloned() else {
            self.end();
            return Ok(());
        };
        frame.next += 1;
        match op {
            Op::Bare { tree, text } => self.bare(tree, text),
            Op::Run { tree, next, end } => self.run_of(tree, next..end)?,
            Op::Region(alternatives) => self.region(alternatives),
            Op::Node { groups, positions } => {
                let frame = self.frames.last().expect("there is one");
                let groups =
                    frame.level.groups[groups.start as usize..groups.end as usize].to_vec();
                let positions = self.positions(positions);
                if self.trees[groups[0].tree].node(groups[0].node).is_element() {
                    self.element(groups, &positions);
                } else {
                    self.aside(&groups);
                }
            }
        }
        Ok(())
    }

    fn progress(&self) -> Progress {
        Progress {
            step: Step::Comparing,
            done: self.done,
            total: self.trees[0].source.len() as u64,
        }
    }

    fn tick(&mut self) -> Result<(), Error> {
        self.ticks += 1;
        if !self.ticks.is_multiple_of(TICK) {
            return Ok(());
        }
        if self.watcher.goes_on(self.progress()) {
            Ok(())
        } else {
            Err(Error::stopped())
        }
    }

    /// Begins an element that differs.
    fn open(&mut self, groups: Vec<Group>, mask: Mask, marks: &str, is_marked: bool) {
        let first = groups[0];
        let tree = &self.trees[first.tree];
        let Kind::Element(name) = tree.node(first.node).kind() else {
            unreachable!("only elements are opened");
        };
        let start = self.out.text.len();
        let outer = self.out.scope;
        let outer_counts = self.counts;
        self.out.raw("<");
        self.out.name(name);
        for (number, group) in groups.iter().enumerate() {
            let scope = self.trees[group.tree].node(group.node).scope;
            if number == 0 {
                self.out.enter(scope);
            } else {
                self.out.enter_beside(scope);
            }
        }
        let mut marks = marks.to_owned();
        if is_marked {
            marks.push_str(&self.ordered_mark(&groups));
        }
        self.out.raw(&marks);
        self.attributes(&groups, mask, is_marked);
        let level = self.level(&groups);
        self.frames.push(Frame {
            level,
            next: 0,
            mask,
            name,
            outer,
            is_marked,
            groups,
            marks,
            start,
            outer_counts,
        });
    }

    fn level(&self, groups: &[Group]) -> Level {
        let progress = self.progress();
        let goes_on = || self.watcher.goes_on(progress);
        let matching = Matching {
            hashing: self.hashing,
            goes_on: &goes_on,
            names: &self.out.names,
            whitespace: self.settings.whitespace,
            words: self.settings.words,
            ids: self.ids,
        };
        let layout = Layout {
            matching: &matching,
            is_sequential: self.settings.mode == Mode::Sequential,
        };
        let trees = self.trees;
        let is_orderless = groups
            .iter()
            .any(|group| trees[group.tree].orderless.contains(&group.node));
        let may_trim = !is_orderless && self.settings.whitespace == Whitespace::Exact;
        let ends = if may_trim {
            trim::ends(trees, groups)
        } else {
            trim::whole(trees, groups)
        };
        let row = |(group, range): (&Group, &std::ops::Range<u32>)| {
            matching.row(&trees[group.tree], group.node, range.clone())
        };
        let rows: Vec<Row<'_>> = groups.iter().zip(&ends.middles).map(row).collect();
        let columns = if is_orderless {
            layout.orderless(&rows)
        } else {
            layout.ordered(&rows)
        };
        let owners: Vec<(Mask, usize)> = groups
            .iter()
            .map(|group| (group.mask, group.tree))
            .collect();
        let builder = Builder {
            trees,
            owners: &owners,
            numbers: if is_orderless {
                rows.iter().map(numbers).collect()
            } else {
                Vec::new()
            },
            rows: &rows,
            columns: &columns,
            whitespace: self.settings.whitespace,
            is_orderless,
            keep_apart: rows.len() > 2,
            level: Level::default(),
        };
        builder.build((groups[0].tree, ends.head, ends.tail))
    }

    fn end(&mut self) {
        let frame = self.frames.pop().expect("there is one");
        self.out.close(frame.name, frame.outer);
        if !frame.is_marked || self.frames.is_empty() || self.settings.form == Form::Merged {
            return;
        }
        let sizes = frame
            .groups
            .iter()
            .map(|group| self.trees[group.tree].size(group.node));
        let written = self.out.text.len() - frame.start;
        let whole: usize = sizes.sum();
        if written > whole * 5 / 4 + self.slack && !frame.marks.contains(":original-position=") {
            self.out.text.truncate(frame.start);
            self.counts = frame.outer_counts;
            for group in frame.groups {
                self.counts.changes += 1;
                let mark = self.mark([group.mask]);
                self.copy(group, mark, true);
            }
        }
    }
}

/// Of each unit of a row, its number among the elements, from 1.
fn numbers(row: &Row<'_>) -> Vec<u32> {
    let mut count = 0;
    let number = |unit: &align::Unit| {
        count += u32::from(!unit.is_text() && row.tree.node(unit.node).is_element());
        count
    };
    row.units.iter().map(number).collect()
}

/// What all documents have outside of their root elements, in the order of the first.
fn common<'t>(
    trees: &'t [Tree],
    of: impl Fn(&'t Tree) -> &'t Vec<super::prolog::Aside>,
) -> Vec<&'t super::prolog::Aside> {
    let (first, others) = trees.split_first().expect("there is a version");
    let others: Vec<hashbrown::HashSet<_>> = others
        .iter()
        .map(|tree| of(tree).iter().collect())
        .collect();
    of(first)
        .iter()
        .filter(|aside| others.iter().all(|other| other.contains(aside)))
        .collect()
}
