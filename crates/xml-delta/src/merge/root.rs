//! The root element and its metadata.

use super::frame::Opening;
use super::marks::{self, Mask, Outcome};
use super::merger::Merger;
use super::plan::Group;
use super::settings::Form;
use crate::prefixes;
use crate::tree::{Kind, Tree};
use crate::write;

impl Merger<'_> {
    pub(super) fn root(&mut self, all: Mask, groups: Vec<Group>) {
        let is_merged = self.settings.form == Form::Merged;
        let owners: Vec<Mask> = groups.iter().map(|group| group.mask).collect();
        if is_merged && let Outcome::Take(which) = marks::decide(self.settings.mode, all, &owners) {
            self.counts.changes += groups.len() as u64 - 1;
            let group = groups[which];
            self.out.copy(&self.trees[group.tree], group.node, "");
            return;
        }
        if is_merged {
            // Whether marks must be declared is known only at the end.
            self.open(groups, &Opening::unmarked(all));
            return;
        }
        let mut marks = self.mark_names.declarations();
        self.mark_names.mark(&mut marks, owners);
        marks.push_str(&self.root_metadata());
        match (&groups[..], self.settings.form) {
            ([group], Form::ChangesOnly) => {
                self.out.empty_element(&self.trees[group.tree], 0, &marks);
            }
            ([group], _) => {
                self.push_order_and_key(&mut marks, &groups);
                self.out.copy(&self.trees[group.tree], 0, &marks);
            }
            _ => {
                self.push_order_and_key(&mut marks, &groups);
                let opening = Opening {
                    mask: all,
                    marks: &marks,
                    is_marked: true,
                    is_placed: false,
                    in_conflict: false,
                };
                self.open(groups, &opening);
            }
        }
    }

    /// The metadata attributes of the root element.
    pub(super) fn root_metadata(&self) -> String {
        let p = &self.mark_names.delta;
        let mut facts = format!(
            " {p}:version=\"2.0\" {p}:content-type=\"{}\"",
            self.settings.content_type
        );
        if self.settings.has_version_order() {
            facts.push_str(&format!(
                " {p}:version-order=\"{}\"",
                self.mark_names.versions.0.join(", ")
            ));
        }
        for (name, notation) in &self.settings.renamed {
            facts.push_str(&format!(" {p}:{name}=\""));
            write::escape(&mut facts, notation, true);
            facts.push('"');
        }
        let originals = &self.settings.original_prefixes;
        if !originals.is_empty() {
            let versions = &self.mark_names.versions.0;
            let notation = prefixes::notation(originals, versions, &self.out.names);
            facts.push_str(&format!(" {p}:prefixes=\""));
            write::escape(&mut facts, &notation, true);
            facts.push('"');
        }
        facts + &self.root_prefixes()
    }

    /// Declares the marks of conflicts on the root element, whose start tag begins at `root`.
    pub(super) fn declare_conflicts(&mut self, root: usize) {
        if self.counts.conflicts > 0 {
            let name = self.out.text[root + 1..]
                .find([' ', '>', '/'])
                .expect("a start tag ends");
            let marks = self.mark_names.declarations() + &self.root_metadata();
            self.out.text.insert_str(root + 1 + name, &marks);
        }
    }

    /// The attribute with the root's prefix in each version, if they differ.
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
            .mark_names
            .versions
            .0
            .iter()
            .zip(&all)
            .map(|(label, prefix)| format!("{label}={prefix}"));
        format!(
            " {}:root-prefix=\"{}\"",
            self.mark_names.delta,
            pairs.collect::<Vec<_>>().join(", ")
        )
    }
}
