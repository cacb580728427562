//! Compares the names of members and form fields.

/// Whether two names are equal without case and hyphens: `input-a` and `inputA`, `Path` and `path`.
pub(crate) fn same_name(one: &str, other: &str) -> bool {
    let letters = |name: &'_ str| {
        let bytes = name.as_bytes().to_vec().into_iter();
        bytes
            .filter(|byte| *byte != b'-')
            .map(|byte| byte.to_ascii_lowercase())
    };
    letters(one).eq(letters(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_and_hyphens() {
        assert!(same_name("input-a", "inputA") && same_name("Path", "path") && same_name("", ""));
        assert!(!same_name("input-a", "input-b") && !same_name("path", "paths"));
    }
}
