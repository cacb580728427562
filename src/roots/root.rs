//! One folder that jobs may use, and the paths on the wire that lead below it.

use std::fmt;
use std::io;
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::identity::Identity;
use crate::config::RootSpec;

#[derive(Debug)]
pub(super) struct Root {
    pub(super) name: Option<String>,
    /// As the operator gave it, made absolute; what it leads to may change.
    pub(super) path: PathBuf,
    /// Without links, as it was when the server started. An unnamed root goes by it too, for as long as it is so.
    real: PathBuf,
    pub(super) read_only: bool,
}

/// A root's folder.
#[derive(Debug)]
pub(super) struct OpenRoot {
    pub(super) dir: Dir,
    /// Without links.
    real: PathBuf,
}

/// By which of its paths a root was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedBy {
    /// By its name, or by its path as the operator gave it.
    Given,
    /// By its path without links.
    Real,
}

impl Root {
    /// Takes note of the folder that an operator named; it must be there.
    pub(super) fn new(spec: &RootSpec, data: &Path) -> io::Result<Self> {
        let mut root = Self {
            name: spec.name.clone(),
            path: plain(&spec.path)?,
            real: PathBuf::new(),
            read_only: spec.read_only,
        };
        root.real = root.find(data)?.real;
        Ok(root)
    }

    /// Opens what its path leads to now. `data` is the server's own folder, without links.
    pub(super) fn open(&self, data: &Path) -> io::Result<OpenRoot> {
        self.find(data).map_err(|error| {
            let message = format!("the root {} cannot be opened: {error}", self.on_the_wire());
            io::Error::new(error.kind(), message)
        })
    }

    fn find(&self, data: &Path) -> io::Result<OpenRoot> {
        let real = std::fs::canonicalize(&self.path)?;
        let is_own = !data.as_os_str().is_empty() && real.starts_with(data);
        if is_own {
            let why = "it is inside of the server's own data, which no job reads";
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
        let dir = Dir::open_ambient_dir(&real, ambient_authority())?;
        Ok(OpenRoot { dir, real })
    }

    /// Whether an open root is the one that a path meant which named it so.
    ///
    /// # Errors
    /// It is not: its path leads elsewhere now.
    pub(super) fn check(&self, open: &OpenRoot, named_by: NamedBy) -> io::Result<()> {
        if named_by == NamedBy::Given || open.real == self.real {
            return Ok(());
        }
        let (path, now) = (self.path.display(), open.real.display());
        let message = format!("the root {path} leads to {now} now");
        Err(io::Error::new(io::ErrorKind::NotFound, message))
    }

    /// What of a path on the wire is below it; none if the path is not.
    pub(super) fn rest<'p>(&self, path: &'p Path) -> Option<(&'p Path, NamedBy)> {
        let below = |top: &Path, named_by| Some((path.strip_prefix(top).ok()?, named_by));
        match &self.name {
            Some(name) => below(&Path::new("/").join(name), NamedBy::Given),
            None => below(&self.path, NamedBy::Given).or_else(|| below(&self.real, NamedBy::Real)),
        }
    }

    /// Whether it has a path on the wire in common with another root.
    pub(super) fn is_called_as(&self, other: &Self) -> bool {
        let are_unnamed = self.name.is_none() && other.name.is_none();
        self.on_the_wire() == other.on_the_wire() || (are_unnamed && self.real == other.real)
    }

    /// Its own path on the wire.
    pub(super) fn on_the_wire(&self) -> String {
        match &self.name {
            Some(name) => format!("/{name}"),
            None => self.path.to_string_lossy().into_owned(),
        }
    }

    /// Where it is now by names alone.
    pub(super) fn real_path(&self) -> PathBuf {
        std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone())
    }

    /// Whether something is it, or one of the folders and links on the way to it.
    pub(super) fn leads_through(&self, identity: Identity) -> bool {
        let real = self.real_path();
        let mut way = self.path.ancestors().chain(real.ancestors());
        way.any(|at| Identity::at(at) == Some(identity))
    }
}

/// An absolute path that holds no `..`, with its links, but for those before one.
fn plain(path: &Path) -> io::Result<PathBuf> {
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
