//! The tag in the environment of a command and its descendants.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The environment variable with the tag, which all descendants of a command inherit.
pub(in crate::operations::command::process) const TAG: &str = "CLOAKROOM_ATTEMPT";
/// The tag that a process has inherited.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// The process is executing `exec` and has no environment yet.
    Unknown,
    /// The process has no tag, or its environment is not readable.
    None,
    /// The process has this tag.
    Is(String),
}

/// The prefix of all tags for this data folder, independent of its path.
pub(super) fn data_tag(data: &Path) -> io::Result<String> {
    let metadata = std::fs::metadata(data)?;
    Ok(format!("{:x}:{:x}", metadata.dev(), metadata.ino()))
}

/// The server's pid and start time from a tag for this data folder.
pub(super) fn server_of(tag: &str, data_tag: &str) -> Option<(u32, u64)> {
    let mut parts = tag.strip_prefix(data_tag)?.strip_prefix(':')?.split(':');
    let server = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(server)
}
