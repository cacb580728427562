//! A folder that jobs may access, and the paths on the wire below it.

use std::fmt;
use std::io;
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::identity::Identity;
use crate::config::RootSpec;

/// A root.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) name: Option<String>,
    /// The operator's path, made absolute. Its links may change.
    pub(super) path: PathBuf,
    /// The path without links when the server started. It also names an unnamed root, while the links stay the same.
    real: PathBuf,
    pub(super) read_only: bool,
}

/// The open folder of a root.
#[derive(Debug)]
pub(super) struct OpenRoot {
    pub(super) dir: Dir,
    /// The folder's path without links.
    real: PathBuf,
}

/// Which of its paths a root was named by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedBy {
    /// Its name, or the operator's path.
    Given,
    /// Its path without links.
    Real,
}

impl Root {
    /// The root of a specification.
    ///
    /// # Errors
    /// The folder does not exist, cannot be opened, or is inside of the data folder.
    pub(super) fn new(spec: &RootSpec, data: &Path) -> io::Result<Self> {
        let mut root = Self {
            name: spec.name.clone(),
            path: normalize(&spec.path)?,
            real: PathBuf::new(),
            read_only: spec.read_only,
        };
        root.real = root.find(data)?.real;
        Ok(root)
    }

    /// Opens the folder that the path leads to now. `data` is the data folder, without links.
    ///
    /// # Errors
    /// As [`Root::new`]; the message names the root.
    pub(super) fn open(&self, data: &Path) -> io::Result<OpenRoot> {
        self.find(data).map_err(|error| {
            let message = format!("cannot open the root {}: {error}", self.on_the_wire());
            io::Error::new(error.kind(), message)
        })
    }

    fn find(&self, data: &Path) -> io::Result<OpenRoot> {
        let real = std::fs::canonicalize(&self.path)?;
        let is_own = !data.as_os_str().is_empty() && real.starts_with(data);
        if is_own {
            let why = "it is inside of the data folder, which jobs must not access";
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
        let dir = Dir::open_ambient_dir(&real, ambient_authority())?;
        Ok(OpenRoot { dir, real })
    }

    /// Checks that an open root is the one that a path named.
    ///
    /// # Errors
    /// The root was named by its path without links, and its path leads to another folder now.
    pub(super) fn check(&self, open: &OpenRoot, named_by: NamedBy) -> io::Result<()> {
        if named_by == NamedBy::Given || open.real == self.real {
            return Ok(());
        }
        let (path, now) = (self.path.display(), open.real.display());
        let message = format!("the root {path} now leads to {now}");
        Err(io::Error::new(io::ErrorKind::NotFound, message))
    }

    /// The part of a path on the wire below this root; `None` if the path is not below it.
    pub(super) fn rest<'p>(&self, path: &'p Path) -> Option<(&'p Path, NamedBy)> {
        let below = |top: &Path, named_by| Some((path.strip_prefix(top).ok()?, named_by));
        match &self.name {
            Some(name) => below(&Path::new("/").join(name), NamedBy::Given),
            None => below(&self.path, NamedBy::Given).or_else(|| below(&self.real, NamedBy::Real)),
        }
    }

    /// Whether both roots share a path on the wire.
    pub(super) fn shares_path_with(&self, other: &Self) -> bool {
        let are_unnamed = self.name.is_none() && other.name.is_none();
        self.on_the_wire() == other.on_the_wire() || (are_unnamed && self.real == other.real)
    }

    /// The root's path on the wire.
    pub(super) fn on_the_wire(&self) -> String {
        match &self.name {
            Some(name) => format!("/{name}"),
            None => self.path.to_string_lossy().into_owned(),
        }
    }

    /// The path without links as of now, without opening the folder.
    pub(super) fn real_path(&self) -> PathBuf {
        std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone())
    }

    /// Whether a file is the root, or a folder or link on the way to it.
    pub(super) fn leads_through(&self, identity: Identity) -> bool {
        let real = self.real_path();
        let mut way = self.path.ancestors().chain(real.ancestors());
        way.any(|at| Identity::at(at) == Some(identity))
    }
}

/// Makes a path absolute and removes each `..`. Links before a `..` are resolved, others are kept.
fn normalize(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let parts: Vec<_> = path.components().collect();
    let ends = |part: &Component<'_>| *part == Component::ParentDir;
    let Some(last) = parts.iter().rposition(ends) else {
        return Ok(parts.iter().collect());
    };
    let above = std::fs::canonicalize(parts[..=last].iter().collect::<PathBuf>())?;
    Ok(above.join(parts[last + 1..].iter().collect::<PathBuf>()))
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.on_the_wire())?;
        if self.read_only {
            f.write_str(" (read-only)")
        } else {
            Ok(())
        }
    }
}
