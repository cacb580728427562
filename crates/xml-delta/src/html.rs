//! Renders a delta as an HTML page: deletions and additions are colored, and buttons navigate between changes.

use super::delta::{self, DeltaNames, ParsedDelta, names_in};
use super::encoding::Source;
use super::error::Error;
use super::names::{NameId, Names};
use super::options::Limits;
use super::progress::{Progress, ProgressSink, Step};
use super::tree::{Kind, Tree};

const TEMPLATE: &str = include_str!("page.html");
/// Unchanged elements with more nodes than this are folded.
const MIN_FOLDED_NODES: u32 = 40;
/// Number of nodes between two progress reports.
const PROGRESS_INTERVAL: u32 = 4096;

/// Renders a page.
pub(super) fn render(
    delta: Source,
    limits: &Limits,
    sink: &dyn ProgressSink,
) -> Result<String, Error> {
    let ParsedDelta {
        tree,
        names,
        delta_names: words,
    } = delta::read(delta, limits, sink)?;
    let mut page = Page {
        tree: &tree,
        delta_names: words,
        names,
        versions: Vec::new(),
        out: String::new(),
        sink,
    };
    let mark = page
        .delta_names
        .mark(&tree, &page.names, 0)
        .unwrap_or_default();
    page.versions = names_in(mark).collect();
    page.run()?;
    let first = page.versions.first().copied().unwrap_or_default();
    let mut key = String::new();
    escape(
        &mut key,
        &page.versions.get(1..).unwrap_or_default().join(", "),
    );
    let mut first_key = String::new();
    escape(&mut first_key, first);
    let template = TEMPLATE
        .replace("FIRST", &first_key)
        .replace("OTHERS", &key);
    Ok(template.replace("CONTENT", &page.out))
}

struct Page<'t> {
    tree: &'t Tree,
    delta_names: DeltaNames,
    names: Names,
    versions: Vec<&'t str>,
    out: String,
    sink: &'t dyn ProgressSink,
}

/// A step that is left to do.
enum Task {
    /// A node, and the number of versions that have its parent.
    Node(u32, usize),
    Raw(String),
}

impl<'t> Page<'t> {
    fn run(&mut self) -> Result<(), Error> {
        let mut tasks = vec![Task::Node(0, self.versions.len())];
        let mut count = 0_u32;
        while let Some(task) = tasks.pop() {
            match task {
                Task::Raw(text) => self.out.push_str(&text),
                Task::Node(node, owners) => {
                    count += 1;
                    if count.is_multiple_of(PROGRESS_INTERVAL)
                        && self.sink.progress(self.progress(node)).is_break()
                    {
                        return Err(Error::stopped());
                    }
                    self.node(node, owners, &mut tasks);
                }
            }
        }
        Ok(())
    }

    fn progress(&self, node: u32) -> Progress {
        Progress {
            step: Step::Comparing,
            done: self.tree.node(node).at() as u64,
            total: self.tree.source.len() as u64,
        }
    }

