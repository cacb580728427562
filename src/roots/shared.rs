//! What all views of a server's roots share.

use std::path::PathBuf;

use parking_lot::RwLock;

use crate::roots::identity::Identity;
use crate::roots::root::Root;

/// The roots and the server's own files.
#[derive(Debug)]
pub(in crate::roots) struct Shared {
    pub(in crate::roots) all: Vec<Root>,
    /// The real path of the data folder; empty if it does not exist.
    pub(in crate::roots) data: PathBuf,
    /// The data folder, and its files once the store is open.
    pub(in crate::roots) own: RwLock<Vec<Identity>>,
}
