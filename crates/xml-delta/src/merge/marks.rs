//! Which versions have what: sets of versions, their names in marks, and who changed what.

use crate::options::Mode;

/// A set of versions, by number.
pub(crate) type Mask = u64;

/// As many versions as fit into a [`Mask`].
pub(crate) const VERSIONS: usize = 64;

/// What becomes of a place where versions differ, when they are made one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The alternative of this number.
    Take(usize),
    /// Nothing.
    Omit,
    /// It was changed in more than one way.
    Conflict {
        /// One of the ways is that it is gone.
        gone: bool,
    },
}

/// Decides among alternatives, each had by some of the versions in `all`; who has none of them has nothing there.
pub(crate) fn decide(mode: Mode, all: Mask, alternatives: &[Mask]) -> Outcome {
    let some = alternatives.iter().fold(0, |some, one| some | one);
    let of = |version: Mask| match alternatives.iter().position(|one| one & version != 0) {
        Some(at) => Outcome::Take(at),
        None => Outcome::Omit,
    };
    if mode == Mode::Sequential {
        return of(1 << (Mask::BITS - 1 - all.leading_zeros()));
    }
    // Added by several: the ancestor has not even the place.
    if all & 1 == 0 {
        return match alternatives {
            [_] => Outcome::Take(0),
            _ => Outcome::Conflict { gone: false },
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
                .expect("one was counted"),
        ),
        _ => Outcome::Conflict { gone: deleted },
    }
}

/// The names of versions, as marks have them.
#[derive(Debug)]
pub(crate) struct Labels(pub(crate) Vec<String>);

impl Labels {
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

    /// Every version.
    pub(crate) fn all(&self) -> Mask {
        Mask::MAX >> (VERSIONS - self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_two_changed_differently_is_a_conflict() {
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
        check(0b110, &[0b010], Outcome::Take(0));
        assert_eq!(decide(Mode::Sequential, 0b111, &[0b011]), Outcome::Omit);
        assert_eq!(
            decide(Mode::Sequential, 0b111, &[0b001, 0b110]),
            Outcome::Take(1)
        );
    }
}
