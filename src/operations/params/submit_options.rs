//! Validates the options of a submission.

use crate::job::JobOptions;
use crate::operations::{InvalidParam, OutboundAccess, destination};
use crate::roots::Roots;

/// Finds options that no attempt could honor. Options are query parameters; their pointers begin with `?`.
pub(crate) fn check_options(
    job_options: &JobOptions,
    roots: &Roots,
    outbound: &OutboundAccess,
) -> Vec<InvalidParam> {
    let output = job_options.output.as_ref();
    let output = output.and_then(|path| destination::check(roots, "?output", path));
    let callback = job_options.callback.as_ref();
    let callback = callback.map(|callback| outbound.check_url("?callback", Some(&callback.url)));
    output
        .into_iter()
        .chain(callback.unwrap_or_default())
        .collect()
}
