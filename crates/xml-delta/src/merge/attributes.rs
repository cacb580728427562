//! Writes the attributes of an element that differs: common ones in the start tag, others in its first child.

use hashbrown::HashMap;

use super::equality::{self, Equal};
use super::frame::Opening;
use super::mark_names;
use super::marks::{Mask, Outcome};
use super::merger::Merger;
use super::plan::Group;
use crate::names::{NameId, StringId, XML_URI};

/// An attribute, with the group and index of each occurrence.
type Gathered = (NameId, Vec<(usize, usize)>);

/// An attribute that differs, with the versions of each value.
type Differing = (NameId, Vec<(Mask, String)>);

impl Merger<'_> {
    /// Writes common attributes, ends the start tag and writes the differing attributes. Returns whether the element ends
    /// there, because no version has content.
    pub(super) fn attributes(&mut self, groups: &[Group], opening: &Opening<'_>) -> bool {
        let (all, is_marked) = (opening.mask, opening.is_marked);
        let mut differing = Vec::new();
        let mut conflicting = Vec::new();
        for (name, values) in self.gather(groups) {
            if self.is_ignored(groups, &values) {
                self.last_value(groups, (name, &values), all);
                continue;
            }
            let alternatives = self.values(groups, &values);
            let masks: Vec<Mask> = alternatives.iter().map(|one| one.0).collect();
            if masks == [all] {
                self.out.attribute(name, &alternatives[0].1);
                continue;
            }
            let is_complete = masks.iter().fold(0, |some, one| some | one) == all;
            let texts = alternatives.iter().map(|one| one.1.as_str());
            let tolerance = self.settings.matching.tolerance;
            if is_complete && tolerance > 0.0 && equality::are_close(texts, tolerance) {
                self.last_value(groups, (name, &values), all);
                self.note_equal(groups, &values);
                continue;
            }
            let conflicts = self.conflict_offsets.len();
            let outcome = self.count_and_decide(all, &masks, is_marked, opening.in_conflict);
            // The conflict begins where the attribute is written.
            let is_conflict = self.conflict_offsets.len() > conflicts;
            self.conflict_offsets.truncate(conflicts);
            match outcome {
                Outcome::Take(at) => self.out.attribute(name, &alternatives[at].1),
                Outcome::Omit => {}
                Outcome::Conflict { .. } => {
                    differing.push((name, alternatives));
                    conflicting.extend(is_conflict.then_some(name));
                }
            }
        }
        if !differing.is_empty() {
            self.out.raw(">");
            self.differing(groups, &differing, &conflicting);
            return false;
        }
        let is_empty =
            |group: &Group| self.trees[group.tree].node(group.node).end == group.node + 1;
        let is_empty = groups.iter().all(is_empty);
        self.out.raw(if is_empty { "/>" } else { ">" });
        is_empty
    }

    /// Collects the attributes of all versions, in order of occurrence.
    fn gather(&self, groups: &[Group]) -> Vec<Gathered> {
        let mut gathered: Vec<Gathered> = Vec::new();
        let mut places: HashMap<NameId, usize> = HashMap::new();
        for (number, group) in groups.iter().enumerate() {
            let tree = &self.trees[group.tree];
            for index in tree.attribute_range(group.node) {
                let attribute = tree.attributes[index];
                let place = *places.entry(attribute.name).or_insert_with(|| {
                    gathered.push((attribute.name, Vec::new()));
                    gathered.len() - 1
                });
                gathered[place].1.push((number, index));
            }
        }
        gathered
    }

    fn value(&self, group: &Group, index: usize) -> &str {
        let tree = &self.trees[group.tree];
        tree.str(tree.attributes[index].value)
    }

    fn is_ignored(&self, groups: &[Group], values: &[(usize, usize)]) -> bool {
        values.iter().any(|&(number, index)| {
            let tree = &self.trees[groups[number].tree];
            tree.ignored_attributes.contains(&(index as u32))
        })
    }

    /// Writes the last version's value of an attribute, if it has one.
    fn last_value(
        &mut self,
        groups: &[Group],
        (name, values): (NameId, &[(usize, usize)]),
        all: Mask,
    ) {
        let last = equality::last_of(all);
        let own = values
            .iter()
            .find(|(number, _)| groups[*number].mask & last != 0);
        if let Some(&(number, index)) = own {
            let tree = &self.trees[groups[number].tree];
            self.out
                .attribute(name, tree.str(tree.attributes[index].value));
        }
    }

    /// Notes that the values of an attribute count as equal.
    fn note_equal(&mut self, groups: &[Group], values: &[(usize, usize)]) {
        let Some(&(number, index)) = values.last() else {
            return;
        };
        let hash = self.hashing.str(self.value(&groups[number], index));
        self.equal
            .extend(values.iter().map(|&(number, index)| Equal {
                tree: groups[number].tree,
                number: index as u32,
                is_attribute: true,
                hash,
            }));
    }

    /// Returns the different values with their versions.
    fn values(&self, groups: &[Group], values: &[(usize, usize)]) -> Vec<(Mask, String)> {
        let mut alternatives: Vec<(Mask, String)> = Vec::new();
        for &(number, index) in values {
            let group = &groups[number];
            let value = self.value(group, index);
            match alternatives.iter_mut().find(|(_, one)| one == value) {
                Some((mask, _)) => *mask |= group.mask,
                None => alternatives.push((group.mask, value.to_owned())),
            }
        }
        alternatives.sort_by_key(|(mask, _)| mask.trailing_zeros());
        alternatives
    }

    fn differing(&mut self, groups: &[Group], differing: &[Differing], conflicting: &[NameId]) {
        // Versions that agree in all of these attributes form a group.
        let mut profiles: Vec<(Vec<Option<usize>>, Mask)> = Vec::new();
        for group in groups {
            let which = |(_, values): &Differing| {
                values.iter().position(|(mask, _)| mask & group.mask != 0)
            };
            let profile: Vec<Option<usize>> = differing.iter().map(which).collect();
            match profiles.iter_mut().find(|(one, _)| *one == profile) {
                Some((_, mask)) => *mask |= group.mask,
                None => profiles.push((profile, group.mask)),
            }
        }
        let mut masks: Vec<Mask> = profiles.iter().map(|(_, mask)| *mask).collect();
        masks.sort_unstable_by_key(|mask| mask.trailing_zeros());
        self.mark_names
            .start(&mut self.out.text, &self.mark_names.attributes, masks);
        for (name, values) in differing {
            if conflicting.contains(name) {
                self.conflict_offsets.push(self.out.text.len());
            }
            self.differing_attribute(*name, values);
        }
        mark_names::end(&mut self.out.text, &self.mark_names.attributes);
    }

    fn differing_attribute(&mut self, name: NameId, values: &[(Mask, String)]) {
        let (element, declaration) = self.attribute_element(name);
        let masks = values.iter().map(|(mask, _)| *mask);
        self.mark_names.start(
            &mut self.out.text,
            &format!("{element}{declaration}"),
            masks,
        );
        let value = &self.mark_names.attribute_value;
        for (mask, text) in values {
            self.mark_names.start(&mut self.out.text, value, [*mask]);
            self.out.content(text);
            mark_names::end(&mut self.out.text, value);
        }
        mark_names::end(&mut self.out.text, &element);
    }

    /// The name of the element that represents an attribute, and the declaration that it needs.
    fn attribute_element(&mut self, name: NameId) -> (String, String) {
        let full = self.out.names.get(name);
        let local = self.out.names.str(full.local).to_owned();
        if full.uri == StringId::EMPTY {
            return (
                format!("{}:{local}", self.mark_names.unprefixed),
                String::new(),
            );
        }
        let uri = self.out.names.str(full.uri).to_owned();
        if uri == XML_URI {
            return (format!("{}:{local}", self.mark_names.xml), String::new());
        }
        let prefix = self.out.names.str(full.prefix).to_owned();
        let mut declaration = String::new();
        if self.out.names.lookup(self.out.scope, full.prefix) != full.uri {
            declaration.push_str(&format!(" xmlns:{prefix}=\""));
            crate::write::escape(&mut declaration, &uri, true);
            declaration.push('"');
        }
        (format!("{prefix}:{local}"), declaration)
    }
}
