//! What a running command reports.

/// An output stream of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::operations::command) enum Stream {
    Stdout,
    Stderr,
    /// Descriptor 3, for progress as lines of JSON.
    Progress,
}

/// An event of a running command.
#[derive(Debug)]
pub(in crate::operations::command) enum Event {
    /// The command wrote to a stream.
    Bytes(Stream, Vec<u8>),
    /// The last writer of a stream closed it.
    Closed,
    /// The command exited; its descendants may still run.
    #[cfg_attr(not(unix), expect(dead_code, reason = "the caller asks now and then"))]
    Exited,
}
