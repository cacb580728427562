//! Reads versions one by one, then compares or merges them.

use super::chars;
use super::encoding::Source;
use super::error::{Error, ErrorKind};
use super::hashes::Hashing;
use super::merge::{self, Counts, Form, Settings};
use super::names::Names;
use super::namespaces;
use super::options::{
    Additions, Context, MatchOptions, MergeForm, Mode, Namespaces, Roots, Whitespace,
};
use super::paths::Rules;
use super::prefixes;
use super::progress::ProgressSink;
use super::read::{self, ReadOptions};
use super::tree::Tree;

/// How often documents are compared to find all numbers that are equal within the tolerance.
const MAX_ROUNDS: u32 = 3;

/// A version of a document.
#[derive(Debug, Clone)]
pub struct Version {
    /// The name in marks.
    pub name: String,
    /// The document.
    pub source: Source,
}

/// The result of a comparison or a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// The document, in UTF-8.
    pub xml: String,
    /// The number of differences.
    pub counts: Counts,
    /// The offsets in the document at which conflicts begin, in ascending order.
    pub conflict_offsets: Vec<usize>,
}

/// Reads versions one at a time, to observe each input. [`super::compare`] and [`super::merge()`] do it in one call.
#[derive(Debug)]
pub struct Versions {
    options: MatchOptions,
    rules: Rules,
    names: Names,
    labels: Vec<String>,
    trees: Vec<Tree>,
}

impl Versions {
    /// Creates an empty set of versions.
    ///
    /// # Errors
    /// [`ErrorKind::BadOption`] for an invalid path.
    pub fn new(options: &MatchOptions) -> Result<Self, Error> {
        Ok(Self {
            rules: Rules::new(&options.unordered, &options.keys, &options.ignored)?,
            options: options.clone(),
            names: Names::new(),
            labels: Vec::new(),
            trees: Vec::new(),
        })
    }

    /// Reads the next version.
    ///
    /// # Errors
    /// [`ErrorKind::NotWellFormed`], [`ErrorKind::OverLimit`] and [`ErrorKind::Stopped`].
    pub fn read(
        &mut self,
        name: &str,
        source: Source,
        sink: &dyn ProgressSink,
    ) -> Result<(), Error> {
        let reading = ReadOptions {
            input: self.trees.len(),
            limits: &self.options.limits,
            sink,
            quote: true,
            rules: &self.rules,
            external_subset: self.options.external_subset.as_deref(),
            used_memory: self.trees.iter().map(Tree::memory).sum(),
        };
        self.trees
            .push(read::read(source, &mut self.names, &reading)?);
        self.labels.push(name.to_owned());
        Ok(())
    }

    /// Compares the two versions.
    ///
    /// # Errors
    /// [`ErrorKind::BadVersions`] if there are not two versions, [`ErrorKind::DifferentRoots`] and
    /// [`ErrorKind::Stopped`].
    pub fn compare(
        self,
        context: Context,
        moves: bool,
        sink: &dyn ProgressSink,
    ) -> Result<Delta, Error> {
        let (form, content_type) = match context {
            Context::Full => (Form::Full, "full-context"),
            Context::ChangesOnly => (Form::ChangesOnly, "changes-only"),
        };
        if self.trees.len() != 2 {
            return Err(Error::new(
                ErrorKind::BadVersions,
                "A comparison needs two documents.",
            ));
        }
        let settings = Settings {
            form,
            content_type,
            moves,
            ..self.settings()
        };
        self.write_delta(settings, sink)
    }

    /// Merges the versions; the first is the common ancestor.
    ///
    /// # Errors
    /// [`ErrorKind::BadVersions`] as in [`check_versions`], [`ErrorKind::DifferentRoots`] and [`ErrorKind::Stopped`].
    pub fn merge(
        self,
        form: MergeForm,
        mode: Mode,
        additions: Additions,
        sink: &dyn ProgressSink,
    ) -> Result<Delta, Error> {
        let labels: Vec<&str> = self.labels.iter().map(String::as_str).collect();
        check_versions(&labels, mode)?;
        let settings = Settings {
            form: match form {
                MergeForm::Delta => Form::Full,
                MergeForm::Merged => Form::Merged,
            },
            mode,
            content_type: match mode {
                Mode::Sequential => "merge-sequential",
                Mode::Concurrent | Mode::ThreeWay => "merge-concurrent",
            },
            additions,
            ..self.settings()
        };
        self.write_delta(settings, sink)
    }

