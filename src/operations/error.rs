//! The errors of operations: invalid params, and why an attempt failed.

use std::io;

use crate::job::Failure;

/// One invalid value in the params of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidParam {
    /// The location of the value: a JSON Pointer as a URI fragment (RFC 6901, section 6), for example `#/width`.
    pub pointer: String,
    /// A sentence that says what is wrong with the value.
    pub detail: String,
}

/// The reason why an attempt produced no result.
#[derive(Debug)]
pub enum OperationError {
    /// The attempt stopped because its [`Context`](crate::operations::Context) asked it to: the job was canceled or
    /// timed out, or the server is shutting down.
    Canceled,
    /// The work failed. The failure's code and message are shown to the client.
    Failed(Failure),
}

impl From<Failure> for OperationError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Carries an [`OperationError`] through code that can only return I/O errors.
#[derive(Debug, thiserror::Error)]
#[error("{}", match .0 { OperationError::Canceled => "canceled", OperationError::Failed(failure) => &failure.message })]
pub(super) struct OperationErrorInIo(OperationError);

impl From<OperationError> for io::Error {
    fn from(error: OperationError) -> Self {
        Self::other(OperationErrorInIo(error))
    }
}

impl From<io::Error> for OperationError {
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<OperationErrorInIo>() {
            Ok(wrapped) => return wrapped.0,
            Err(error) => error,
        };
        let code = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "storage_full",
            io::ErrorKind::FileTooLarge => "result_too_large",
            _ => "io_error",
        };
        Self::Failed(Failure::new(code, error.to_string()))
    }
}
