//! `cloakroom merge-driver`: merges XML files for git, in this process.

use std::path::{Path, PathBuf};

use crate::cli::{EXIT_FAILED, Failure};
use crate::xml::{self, MergeForm, MergeOptions, Mode, Version};

#[derive(clap::Args)]
pub(in crate::cli) struct MergeDriver {
    /// File with the common ancestor: `%O` in git's configuration.
    base: PathBuf,
    /// File with our version, which is replaced by the merged document: `%A`.
    ours: PathBuf,
    /// File with their version: `%B`.
    theirs: PathBuf,
}

impl MergeDriver {
    /// Merges the files.
    ///
    /// # Errors
    /// There are conflicts; or a file cannot be read, is not well-formed, or has another root element, and then OURS
    /// is unchanged.
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        let files = [
            ("base", &self.base),
            ("ours", &self.ours),
            ("theirs", &self.theirs),
        ];
        let mut versions = Vec::new();
        let mut ours = Vec::new();
        for (name, path) in files {
            let bytes = std::fs::read(path).map_err(|error| failed(path, &error))?;
            if name == "ours" {
                ours.clone_from(&bytes);
            }
            versions.push(Version {
                name: name.to_owned(),
                source: bytes.into(),
            });
        }
        let options = MergeOptions {
            form: MergeForm::Merged,
            mode: Mode::ThreeWay,
            ..MergeOptions::default()
        };
        let merged = xml::merge(versions, &options, &()).map_err(|error| {
            let file = error.input.and_then(|input| files.get(input));
            match file {
                Some((name, _)) => Failure::new(EXIT_FAILED, format!("{name}: {error}")),
                None => Failure::new(EXIT_FAILED, error),
            }
        })?;
        let text = in_the_form_of(&ours, &merged.xml);
        std::fs::write(&self.ours, text).map_err(|error| failed(&self.ours, &error))?;
        match merged.counts.conflicts {
            0 => Ok(()),
            1 => Err(Failure::new(
                EXIT_FAILED,
                "1 conflict, marked with deltaxml:deltaV2",
            )),
            count => {
                let message = format!("{count} conflicts, marked with deltaxml:deltaV2");
                Err(Failure::new(EXIT_FAILED, message))
            }
        }
    }
}

/// The merged document with an XML declaration and a line break at the end only if our version has them.
fn in_the_form_of<'m>(ours: &[u8], merged: &'m str) -> &'m str {
    let has_declaration = !ours.trim_ascii_start().starts_with(b"<") || ours.starts_with(b"<?xml");
    let text = match merged.split_once("?>\n") {
        Some((_, rest)) if !has_declaration => rest,
        _ => merged,
    };
    if ours.ends_with(b"\n") {
        text
    } else {
        text.trim_end_matches('\n')
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(EXIT_FAILED, format!("{}: {error}", path.display()))
}