    /// The settings of a concurrent merge.
    fn settings(&self) -> Settings {
        let options = &self.options;
        let has_ignored = self.trees.iter().any(Tree::has_ignored);
        let is_loose = options.whitespace == Whitespace::Loose;
        Settings {
            form: Form::Full,
            mode: Mode::Concurrent,
            content_type: "merge-concurrent",
            matching: options.clone(),
            takes_last: is_loose || has_ignored || options.tolerance > 0.0,
            moves: false,
            additions: Additions::Both,
            original_prefixes: Vec::new(),
            renamed: Vec::new(),
        }
    }

    fn write_delta(
        mut self,
        mut settings: Settings,
        sink: &dyn ProgressSink,
    ) -> Result<Delta, Error> {
        if self.options.namespaces == Namespaces::Ignored {
            let unified = namespaces::unify(&mut self.trees, &self.labels, &mut self.names);
            let notation = unified.notation.map(|one| ("namespaces", one));
            settings.renamed.extend(notation);
            settings.original_prefixes = unified.prefixes;
        }
        if self.options.roots == Roots::Any {
            let notation = namespaces::unify_roots(&mut self.trees, &self.labels, &mut self.names);
            settings
                .renamed
                .extend(notation.map(|one| ("root-names", one)));
        }
        let originals = prefixes::unify(&mut self.trees, &mut self.names);
        settings.original_prefixes.extend(originals);
        let sources = self.trees.iter().map(|tree| tree.source.as_str());
        let hashing = Hashing::seeded_by(sources);
        let mut known = 0;
        for round in 1.. {
            for tree in &mut self.trees {
                hashing.fill(
                    tree,
                    settings.matching.whitespace != Whitespace::Exact,
                    sink,
                )?;
            }
            let labels = self.labels.clone();
            let merged = merge::merge(&self.trees, labels, self.names, &hashing, &settings, sink)?;
            if merged.equal.len() <= known || round == MAX_ROUNDS {
                return Ok(Delta {
                    xml: merged.xml,
                    counts: merged.counts,
                    conflict_offsets: merged.conflict_offsets,
                });
            }
            // Now that these numbers are known to be equal, elements with no other difference are, too.
            known = merged.equal.len();
            self.names = merged.names;
            for equal in merged.equal {
                let tree = &mut self.trees[equal.tree];
                let hashes = if equal.is_attribute {
                    &mut tree.equal_attributes
                } else {
                    &mut tree.equal_texts
                };
                hashes.insert(equal.number, equal.hash);
            }
        }
        unreachable!("the last round returns")
    }
}

/// Checks the names and the number of versions.
///
/// # Errors
/// [`ErrorKind::BadVersions`] if a name is invalid or duplicate, or if the number does not fit the mode.
pub fn check_versions(names: &[&str], mode: Mode) -> Result<(), Error> {
    let wrong = |message: String| Err(Error::new(ErrorKind::BadVersions, message));
    if names.len() < 2 || names.len() > merge::MAX_VERSIONS {
        return wrong(format!(
            "A merge needs 2 to {} versions.",
            merge::MAX_VERSIONS
        ));
    }
    if mode == Mode::ThreeWay && names.len() != 3 {
        return wrong("A three-way merge needs three versions.".into());
    }
    for (number, name) in names.iter().enumerate() {
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || "=!,\"'<>&".contains(c);
        if name.is_empty() || name.contains(is_odd) || !name.chars().all(chars::is_char) {
            return wrong(format!(
                "Invalid version name {name:?}: names must not be empty or contain white space, control characters or any of = ! , \" ' < > &."
            ));
        }
        if names[..number].contains(name) {
            return wrong(format!("Duplicate version name {name:?}."));
        }
    }
    Ok(())
}
