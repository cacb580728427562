//! One folder that jobs may use, and the paths on the wire that lead below it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::RootSpec;

#[derive(Debug)]
pub(super) struct Root {
    pub(super) name: Option<String>,
    /// Without links.
    pub(super) path: PathBuf,
    /// As the operator gave it, made absolute; it may lead through links.
    given: PathBuf,
    pub(super) read_only: bool,
    pub(super) dir: Dir,
}

impl Root {
    /// Opens the folder that an operator named.
    pub(super) fn open(spec: &RootSpec) -> io::Result<Self> {
        let path = std::fs::canonicalize(&spec.path)?;
        let dir = Dir::open_ambient_dir(&path, ambient_authority())?;
        Ok(Self {
            name: spec.name.clone(),
            given: std::path::absolute(&spec.path)?,
            path,
            read_only: spec.read_only,
            dir,
        })
    }

    /// What of a path on the wire is below it; none if the path is not.
    pub(super) fn rest<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        let rest = match &self.name {
            Some(name) => path.strip_prefix(Path::new("/").join(name)),
            None => path
                .strip_prefix(&self.path)
                .or_else(|_| path.strip_prefix(&self.given)),
        };
        rest.ok()
    }

    /// Its own path on the wire.
    pub(super) fn on_the_wire(&self) -> String {
        match &self.name {
            Some(name) => format!("/{name}"),
            None => self.path.to_string_lossy().into_owned(),
        }
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "/{name}")?,
            None => write!(f, "{}", self.path.display())?,
        }
        if self.read_only {
            f.write_str(" (read-only)")
        } else {
            Ok(())
        }
    }
}
