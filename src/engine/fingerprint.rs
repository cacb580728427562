//! The fingerprint of a submission, which tells a repeated one from a different one with the same idempotency key.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::job::JobOptions;
use crate::operations::make_whole_numbers_integers;

/// The fingerprint of a submission, which is the same if the client repeats it. `params` are without blob numbers, which
/// differ each time; uploads count by their digests.
pub(crate) fn fingerprint(operation: &str, params: &Value, job_options: &JobOptions) -> [u8; 32] {
    let mut job_options = json!(job_options);
    // A client may repeat a request under another name of the same server.
    if let Some(callback) = job_options["callback"].as_object_mut() {
        callback.remove("base");
    }
    // Each request of a client has a span of its own.
    if let Some(members) = job_options.as_object_mut() {
        members.remove("trace");
    }
    let mut all = json!([operation, params, job_options]);
    // 1 and 1.0 are the same value, and so are objects whose members have another order.
    make_whole_numbers_integers(&mut all);
    all.sort_all_objects();
    Sha256::digest(all.to_string()).into()
}
