//! How to read a document.

use crate::error::Fault;
use crate::options::Limits;
use crate::paths::Rules;
use crate::progress::ProgressSink;
use crate::tree::Tree;

/// Bytes of the hashes of a node.
const NODE_HASH_BYTES: usize = 16;

/// The message of an error about memory.
pub(crate) fn memory_message(limit: usize) -> String {
    format!("The documents and the result need more than the limit of {limit} bytes of memory.")
}

/// How to read a document.
pub(crate) struct ReadOptions<'r> {
    /// The index of the input.
    pub(crate) input: usize,
    pub(crate) limits: &'r Limits,
    pub(crate) sink: &'r dyn ProgressSink,
    /// Quote namespaces of the delta vocabulary, because they are content.
    pub(crate) quote: bool,
    /// Rules about elements from the options.
    pub(crate) rules: &'r Rules,
    /// Bytes of memory that other documents need.
    pub(crate) used_memory: usize,
    /// The text of the external subset of the document type.
    pub(crate) external_subset: Option<&'r str>,
}

impl ReadOptions<'_> {
    /// Checks the memory that the documents need.
    pub(super) fn check_memory(&self, tree: &Tree, source: &str, at: usize) -> Result<(), Fault> {
        let limit = self.limits.memory;
        // The hashes of the nodes are computed later.
        let hashes = tree.len() as usize * NODE_HASH_BYTES;
        let used = self.used_memory + source.len() + tree.memory() + hashes;
        if used > limit {
            return Err(Fault::over_limit(at, memory_message(limit)));
        }
        Ok(())
    }
}
