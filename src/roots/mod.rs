//! The folders that jobs may read and write, and nothing else.
//!
//! A path on the wire is `/NAME/rest` below a named root, or an absolute path below an unnamed one. Everything below
//! is opened relative to the root's own handle (`cap-std`: `openat2` with `RESOLVE_BENEATH` where the kernel has it),
//! so that no `..`, no link and no race leads out.

mod refusal;
mod root;
mod spec;

use std::io;
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

pub use refusal::Refusal;
use root::Root;
pub use spec::RootSpec;

/// The longest path on the wire, in bytes.
const PATH_BYTES: usize = 4096;
/// As much of a path as is repeated where it is none.
const SHOWN_CHARS: usize = 100;

/// A file or folder, told from all others whatever its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The identity of what was looked at.
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Self {
        use cap_std::fs::MetadataExt;
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    /// Where files have none that is cheap to learn they all have the same.
    #[cfg(not(unix))]
    pub fn of(_: &Metadata) -> Self {
        Self {
            device: 0,
            inode: 0,
        }
    }
}

/// Every root, open.
#[derive(Debug)]
pub struct Roots {
    all: Vec<Root>,
    /// The data folder, and once the store is open its files.
    own: RwLock<Vec<Identity>>,
    /// The roots, the data folder and every folder above one of them.
    fixed: Vec<Identity>,
}

/// Something below a root. It may not be there.
#[derive(Debug)]
pub struct Place<'a> {
    root: &'a Root,
    rest: PathBuf,
}

impl Roots {
    /// Opens each root. `data` is the server's own folder, which every walk leaves out.
    ///
    /// # Errors
    /// The first root that is not a folder, cannot be opened, or goes by another's name, with the reason.
    pub(crate) fn open(specs: &[RootSpec], data: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let mut roots: Vec<Root> = Vec::new();
        for spec in specs {
            let root = Root::open(spec).map_err(|error| {
                let expected = format!("{error}; expected a folder");
                (spec.path.clone(), io::Error::new(error.kind(), expected))
            })?;
            let name = root.on_the_wire();
            if roots.iter().any(|other| other.on_the_wire() == name) {
                let taken = format!("another root is {name} already");
                let error = io::Error::new(io::ErrorKind::AlreadyExists, taken);
                return Err((spec.path.clone(), error));
            }
            roots.push(root);
        }
        let mut fixed = Vec::new();
        let paths = roots.iter().map(|root| root.path.clone());
        for path in paths.chain(std::fs::canonicalize(data)) {
            for folder in path.ancestors() {
                let dir = Dir::open_ambient_dir(folder, ambient_authority());
                fixed.extend(
                    dir.and_then(|dir| dir.dir_metadata())
                        .iter()
                        .map(Identity::of),
                );
            }
        }
        let data =
            Dir::open_ambient_dir(data, ambient_authority()).and_then(|dir| dir.dir_metadata());
        Ok(Self {
            all: roots,
            own: RwLock::new(data.iter().map(Identity::of).collect()),
            fixed,
        })
    }

    /// The place that a path on the wire names.
    ///
    /// # Errors
    /// [`Refusal`]: the message names the roots.
    pub fn locate(&self, path: &str) -> Result<Place<'_>, Refusal> {
        let malformed = |reason| {
            Err(Refusal::Malformed {
                path: path.chars().take(SHOWN_CHARS).collect(),
                reason,
                roots: self.describe(),
            })
        };
        if path.len() > PATH_BYTES {
            return malformed("it is longer than 4096 bytes");
        }
        if path.contains('\0') {
            return malformed("it holds a NUL");
        }
        if !path.starts_with('/') && !Path::new(path).is_absolute() {
            return malformed("it does not start with a root");
        }
        let mut parts = Path::new(path).components();
        if parts.any(|part| part == Component::ParentDir) {
            return malformed("it holds '..'");
        }
        for root in &self.all {
            if let Some(rest) = root.rest(Path::new(path)) {
                let rest = if rest.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    rest
                };
                return Ok(Place {
                    root,
                    rest: rest.to_owned(),
                });
            }
        }
        Err(Refusal::Outside {
            path: path.to_owned(),
            roots: self.describe(),
        })
    }

    /// As [`Roots::locate`], for something that is to be written.
    ///
    /// # Errors
    /// As there; also where the root is read-only.
    pub fn locate_target(&self, path: &str) -> Result<Place<'_>, Refusal> {
        let place = self.locate(path)?;
        if place.root.read_only {
            return Err(Refusal::ReadOnly {
                path: path.to_owned(),
                roots: self.describe(),
            });
        }
        Ok(place)
    }

    /// As [`Roots::locate`]; also where a link on the way leads out now, as far as the file system can be asked. Blocks on
    /// it.
    ///
    /// # Errors
    /// As there.
    pub fn admit(&self, path: &str) -> Result<Place<'_>, Refusal> {
        let place = self.locate(path)?;
        self.stay_inside(path, &place)?;
        Ok(place)
    }

    /// As [`Roots::locate_target`]; also where a link on the way to the folder leads out now. Blocks on the file system.
    ///
    /// # Errors
    /// As there.
    pub fn admit_target(&self, path: &str) -> Result<Place<'_>, Refusal> {
        let place = self.locate_target(path)?;
        if let Some((folder, _)) = place.parent() {
            self.stay_inside(path, &folder)?;
        }
        Ok(place)
    }

    fn stay_inside(&self, path: &str, place: &Place<'_>) -> Result<(), Refusal> {
        match place.dir().metadata(place.rest()) {
            // The library says so itself; what the system does not permit has the system's number.
            Err(error)
                if error.kind() == io::ErrorKind::PermissionDenied
                    && error.raw_os_error().is_none() =>
            {
                Err(Refusal::LeadsOut {
                    path: path.to_owned(),
                    roots: self.describe(),
                })
            }
            // What is not there may be there when the job runs.
            _ => Ok(()),
        }
    }

    /// Every root's own path on the wire.
    pub fn paths(&self) -> Vec<String> {
        self.all.iter().map(Root::on_the_wire).collect()
    }

    /// Takes the server's own files out of every job's reach, whatever links lead to them. They are looked at, not
    /// opened: closing the database again would drop the locks that SQLite holds on it, which belong to the process.
    /// A file that is not there is passed over.
    pub(crate) fn protect(&self, files: &[PathBuf]) {
        for file in files {
            let at = file
                .parent()
                .map(|dir| Dir::open_ambient_dir(dir, ambient_authority()));
            if let (Some(Ok(dir)), Some(name)) = (at, file.file_name())
                && let Ok(metadata) = dir.symlink_metadata(name)
            {
                self.own.write().push(Identity::of(&metadata));
            }
        }
    }

    /// Whether a file or folder is the server's own. Ask before opening it.
    pub(crate) fn is_own(&self, metadata: &Metadata) -> bool {
        self.own.read().contains(&Identity::of(metadata))
    }

    /// Whether a folder may be neither replaced nor removed: it is a root or the data folder, or holds one, or is the
    /// server's own.
    pub(crate) fn must_stay(&self, metadata: &Metadata) -> bool {
        self.is_own(metadata) || self.fixed.contains(&Identity::of(metadata))
    }

    fn describe(&self) -> String {
        match self.all.as_slice() {
            [] => "this server has none (see --root)".into(),
            roots => {
                let names: Vec<_> = roots.iter().map(Root::to_string).collect();
                format!("there are: {}", names.join(", "))
            }
        }
    }
}

