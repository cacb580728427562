//! `cloakroom check` and `cloakroom backup`: what is done with the data besides serving it, also while it is served.

use std::path::PathBuf;

use bytesize::ByteSize;

use super::output::print_line;
use super::{EXIT_DATA, EXIT_FAILED, Failure};
use crate::store;

/// Which data.
#[derive(clap::Args)]
struct Data {
    /// The folder of the server's data.
    #[arg(
        long,
        value_name = "DIR",
        env = "CLOAKROOM_DATA",
        default_value = "cloakroom-data"
    )]
    data: PathBuf,
}

#[derive(clap::Args)]
pub(super) struct Check {
    #[command(flatten)]
    data: Data,
}

impl Check {
    /// Prints what is wrong, a line each.
    pub(super) fn run(self) -> Result<(), Failure> {
        let findings =
            store::check(&self.data.data).map_err(|error| Failure::new(EXIT_DATA, error))?;
        for fault in &findings.faults {
            print_line(fault)?;
        }
        let size = ByteSize(findings.bytes);
        if findings.faults.is_empty() {
            print_line(format_args!(
                "fine: {} blobs, {size}, each with its SHA-256",
                findings.blobs
            ))?;
            Ok(())
        } else {
            let message = format!("{} is damaged", self.data.data.display());
            Err(Failure::new(EXIT_FAILED, message))
        }
    }
}

#[derive(clap::Args)]
pub(super) struct Backup {
    /// The file that it becomes; one that is there is replaced once the copy is whole. To restore it, put it into an empty
    /// data folder as `cloakroom.db`. Tokens are not in it.
    file: PathBuf,
    #[command(flatten)]
    data: Data,
}

impl Backup {
    pub(super) fn run(self) -> Result<(), Failure> {
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
