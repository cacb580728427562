//! What is to be said of a submission's wishes before there is an attempt.

use super::{Fault, Outside, target};
use crate::job::Wishes;
use crate::roots::Roots;

/// Finds wishes that will never be granted. Options are query parameters, which a pointer shows by its `?`.
pub(crate) fn check_wishes(wishes: &Wishes, roots: &Roots, outside: &Outside) -> Vec<Fault> {
    let output = wishes.output.as_ref();
    let output = output.and_then(|path| target::check(roots, "?output", path));
    let callback = wishes.callback.as_ref();
    let callback = callback.map(|callback| outside.check_url("?callback", Some(&callback.url)));
    output
        .into_iter()
        .chain(callback.unwrap_or_default())
        .collect()
}
