//! The globs that exclude files and folders from an archive.

use std::path::Path;

use globset::{Glob, GlobBuilder, GlobSet};

/// Compiled globs.
pub(super) struct Exclude {
    /// Matched against the name alone, at any depth.
    names: GlobSet,
    /// Matched against the path below the source.
    paths: GlobSet,
}

impl Exclude {
    /// Compiles globs.
    ///
    /// # Errors
    /// The index of the first invalid pattern, and its error.
    pub(super) fn new(patterns: &[String]) -> Result<Self, (usize, globset::Error)> {
        let mut names = GlobSet::builder();
        let mut paths = GlobSet::builder();
        for (number, pattern) in patterns.iter().enumerate() {
            let glob = compile(pattern).map_err(|error| (number, error))?;
            // As in .gitignore, a slash at the end does not make a pattern a path.
            if pattern.trim_end_matches('/').contains('/') {
                paths.add(glob);
            } else {
                names.add(glob);
            }
        }
        let last = patterns.len().saturating_sub(1);
        Ok(Self {
            names: names.build().map_err(|error| (last, error))?,
            paths: paths.build().map_err(|error| (last, error))?,
        })
    }

    /// Whether the entry at `path` is excluded, with everything below it.
    pub(super) fn matches(&self, path: &Path) -> bool {
        self.names.is_match(path.file_name().unwrap_or_default()) || self.paths.is_match(path)
    }
}

fn compile(pattern: &str) -> Result<Glob, globset::Error> {
    let pattern = pattern.trim_end_matches('/');
    GlobBuilder::new(pattern.strip_prefix('/').unwrap_or(pattern))
        .literal_separator(true)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_with_a_slash_matches_paths_and_without_one_names() {
        let check = |pattern: &str, path: &str, expected| {
            let exclude = Exclude::new(&[pattern.to_owned()]).expect("a pattern");
            let matches = exclude.matches(Path::new(path));
            assert_eq!(matches, expected, "{pattern} {path}");
        };
        check("*.o", "a.o", true);
        check("*.o", "deep/down/a.o", true);
        check("*.o", "a.obj", false);
        check("target", "deep/target", true);
        check("target/", "deep/target", true);
        check("/target", "target", true);
        check("/target", "deep/target", false);
        check("src/*.c", "src/a.c", true);
        check("src/*.c", "src/deep/a.c", false);
        check("src/*.c", "other/src/a.c", false);
        check("**/gen/*.c", "a/b/gen/a.c", true);
        check("a/**", "a/b/c", true);
        check("*.{o,so}", "x/libm.so", true);
    }

    #[test]
    fn invalid_pattern_is_named_by_its_index() {
        let patterns = ["ok".to_owned(), "[".to_owned()];
        let number = Exclude::new(&patterns).err().map(|(number, _)| number);
        assert_eq!(number, Some(1));
        assert!(Exclude::new(&[]).is_ok());
    }
}
