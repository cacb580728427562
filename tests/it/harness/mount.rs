//! File systems for a single test.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{run, skipped};

/// A mounted file system; unmounted on drop, even after a panic.
pub(crate) struct Mount {
    arguments: Vec<String>,
    at: PathBuf,
}

impl Mount {
    /// Runs `mount` with these arguments; `None` (and a message) if the machine does not allow that.
    pub(crate) fn new(arguments: &[&str], at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a folder");
        let mount = Self {
            arguments: arguments.iter().map(|&a| a.to_owned()).collect(),
            at: at.to_owned(),
        };
        match mount.mount() {
            Ok(()) => Some(mount),
            Err(reason) => {
                skipped(&reason);
                None
            }
        }
    }

    /// Unmounts and mounts it again, so that only data on the disk remains.
    pub(crate) fn again(&self) {
        run(Command::new("umount").arg(&self.at)).expect("the mount is unused");
        self.mount().expect("it could be mounted before");
    }

    /// Unmounts it.
    pub(crate) fn unmount(self) {
        run(Command::new("umount").arg(&self.at)).expect("the mount is unused");
        std::mem::forget(self);
    }

    fn mount(&self) -> Result<(), String> {
        run(Command::new("mount").args(&self.arguments).arg(&self.at))
    }
}

/// Creates an image with a file system; false (and a message) if this machine cannot.
pub(crate) fn make_image(image: &Path, bytes: u64, make: &str, arguments: &[&str]) -> bool {
    let file = File::create(image).expect("an image");
    file.set_len(bytes).expect("its length");
    let result = run(Command::new(make).args(arguments).arg(image));
    result.inspect_err(|reason| skipped(reason)).is_ok()
}

/// `FS_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`: from then on nothing reaches the disk, not even the journal.
/// The script prints a line when it is ready and waits for a line, so that the test chooses the moment.
const SHUT_DOWN: &str = "import fcntl, os, struct, sys\n\
    disk = os.open(sys.argv[1], os.O_RDONLY)\n\
    print(flush=True)\n\
    sys.stdin.readline()\n\
    fcntl.ioctl(disk, 0x8004587d, struct.pack('I', 2))";

/// Starts a process that writes a line when it is ready, and shuts down the file system of a folder when it reads one.
/// Needs Python.
pub(crate) fn shut_down(folder: &Path) -> Child {
    Command::new("python3")
        .args(["-c", SHUT_DOWN])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("there is Python")
}

/// A loop device of an image.
pub(crate) struct LoopDevice(String);

impl LoopDevice {
    /// `None` (and a message) if this machine does not allow that.
    pub(crate) fn new(image: &Path) -> Option<Self> {
        let output = Command::new("losetup")
            .args(["--find", "--show"])
            .arg(image)
            .output();
        match output {
            Ok(output) if output.status.success() => {
                let path = String::from_utf8(output.stdout).expect("a path in UTF-8");
                Some(Self(path.trim().to_owned()))
            }
            failed => {
                skipped(&format!("losetup: {failed:?}"));
                None
            }
        }
    }

    pub(crate) fn path(&self) -> &str {
        &self.0
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["--detach", &self.0]).output();
    }
}

impl Mount {
    /// Cuts the power of an ext4 file system: unsynced data is lost. Use [`Mount::again`] afterwards.
    pub(crate) fn cut_power(&self) {
        let mut shut_down = shut_down(&self.at);
        let mut word = shut_down.stdin.take().expect("it is piped");
        word.write_all(b"now\n").expect("it listens");
        let status = shut_down.wait().expect("it ends");
        assert!(status.success(), "the file system can be shut down");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // A lazy unmount: after a panic a process may still use it.
        let _ = Command::new("umount").arg("-l").arg(&self.at).output();
    }
}
