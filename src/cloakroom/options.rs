//! What may be asked of a job besides its params.

use crate::job::{Callback, CallbackTrigger, JobIdFormat, JobOptions, Method};

/// What becomes of a job's result, and who is told of its end. By itself: the result is kept in the database until the job
/// is forgotten, and nobody is told.
///
/// ```
/// # use cloakroom::{JobOptions, job::Method};
/// let options = JobOptions::default()
///     .output("/docs/report.pdf")
///     .callback(Method::Post, "http://127.0.0.1:8080/done");
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "it does nothing until a job is submitted with it"]
pub struct SubmitOptions {
    output: Option<String>,
    callback: Option<(Method, String)>,
    is_forgotten_when_read: bool,
}

impl SubmitOptions {
    /// The result becomes this file below a [root](super::Builder::root), a path as params have them; it gets its name
    /// when it is whole, in the place of what had it before.
    pub fn output(mut self, path: impl Into<String>) -> Self {
        self.output = Some(path.into());
        self
    }

    /// This address is called once the job has ended, however it did, on the schedule of
    /// [`Callbacks`](crate::config::Callbacks), until it answers with a 2xx: with GET it is told the job's id as `jobId`,
    /// with POST it is sent the job (Standard Webhooks 1.0). Links in that begin with the public URL, else with the first
    /// address; without HTTP they lead nowhere.
    pub fn callback(mut self, method: Method, url: impl Into<String>) -> Self {
        self.callback = Some((method, url.into()));
        self
    }

    /// The result is forgotten once it was read to its end, or downloaded whole; the job stays.
    pub fn forget_when_read(mut self) -> Self {
        self.is_forgotten_when_read = true;
        self
    }

    /// Links in messages begin with `base`.
    pub(super) fn into_wishes(self, base: &str) -> JobOptions {
        let callback = self.callback.map(|(method, url)| Callback {
            url,
            method,
            trigger: CallbackTrigger::Terminal,
            id_format: JobIdFormat::Id,
            base: base.to_owned(),
        });
        JobOptions {
            keep: !self.is_forgotten_when_read,
            output: self.output,
            callback,
            ..JobOptions::default()
        }
    }
}
