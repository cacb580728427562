//! The folders that jobs may read and write, and nothing else.
//!
//! A path on the wire is `/NAME/rest` below a named root, or an absolute path below an unnamed one. Everything below
//! is opened relative to the root's own handle (`cap-std`: `openat2` with `RESOLVE_BENEATH` where the kernel has it),
//! so that no `..`, no link and no race leads out.
//!
//! No root is held open for good: what its path leads to may be switched, swapped or unmounted while the server runs.
//! Each use opens it anew, but [`Roots::pinned`] keeps to the folder that it found first: one attempt at a job sees one
//! folder, and lets go of it at its end.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata};
use parking_lot::RwLock;

use crate::roots::identity::Identity;
use crate::roots::location::Location;
use crate::roots::refusal::Refusal;
use crate::roots::root::{OpenRoot, Root};
use crate::roots::spec::RootSpec;

/// The longest path on the wire, in bytes.
pub(in crate::roots) const PATH_BYTES: usize = 4096;
/// As much of a path as is repeated where it is none.
pub(in crate::roots) const SHOWN_CHARS: usize = 100;

/// Every root.
#[derive(Debug)]
pub struct Roots {
    pub(in crate::roots) shared: Arc<Shared>,
    /// What each root's path led to when it was first used here; none where it is opened anew each time.
    pub(in crate::roots) pins: Option<Box<[OnceLock<OpenRoot>]>>,
}

#[derive(Debug)]
pub(in crate::roots) struct Shared {
    pub(in crate::roots) all: Vec<Root>,
    /// The server's own folder, without links; empty if it is not there.
    pub(in crate::roots) data: PathBuf,
    /// The data folder, and once the store is open its files.
    pub(in crate::roots) own: RwLock<Vec<Identity>>,
}

impl Roots {
    /// Takes note of each root. `data` is the server's own folder, which every walk leaves out.
    ///
    /// # Errors
    /// The first root that is not a folder, cannot be opened, is inside of `data`, or goes by another's name, with the
    /// reason.
    pub(crate) fn open(specs: &[RootSpec], data: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let data = std::fs::canonicalize(data).unwrap_or_default();
        let mut roots: Vec<Root> = Vec::new();
        for spec in specs {
            let root = Root::new(spec, &data).map_err(|error| {
                let expected = format!("{error}; expected a folder");
                (spec.path.clone(), io::Error::new(error.kind(), expected))
            })?;
            if let Some(other) = roots.iter().find(|other| root.is_called_as(other)) {
                let taken = format!("another root is {} already", other.on_the_wire());
                let error = io::Error::new(io::ErrorKind::AlreadyExists, taken);
                return Err((spec.path.clone(), error));
            }
            roots.push(root);
        }
        let own = Identity::at(&data).into_iter().collect();
        Ok(Self {
            shared: Arc::new(Shared {
                all: roots,
                data,
                own: RwLock::new(own),
            }),
            pins: None,
        })
    }

    /// The same roots, each of which stays the folder that it is when it is first used, and is held until this is
    /// dropped.
    pub(crate) fn pinned(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            pins: Some(self.shared.all.iter().map(|_| OnceLock::new()).collect()),
        }
    }

    /// The same roots, opened anew at each use.
    pub(crate) fn unpinned(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            pins: None,
        }
    }

    /// Why a root cannot be used now, for the first of which that is so; `on_root` is told of each root, by its number,
    /// before it is looked at. Blocks on the file system, for as long as a network's may.
    pub(crate) fn trouble(&self, mut on_root: impl FnMut(usize)) -> Option<io::Error> {
        let mut roots = self.shared.all.iter().enumerate();
        roots.find_map(|(number, root)| {
            on_root(number);
            root.open(&self.shared.data).err()
        })
    }

    /// The place that a path on the wire names.
    ///
    /// # Errors
    /// [`Refusal`]: the message names the roots.
    pub fn locate(&self, path: &str) -> Result<Location<'_>, Refusal> {
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
        for number in 0..self.shared.all.len() {
            if let Some(place) = Location::find(self, number, Path::new(path)) {
                return Ok(place);
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
    pub fn locate_target(&self, path: &str) -> Result<Location<'_>, Refusal> {
        let place = self.locate(path)?;
        if place.root().read_only {
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
    pub fn admit(&self, path: &str) -> Result<Location<'_>, Refusal> {
        let place = self.locate(path)?;
        self.stay_inside(path, &place)?;
        Ok(place)
    }

    /// As [`Roots::locate_target`]; also where a link on the way to the folder leads out now. Blocks on the file system.
    ///
    /// # Errors
    /// As there.
    pub fn admit_target(&self, path: &str) -> Result<Location<'_>, Refusal> {
        let place = self.locate_target(path)?;
        if let Some((folder, _)) = place.parent() {
            self.stay_inside(path, &folder)?;
        }
        Ok(place)
    }

    pub(in crate::roots) fn stay_inside(
        &self,
        path: &str,
        place: &Location<'_>,
    ) -> Result<(), Refusal> {
        // A root that is not there may be when the job runs.
        let Ok(dir) = place.open() else {
            return Ok(());
        };
        match dir.metadata(place.rest()) {
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
            // Nor may what is not there be missing then.
            _ => Ok(()),
        }
    }

    /// Every root's own path on the wire.
    pub fn paths(&self) -> Vec<String> {
        self.shared.all.iter().map(Root::on_the_wire).collect()
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
                self.shared.own.write().push(Identity::of(&metadata));
            }
        }
    }

    /// Whether a file or folder is the server's own. Ask before opening it.
    pub(crate) fn is_own(&self, metadata: &Metadata) -> bool {
        self.shared.own.read().contains(&Identity::of(metadata))
    }

    /// Whether something may be neither replaced nor removed: it is a root or the data folder, or holds one, or is a link
    /// on the way to one, or is the server's own. Blocks on the file system.
    pub(crate) fn must_stay(&self, metadata: &Metadata) -> bool {
        if self.is_own(metadata) {
            return true;
        }
        // A file leads nowhere.
        if metadata.is_file() {
            return false;
        }
        let identity = Identity::of(metadata);
        let is_above = |path: &Path| {
            path.ancestors()
                .any(|at| Identity::at(at) == Some(identity))
        };
        is_above(&self.shared.data)
            || self
                .shared
                .all
                .iter()
                .any(|root| root.leads_through(identity))
    }

    pub(in crate::roots) fn describe(&self) -> String {
        match self.shared.all.as_slice() {
            [] => "this server has none (see --root)".into(),
            roots => {
                let names: Vec<_> = roots.iter().map(Root::to_string).collect();
                format!("there are: {}", names.join(", "))
            }
        }
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
