//! [`Roots`]: the set of roots, and the lookup of paths on the wire.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata};
use parking_lot::RwLock;

use crate::config::RootSpec;
use crate::roots::identity::Identity;
use crate::roots::location::Location;
use crate::roots::refusal::Refusal;
use crate::roots::root::{OpenRoot, Root};
use crate::roots::shared::Shared;

/// The longest path on the wire, in bytes.
const MAX_PATH_BYTES: usize = 4096;
/// The number of characters of a malformed path that the error repeats.
const SHOWN_CHARS: usize = 100;

/// The set of roots.
#[derive(Debug)]
pub struct Roots {
    pub(in crate::roots) shared: Arc<Shared>,
    /// The folder that each root's path led to at its first use; `None` if roots are opened at each use.
    pub(in crate::roots) pins: Option<Box<[OnceLock<OpenRoot>]>>,
}

impl Roots {
    /// Resolves each root. `data` is the data folder, which every walk skips.
    ///
    /// # Errors
    /// The path of the first root that is not a folder, cannot be opened, is inside of `data`, or has the name of another
    /// root, with the reason.
    pub(crate) fn open(specs: &[RootSpec], data: &Path) -> Result<Self, (PathBuf, io::Error)> {
        let data = std::fs::canonicalize(data).unwrap_or_default();
        let mut roots: Vec<Root> = Vec::new();
        for spec in specs {
            let root = Root::new(spec, &data).map_err(|error| {
                let expected = format!("{error}; expected a folder");
                (spec.path.clone(), io::Error::new(error.kind(), expected))
            })?;
            if let Some(other) = roots.iter().find(|other| root.shares_path_with(other)) {
                let taken = format!("another root is already named {}", other.on_the_wire());
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

    /// The same roots, each pinned to the folder that its first use opens, which is held until this is dropped.
    pub(crate) fn pinned(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            pins: Some(self.shared.all.iter().map(|_| OnceLock::new()).collect()),
        }
    }

    /// The same roots, opened again at each use.
    pub(crate) fn unpinned(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            pins: None,
        }
    }

    /// The error of the first root that cannot be opened now. Calls `on_root` with each root's index before opening it.
    /// Blocks on the file system, which may take long for a network file system.
    pub(crate) fn trouble(&self, mut on_root: impl FnMut(usize)) -> Option<io::Error> {
        let mut roots = self.shared.all.iter().enumerate();
        roots.find_map(|(number, root)| {
            on_root(number);
            root.open(&self.shared.data).err()
        })
    }

    /// Resolves a path on the wire to a location below a root.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] and [`Refusal::Outside`]; the message lists the roots.
    pub fn locate(&self, path: &str) -> Result<Location<'_>, Refusal> {
        let malformed = |reason| {
            Err(Refusal::Malformed {
                path: path.chars().take(SHOWN_CHARS).collect(),
                reason,
                roots: self.describe(),
            })
        };
        if path.len() > MAX_PATH_BYTES {
            return malformed("the path is longer than 4096 bytes");
        }
        if path.contains('\0') {
            return malformed("the path contains a NUL character");
        }
        if !path.starts_with('/') && !Path::new(path).is_absolute() {
            return malformed("the path is not absolute");
        }
        let mut parts = Path::new(path).components();
        if parts.any(|part| part == Component::ParentDir) {
            return malformed("the path contains '..'");
        }
        for number in 0..self.shared.all.len() {
            if let Some(location) =
                Location::find(&self.shared, self.pins.as_deref(), number, Path::new(path))
            {
                return Ok(location);
            }
        }
        Err(Refusal::Outside {
            path: path.to_owned(),
            roots: self.describe(),
        })
    }

    /// As [`Roots::locate`], for a location to write to.
    ///
    /// # Errors
    /// Also [`Refusal::ReadOnly`].
    pub fn locate_target(&self, path: &str) -> Result<Location<'_>, Refusal> {
        let location = self.locate(path)?;
        if location.root().read_only {
            return Err(Refusal::ReadOnly {
                path: path.to_owned(),
                roots: self.describe(),
            });
        }
        Ok(location)
    }

    /// As [`Roots::locate`]; also rejects a path if a link on the way leads out of the root now. Blocks on the file system.
    ///
    /// # Errors
    /// Also [`Refusal::LeadsOut`].
    pub fn admit(&self, path: &str) -> Result<Location<'_>, Refusal> {
        let location = self.locate(path)?;
        self.stay_inside(path, &location)?;
        Ok(location)
    }

    /// As [`Roots::locate_target`]; also rejects a path if a link on the way to its folder leads out of the root now. Blocks
    /// on the file system.
    ///
    /// # Errors
    /// Also [`Refusal::LeadsOut`].
    pub fn admit_target(&self, path: &str) -> Result<Location<'_>, Refusal> {
        let location = self.locate_target(path)?;
        if let Some((folder, _)) = location.parent() {
            self.stay_inside(path, &folder)?;
        }
        Ok(location)
    }

    pub(in crate::roots) fn stay_inside(
        &self,
        path: &str,
        location: &Location<'_>,
    ) -> Result<(), Refusal> {
        // A root that is missing now may exist when the job runs.
        let Ok(dir) = location.open() else {
            return Ok(());
        };
        match dir.metadata(location.rest()) {
            // cap-std's own error has no OS error code; a denied permission has one.
            Err(error)
                if error.kind() == io::ErrorKind::PermissionDenied
                    && error.raw_os_error().is_none() =>
            {
                Err(Refusal::LeadsOut {
                    path: path.to_owned(),
                    roots: self.describe(),
                })
            }
            // A file that is missing now may exist when the job runs, too.
            _ => Ok(()),
        }
    }

    /// The path on the wire of each root.
    pub fn paths(&self) -> Vec<String> {
        self.shared.all.iter().map(Root::on_the_wire).collect()
    }

    /// Protects the server's own files from jobs, including through links. The files are not opened, because closing the
    /// database file would drop the process's SQLite locks on it. Missing files are ignored.
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

    /// Whether a file or folder belongs to the server. Check before opening it.
    pub(crate) fn is_own(&self, metadata: &Metadata) -> bool {
        self.shared.own.read().contains(&Identity::of(metadata))
    }

    /// Whether an entry must not be replaced or removed: it belongs to the server, or it is, contains, or links to a root or
    /// the data folder. Blocks on the file system.
    pub(crate) fn must_stay(&self, metadata: &Metadata) -> bool {
        if self.is_own(metadata) {
            return true;
        }
        // Only folders and links can lead to a root.
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
            [] => "this server has no roots (see --root)".into(),
            roots => {
                let names: Vec<_> = roots.iter().map(Root::to_string).collect();
                format!("available roots: {}", names.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_a_root_are_located() {
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
            let named = message.contains("available roots: /docs, ");
            assert!(named && message.contains("(read-only)"), "{message}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn root_is_found_by_its_given_and_its_real_path() {
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
