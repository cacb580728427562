//! The root element: what it says of the whole document.

use super::level::Group;
use super::marks::{self, Mask, Outcome};
use super::{Form, Merger};
use crate::xml::tree::{Kind, Tree};
use crate::xml::vocabulary;

impl Merger<'_> {
    pub(super) fn root(&mut self, all: Mask, groups: Vec<Group>) {
        let is_merged = self.settings.form == Form::Merged;
        let masks: Vec<Mask> = groups.iter().map(|group| group.mask).collect();
        if is_merged && let Outcome::Take(which) = marks::decide(self.settings.mode, all, &masks) {
            self.counts.changes += groups.len() as u64 - 1;
            let group = groups[which];
            self.out.copy(&self.trees[group.tree], group.node, "");
            return;
        }
        if is_merged {
            // Whether there is anything to declare the marks for is known only at the end.
            self.open(groups, all, "", false);
            return;
        }
        let mut root_marks = self.vocabulary() + &self.mark(masks) + &self.root_facts();
        match (&groups[..], self.settings.form) {
            ([group], Form::ChangesOnly) => {
                self.out.hollow(&self.trees[group.tree], 0, &root_marks);
            }
            ([group], _) => {
                root_marks.push_str(&self.ordered_mark(&groups));
                self.out.copy(&self.trees[group.tree], 0, &root_marks);
            }
            _ => self.open(groups, all, &root_marks, true),
        }
    }

    /// Declares the namespaces of the marks.
    pub(super) fn vocabulary(&self) -> String {
        let uris = [vocabulary::DELTA, vocabulary::PLAIN, vocabulary::XML];
        let declarations = self.prefixes.iter().zip(uris);
        let written = declarations.map(|(prefix, uri)| format!(" xmlns:{prefix}=\"{uri}\""));
        written.collect::<Vec<_>>().concat()
    }

    /// What the root says of the document.
    pub(super) fn root_facts(&self) -> String {
        let p = &self.prefixes[0];
        let mut facts = format!(
            " {p}:version=\"2.0\" {p}:content-type=\"{}\"",
            self.settings.content_type
        );
        if self.settings.version_order {
            facts.push_str(&format!(
                " {p}:version-order=\"{}\"",
                self.labels.0.join(", ")
            ));
        }
        facts + &self.root_prefixes()
    }

    /// Declares the marks of conflicts on the root, whose start tag began at `root`.
    pub(super) fn declare_conflicts(&mut self, root: usize) {
        if self.counts.conflicts > 0 {
            let name = self.out.text[root + 1..]
                .find([' ', '>', '/'])
                .expect("a start tag ends");
            let marks = self.vocabulary() + &self.root_facts();
            self.out.text.insert_str(root + 1 + name, &marks);
        }
    }

    /// What prefix the root has in each version, if it is not the same.
    pub(super) fn root_prefixes(&self) -> String {
        let prefix = |tree: &Tree| match tree.node(0).kind() {
            Kind::Element(name) => self
                .out
                .names
                .str(self.out.names.get(name).prefix)
                .to_owned(),
            _ => String::new(),
        };
        let all: Vec<String> = self.trees.iter().map(prefix).collect();
        if all.iter().all(|one| *one == all[0]) {
            return String::new();
        }
        let pairs = self
            .labels
            .0
            .iter()
            .zip(&all)
            .map(|(label, prefix)| format!("{label}={prefix}"));
        format!(
            " {}:root-prefix=\"{}\"",
            self.prefixes[0],
            pairs.collect::<Vec<_>>().join(", ")
        )
    }
}
