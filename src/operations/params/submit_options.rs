//! What is to be said of a submission's job_options before there is an attempt.

use crate::job::JobOptions;
use crate::operations::{InvalidParam, OutboundAccess, destination};
use crate::roots::Roots;

/// Finds job_options that will never be granted. Options are query parameters, which a pointer shows by its `?`.
pub(crate) fn check_options(
    job_options: &JobOptions,
    roots: &Roots,
    outside: &OutboundAccess,
) -> Vec<InvalidParam> {
    let output = job_options.output.as_ref();
    let output = output.and_then(|path| destination::check(roots, "?output", path));
    let callback = job_options.callback.as_ref();
    let callback = callback.map(|callback| outside.check_url("?callback", Some(&callback.url)));
    output
        .into_iter()
        .chain(callback.unwrap_or_default())
        .collect()
}