impl<'a> Place<'a> {
    /// The folder that it is in, and its name there; none for a root itself.
    pub fn parent(&self) -> Option<(Place<'a>, String)> {
        let name = self.rest.file_name()?.to_str()?.to_owned();
        let rest = match self.rest.parent() {
            Some(rest) if !rest.as_os_str().is_empty() => rest.to_owned(),
            _ => PathBuf::from("."),
        };
        Some((
            Place {
                root: self.root,
                rest,
            },
            name,
        ))
    }

    /// The root as it is named on the wire, and the path below it; `""` for the root itself.
    pub fn split(&self) -> (String, String) {
        let rest = self.rest.components().collect::<PathBuf>();
        let rest = if rest == Path::new(".") {
            PathBuf::new()
        } else {
            rest
        };
        (self.root.on_the_wire(), rest.to_string_lossy().into_owned())
    }

    /// Where it is by names alone, for comparison with other places.
    pub fn path(&self) -> PathBuf {
        self.root.path.join(&self.rest).components().collect()
    }

    /// The root's handle.
    pub fn dir(&self) -> &Dir {
        &self.root.dir
    }

    /// The path below it; `.` is the root itself.
    pub fn rest(&self) -> &Path {
        &self.rest
    }

    /// The last part of the path; a root's own name or folder where there is none.
    pub fn name(&self) -> String {
        let name = match self.rest.file_name() {
            Some(name) => Some(name),
            None => match &self.root.name {
                Some(name) => return name.clone(),
                None => self.root.path.file_name(),
            },
        };
        name.map_or_else(|| "root".into(), |name| name.to_string_lossy().into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_a_root_have_a_place() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let real = folder.path().canonicalize().expect("its real path");
        let named = RootSpec {
            name: Some("docs".into()),
            path: real.clone(),
            read_only: false,
        };
        let unnamed = RootSpec {
            name: None,
            path: real.clone(),
            read_only: true,
        };
        let roots = Roots::open(&[named, unnamed], Path::new("/nonexistent")).expect("roots");
        let rest = |path: &str| roots.locate(path).map(|place| place.rest().to_owned());
        assert_eq!(rest("/docs/a/b"), Ok("a/b".into()));
        assert_eq!(rest("/docs"), Ok(".".into()));
        assert_eq!(rest("/docs/"), Ok(".".into()));
        assert_eq!(rest(&format!("{}/x", real.display())), Ok("x".into()));
        for bad in [
            "/docs/../etc",
            "/docsx/a",
            "/etc/passwd",
            "docs/a",
            "",
            "/docs/a\0b",
            "/",
            &"/docs/".repeat(1000),
        ] {
            assert!(rest(bad).is_err(), "{bad:?}");
        }
        for lost in ["/etc/passwd", "docs/a", "/docs/../etc"] {
            let message = roots.locate(lost).expect_err(lost).to_string();
            let named = message.contains("there are: /docs, ");
            assert!(named && message.contains("(read-only)"), "{message}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_root_goes_by_its_path_with_links_and_without_them() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let real = folder.path().canonicalize().expect("its real path");
        let link = real.join("link");
        std::fs::create_dir(real.join("docs")).expect("a folder");
        std::os::unix::fs::symlink("docs", &link).expect("a link");
        let root = RootSpec {
            name: None,
            path: link.clone(),
            read_only: false,
        };
        let roots = Roots::open(&[root], Path::new("/nonexistent")).expect("roots");
        for path in [link.join("a"), real.join("docs/a")] {
            let place = roots
                .locate(path.to_str().expect("UTF-8"))
                .expect("a place");
            assert_eq!(place.path(), real.join("docs/a"));
        }
    }
}
