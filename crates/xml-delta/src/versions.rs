//! Versions that are read one by one, and then put together.

use super::chars;
use super::encoding::Source;
use super::error::{Error, ErrorKind};
use super::hashes::Hashing;
use super::merge::{self, Counts, Form, Settings};
use super::names::Names;
use super::options::{Context, MatchOptions, MergeForm, Mode, Whitespace};
use super::paths::Rules;
use super::progress::ProgressSink;
use super::read::{self, Reading};
use super::tree::Tree;

/// A version of a document.
#[derive(Debug, Clone)]
pub struct Version {
    /// What marks call it.
    pub name: String,
    /// The document.
    pub source: Source,
}

/// What came of a comparison or a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// The document, in UTF-8.
    pub xml: String,
    /// How much differs.
    pub counts: Counts,
}

/// Documents that belong together. For who wants to know when which of them is read; else [`super::compare`] and
/// [`super::merge()`] do it all.
#[derive(Debug)]
pub struct Versions {
    options: MatchOptions,
    rules: Rules,
    names: Names,
    labels: Vec<String>,
    trees: Vec<Tree>,
}

impl Versions {
    /// None yet.
    ///
    /// # Errors
    /// [`Code::BadOption`] for a path that is none.
    pub fn new(options: &MatchOptions) -> Result<Self, Error> {
        Ok(Self {
            rules: Rules::new(&options.unordered, &options.keys)?,
            options: options.clone(),
            names: Names::new(),
            labels: Vec::new(),
            trees: Vec::new(),
        })
    }

    /// Reads one more.
    ///
    /// # Errors
    /// What is wrong with the document.
    pub fn read(
        &mut self,
        name: &str,
        source: Source,
        sink: &dyn ProgressSink,
    ) -> Result<(), Error> {
        let reading = Reading {
            input: self.trees.len(),
            limits: &self.options.limits,
            sink,
            quote: true,
            rules: &self.rules,
        };
        self.trees
            .push(read::read(source, &mut self.names, &reading)?);
        self.labels.push(name.to_owned());
        Ok(())
    }

    /// Compares the two that were read.
    ///
    /// # Errors
    /// As for [`super::compare`].
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
                "A comparison takes two documents.",
            ));
        }
        let settings = Settings {
            form,
            mode: Mode::Concurrent,
            content_type,
            whitespace: self.options.whitespace,
            words: self.options.words,
            window: self.options.window,
            moves,
            version_order: false,
        };
        self.put_together(&settings, sink)
    }

    /// Merges all that were read; the others come from the first.
    ///
    /// # Errors
    /// As for [`super::merge()`].
    pub fn merge(
        self,
        form: MergeForm,
        mode: Mode,
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
            whitespace: self.options.whitespace,
            words: self.options.words,
            window: self.options.window,
            moves: false,
            version_order: true,
        };
        self.put_together(&settings, sink)
    }

    fn put_together(
        mut self,
        settings: &Settings,
        sink: &dyn ProgressSink,
    ) -> Result<Delta, Error> {
        let sources = self.trees.iter().map(|tree| tree.source.as_str());
        let hashing = Hashing::of(sources);
        for tree in &mut self.trees {
            hashing.fill(tree, settings.whitespace != Whitespace::Exact, sink)?;
        }
        let merged = merge::merge(
            &self.trees,
            self.labels,
            self.names,
            &hashing,
            settings,
            sink,
        )?;
        Ok(Delta {
            xml: merged.xml,
            counts: merged.counts,
        })
    }
}

/// Finds out whether versions of these names can be merged.
///
/// # Errors
/// [`Code::BadVersions`].
pub fn check_versions(names: &[&str], mode: Mode) -> Result<(), Error> {
    let wrong = |message: String| Err(Error::new(ErrorKind::BadVersions, message));
    if names.len() < 2 || names.len() > merge::VERSIONS {
        return wrong(format!("A merge takes 2 to {} versions.", merge::VERSIONS));
    }
    if mode == Mode::ThreeWay && names.len() != 3 {
        return wrong("A three-way merge takes three versions.".into());
    }
    for (number, name) in names.iter().enumerate() {
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || "=!,\"'<>&".contains(c);
        if name.is_empty() || name.contains(is_odd) || !name.chars().all(chars::is_char) {
            return wrong(format!(
                "{name:?} cannot be the name of a version: marks are made of \"=\", \"!\" and \",\"."
            ));
        }
        if names[..number].contains(name) {
            return wrong(format!("Two versions are named {name:?}."));
        }
    }
    Ok(())
}
