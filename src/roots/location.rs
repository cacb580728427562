//! A location below a root, resolved from a path on the wire.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cap_std::fs::Dir;

use super::root::{NamedBy, OpenRoot, Root};
use super::shared::Shared;

/// A location below a root, which may or may not exist.
#[derive(Debug)]
pub struct Location<'a> {
    shared: &'a Shared,
    /// The folders of pinned roots, by index; `None` if roots are opened at each use.
    pins: Option<&'a [OnceLock<OpenRoot>]>,
    /// The root's index.
    number: usize,
    named_by: NamedBy,
    rest: PathBuf,
}

impl<'a> Location<'a> {
    /// Resolves a path on the wire below the root with this index; `None` if the path is not below it.
    pub(super) fn find(
        shared: &'a Shared,
        pins: Option<&'a [OnceLock<OpenRoot>]>,
        number: usize,
        path: &Path,
    ) -> Option<Self> {
        let (rest, named_by) = shared.all[number].rest(path)?;
        let rest = if rest.as_os_str().is_empty() {
            Path::new(".")
        } else {
            rest
        };
        Some(Self {
            shared,
            pins,
            number,
            named_by,
            rest: rest.to_owned(),
        })
    }

    pub(super) fn root(&self) -> &'a Root {
        &self.shared.all[self.number]
    }

    /// Opens the root's folder, current or pinned. Blocks on the file system.
    ///
    /// # Errors
    /// Fails if the root is missing, not a folder, not readable, or has moved since the path named it. The message names the
    /// root.
    pub(crate) fn open(&self) -> io::Result<Dir> {
        let open = || self.root().open(&self.shared.data);
        let checked = |opened: &OpenRoot| self.root().check(opened, self.named_by);
        let Some(pins) = self.pins else {
            let opened = open()?;
            checked(&opened)?;
            return Ok(opened.dir);
        };
        let pin = &pins[self.number];
        let opened = if let Some(opened) = pin.get() {
            opened
        } else {
            let opened = open()?;
            pin.get_or_init(|| opened)
        };
        checked(opened)?;
        opened.dir.try_clone()
    }

    /// The parent folder and the name in it; `None` for a root itself.
    pub fn parent(&self) -> Option<(Location<'a>, String)> {
        let name = self.rest.file_name()?.to_str()?.to_owned();
        let rest = match self.rest.parent() {
            Some(rest) if !rest.as_os_str().is_empty() => rest.to_owned(),
            _ => PathBuf::from("."),
        };
        Some((Location { rest, ..*self }, name))
    }

    /// The root's path on the wire, and the path below it (`""` for the root itself).
    pub fn split(&self) -> (String, String) {
        let rest = self.rest.components().collect::<PathBuf>();
        let rest = if rest == Path::new(".") {
            PathBuf::new()
        } else {
            rest
        };
        let root = self.root().on_the_wire();
        (root, rest.to_string_lossy().into_owned())
    }

    /// The absolute path, for comparison with other locations. Blocks on the file system.
    pub fn path(&self) -> PathBuf {
        let root = self.root().real_path();
        root.join(&self.rest).components().collect()
    }

    /// The path below the root; `.` is the root itself.
    pub fn rest(&self) -> &Path {
        &self.rest
    }

    /// The last component of the path; for a root, its name or the name of its folder.
    pub fn name(&self) -> String {
        let root = self.root();
        let name = match self.rest.file_name() {
            Some(name) => Some(name),
            None => match &root.name {
                Some(name) => return name.clone(),
                None => root.path.file_name(),
            },
        };
        name.map_or_else(|| "root".into(), |name| name.to_string_lossy().into_owned())
    }
}
