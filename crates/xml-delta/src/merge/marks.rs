//! Sets of versions, their notation in marks, and the rules of merging.

use crate::options::Mode;

/// A set of versions as a bit mask.
pub(crate) type Mask = u64;

/// Maximum number of versions.
pub(crate) const MAX_VERSIONS: usize = 64;

/// The result of merging a place where versions differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Take the alternative of this index.
    Take(usize),
    /// Write nothing.
    Omit,
    /// Versions changed it differently.
    Conflict {
        /// One of the changes is a deletion.
        gone: bool,
    },
}

/// Decides among alternatives of the versions in `all`. A version without an alternative has nothing there.
pub(crate) fn decide(mode: Mode, all: Mask, alternatives: &[Mask]) -> Outcome {
    let some = alternatives.iter().fold(0, |some, one| some | one);
    let of = |version: Mask| match alternatives.iter().position(|one| one & version != 0) {
        Some(at) => Outcome::Take(at),
        None => Outcome::Omit,
    };
    if mode == Mode::Sequential {
        return of(1 << (Mask::BITS - 1 - all.leading_zeros()));
    }
    // Added by several versions: the ancestor does not have the parent, so that every difference is a conflict.
    if all & 1 == 0 {
        return match alternatives {
            [one] if *one == all => Outcome::Take(0),
            _ => Outcome::Conflict { gone: some != all },
        };
    }
    let changed = |one: &Mask| *one & 1 == 0;
    let without = all & !some;
    let deleted = without != 0 && some & 1 != 0;
    let ways = alternatives.iter().filter(|one| changed(one)).count() + usize::from(deleted);
    match ways {
        0 => of(1),
        1 if deleted => Outcome::Omit,
        1 => Outcome::Take(
            alternatives
                .iter()
                .position(changed)
                .expect("a change was counted"),
        ),
        _ => Outcome::Conflict { gone: deleted },
    }
}

/// The names of the versions.
#[derive(Debug)]
pub(crate) struct VersionNames(pub(crate) Vec<String>);

impl VersionNames {
    /// Appends `a=b`.
    fn push_group(&self, out: &mut String, group: Mask) {
        let mut separator = "";
        for (number, label) in self.0.iter().enumerate() {
            if group & (1 << number) != 0 {
                out.push_str(separator);
                out.push_str(label);
                separator = "=";
            }
        }
    }

    /// Appends `a=b!=c`; the groups are in the order of their first versions.
    pub(crate) fn push(&self, out: &mut String, groups: impl IntoIterator<Item = Mask>) {
        let mut separator = "";
        for group in groups {
            out.push_str(separator);
            self.push_group(out, group);
            separator = "!=";
        }
    }

    /// The set of all versions.
    pub(crate) fn all(&self) -> Mask {
        Mask::MAX >> (MAX_VERSIONS - self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_different_changes_are_conflicts() {
        let check = |all: Mask, alternatives: &[Mask], expected: Outcome| {
            assert_eq!(
                decide(Mode::Concurrent, all, alternatives),
                expected,
                "{all:b} {alternatives:?}"
            );
        };
        check(0b111, &[0b101, 0b010], Outcome::Take(1));
        check(0b111, &[0b001, 0b110], Outcome::Take(1));
        check(
            0b111,
            &[0b001, 0b010, 0b100],
            Outcome::Conflict { gone: false },
        );
        check(0b111, &[0b011], Outcome::Omit);
        check(0b111, &[0b001], Outcome::Omit);
        check(0b111, &[0b010], Outcome::Take(0));
        check(0b111, &[0b010, 0b100], Outcome::Conflict { gone: false });
        check(0b111, &[0b001, 0b010], Outcome::Conflict { gone: true });
        check(0b110, &[0b110], Outcome::Take(0));
        check(0b110, &[0b010], Outcome::Conflict { gone: true });
        check(0b010, &[0b010], Outcome::Take(0));
        assert_eq!(decide(Mode::Sequential, 0b111, &[0b011]), Outcome::Omit);
        assert_eq!(
            decide(Mode::Sequential, 0b111, &[0b001, 0b110]),
            Outcome::Take(1)
        );
    }
}
