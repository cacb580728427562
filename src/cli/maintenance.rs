//! `cloakroom check` and `cloakroom backup`. Both also work while a server is running on the data.

use std::path::PathBuf;

use bytesize::ByteSize;

use super::output::print_line;
use super::{EXIT_DATA, EXIT_FAILED, EXIT_USAGE, Failure};
use crate::config::data_folder;
use crate::store;

/// The data folder to work on.
#[derive(clap::Args)]
struct Data {
    /// Data folder of the server.
    #[arg(
        long,
        value_name = "DIR|auto",
        env = "CLOAKROOM_DATA",
        hide_env_values = true,
        default_value = "cloakroom-data",
        value_parser = data_folder
    )]
    data: PathBuf,
}

#[derive(clap::Args)]
pub(super) struct Check {
    #[command(flatten)]
    data: Data,
}

impl Check {
    /// Prints one line for each fault found.
    ///
    /// # Errors
    /// The data cannot be read, or is damaged.
    pub(super) fn run(self) -> Result<(), Failure> {
        let findings =
            store::check(&self.data.data).map_err(|error| Failure::new(EXIT_DATA, error))?;
        for fault in &findings.faults {
            print_line(fault)?;
        }
        let size = ByteSize(findings.bytes);
        if findings.faults.is_empty() {
            print_line(format_args!(
                "ok: {} blobs, {size}, every SHA-256 matches",
                findings.blobs
            ))?;
            Ok(())
        } else {
            let message = format!("the data in {} is damaged", self.data.data.display());
            Err(Failure::new(EXIT_FAILED, message))
        }
    }
}

#[derive(clap::Args)]
pub(super) struct Backup {
    /// File to write the backup to. An existing file is replaced once the backup is complete.
    file: PathBuf,
    #[command(flatten)]
    data: Data,
}

impl Backup {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.file.as_os_str() == "-" {
            let message = "a backup cannot be written to standard output; name a file";
            return Err(Failure::new(EXIT_USAGE, message));
        }
        store::backup(&self.data.data, &self.file).map_err(|error| {
            let code = match &error {
                store::OpenError::Foreign { .. }
                | store::OpenError::ForeignWal { .. }
                | store::OpenError::Newer { .. } => EXIT_DATA,
                store::OpenError::Io { path, .. } if *path != self.file => EXIT_DATA,
                _ => EXIT_FAILED,
            };
            Failure::new(code, error)
        })
    }
}
