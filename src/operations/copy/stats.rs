//! Counts of files, folders, links and bytes, for progress and for the report.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::operations::Context;
use crate::operations::destination::PlacedContent;
use crate::operations::files::changes::Changes;
use crate::operations::files::walk::{Found, Kind, Skipped};

/// Each entry counts this many bytes in the progress besides its own, so that a tree of empty files shows progress too.
const ENTRY_BYTES: u64 = 4096;

impl PlacedContent for CopyStats {
    /// A tree has no digest.
    fn content(&self) -> Option<(u64, &str)> {
        None
    }
}

/// The counts of a copy.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct CopyStats {
    pub(super) files: u64,
    pub(super) folders: u64,
    pub(super) links: u64,
    pub(super) bytes: u64,
    /// The number of files that an earlier attempt had copied.
    pub(super) resumed: u64,
    pub(super) skipped: Skipped,
    /// The files that became longer or shorter while they were copied.
    pub(super) changed: Changes,
}

impl CopyStats {
    /// Counts an entry, with its current length.
    pub(super) fn count(&mut self, found: &Found) {
        match found.kind {
            Kind::Folder => self.folders += 1,
            Kind::Link(_) => self.links += 1,
            Kind::File => {
                self.files += 1;
                self.bytes += found.metadata.len();
            }
        }
    }

    pub(super) fn entries(&self) -> u64 {
        self.files + self.folders + self.links
    }

    fn weight(&self) -> u64 {
        self.bytes + self.entries() * ENTRY_BYTES
    }

    /// Shows these counts as the progress.
    pub(super) fn show(&self, context: &Context, total: &Self) {
        context.set_progress(self.weight(), total.weight());
    }

    /// A text like `3 files, 1 folder, 200 bytes`.
    pub(super) fn describe(&self) -> String {
        let plural = |count: u64, one: &str| match count {
            1 => format!("1 {one}"),
            _ => format!("{count} {one}s"),
        };
        let mut parts = vec![plural(self.files, "file")];
        for (count, name) in [(self.folders, "folder"), (self.links, "link")] {
            if count > 0 {
                parts.push(plural(count, name));
            }
        }
        parts.push(plural(self.bytes, "byte"));
        parts.join(", ")
    }

    /// The JSON report, which is the result of the job.
    pub(super) fn report(&self, path: &str) -> String {
        let Self {
            files,
            folders,
            links,
            bytes,
            resumed,
            skipped,
            changed,
        } = self;
        let report = json!({
            "path": path, "files": files, "folders": folders, "links": links, "bytes": bytes, "resumed": resumed,
            "skipped": skipped, "changed": changed,
        });
        format!("{report}\n")
    }
}
