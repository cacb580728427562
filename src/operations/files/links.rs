//! Decides by its target path whether a link stays inside its root.

use std::path::{Component, Path};

/// Whether a link in a folder `depth` levels below the root points below the root. Looks at the path only, not at the disk.
pub(in crate::operations) fn stays_inside(target: &Path, mut depth: usize) -> bool {
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_target_is_checked_lexically() {
        let check = |target: &str, depth, expected| {
            assert_eq!(stays_inside(Path::new(target), depth), expected, "{target}");
        };
        check("a", 0, true);
        check("./a/../b", 0, true);
        check("..", 0, false);
        check("..", 1, true);
        check("../../a", 1, false);
        check("a/../../b", 0, false);
        check("../../a/../..", 2, false);
        check("/a", 5, false);
    }
}