    fn mark(&self, node: u32) -> Option<&'t str> {
        self.delta_names.mark(self.tree, &self.names, node)
    }

    fn node(&mut self, node: u32, owners: usize, tasks: &mut Vec<Task>) {
        match self.tree.node(node).kind() {
            Kind::Text => escape(&mut self.out, self.tree.text(node)),
            Kind::Comment => escape(&mut self.out, &format!("<!--{}-->", self.tree.text(node))),
            Kind::Instruction => escape(&mut self.out, &format!("<?{}?>", self.tree.text(node))),
            Kind::Element(name) => {
                match self.delta_names.mark_element(self.tree, &self.names, node) {
                    Some(word) if word == self.delta_names.attributes => {}
                    Some(_) => self.alternatives(node, tasks),
                    None => self.element(node, name, owners, tasks),
                }
            }
        }
    }

    /// The start and end tags of a change, by the versions that have it.
    fn change(&self, mark: &str, kind: &str) -> (String, String) {
        let is_old = names_in(mark).any(|name| Some(name) == self.versions.first().copied());
        let tag = if is_old { "del" } else { "ins" };
        let mut start = format!("<{tag} class=\"{kind}\">");
        if self.versions.len() > 2 {
            start.push_str("<b>");
            escape(&mut start, mark);
            start.push_str("</b>");
        }
        (start, format!("</{tag}>"))
    }

    fn alternatives(&mut self, group: u32, tasks: &mut Vec<Task>) {
        let first = tasks.len();
        self.out.push_str("<span class=\"change\">");
        for one in self.tree.children(group) {
            let (start, end) = self.change(self.mark(one).unwrap_or_default(), "text");
            tasks.push(Task::Raw(start));
            tasks.extend(self.tree.children(one).map(|child| Task::Node(child, 0)));
            tasks.push(Task::Raw(end));
        }
        tasks.push(Task::Raw("</span>".into()));
        tasks[first..].reverse();
    }

    fn element(&mut self, node: u32, name: NameId, owners: usize, tasks: &mut Vec<Task>) {
        let mark = self.mark(node);
        let own = mark.map_or(0, |mark| names_in(mark).count());
        let mut after = Vec::new();
        if let Some(mark) = mark.filter(|_| own < owners) {
            let (start, end) = self.change(mark, "change");
            self.out.push_str(&start);
            after.push(Task::Raw(end));
        }
        let one = self.tree.node(node);
        let is_alike = mark.is_some_and(|mark| !mark.contains("!=")) && own == owners;
        let is_folded = is_alike && node > 0 && one.end - node > MIN_FOLDED_NODES;
        if is_folded {
            self.out.push_str("<details><summary>");
            after.insert(0, Task::Raw("</details>".into()));
        }
        let mut written = String::new();
        self.names.write(&mut written, name);
        self.out.push_str("<i>&lt;");
        self.out.push_str(&written);
        self.out.push_str("</i>");
        self.attributes(node);
        let is_empty = one.end == node + 1;
        self.out.push_str(if is_empty {
            "<i>/&gt;</i>"
        } else {
            "<i>&gt;</i>"
        });
        if is_folded {
            self.out.push_str(" ...</summary>");
        }
        tasks.extend(after.into_iter().rev());
        if !is_empty {
            tasks.push(Task::Raw(format!("<i>&lt;/{written}&gt;</i>")));
        }
        let first = tasks.len();
        tasks.extend(self.tree.children(node).map(|child| Task::Node(child, own)));
        tasks[first..].reverse();
    }

    fn attributes(&mut self, node: u32) {
        for attribute in self.tree.attributes(node) {
            let name = self.names.get(attribute.name);
            if name.uri != self.delta_names.uri {
                self.out.push(' ');
                self.names.write(&mut self.out, attribute.name);
                self.out.push_str("=\"");
                escape(&mut self.out, self.tree.str(attribute.value));
                self.out.push('"');
            }
        }
        let is_changed = |child: &u32| {
            self.delta_names
                .mark_element(self.tree, &self.names, *child)
                == Some(self.delta_names.attributes)
        };
        let changed = self.tree.children(node).find(is_changed);
        for element in changed
            .into_iter()
            .flat_map(|container| self.tree.children(container))
        {
            let Kind::Element(name) = self.tree.node(element).kind() else {
                continue;
            };
            let full = self.names.get(name);
            let prefix = if full.uri == self.delta_names.plain {
                String::new()
            } else if full.uri == self.delta_names.xml {
                "xml:".to_owned()
            } else {
                format!("{}:", self.names.str(full.prefix))
            };
            let local = self.names.str(full.local).to_owned();
            self.out
                .push_str(&format!(" <span class=\"change\">{prefix}{local}=\""));
            for value in self.tree.children(element) {
                let (start, end) = self.change(self.mark(value).unwrap_or_default(), "text");
                self.out.push_str(&start);
                for text in self.tree.children(value) {
                    escape(&mut self.out, self.tree.text(text));
                }
                self.out.push_str(&end);
            }
            self.out.push_str("\"</span>");
        }
    }
}

fn escape(out: &mut String, text: &str) {
    super::write::escape(out, text, false);
}
