//! Formats times as DeltaXML does.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::job::WallMs;

/// A time in ISO 8601 as Java formats it: UTC with milliseconds and an offset without a colon.
pub(crate) fn time(ms: WallMs) -> String {
    let time = UNIX_EPOCH
        .checked_add(Duration::from_millis(ms.0.max(0) as u64))
        .unwrap_or(SystemTime::UNIX_EPOCH);
    let text = humantime::format_rfc3339_millis(time).to_string();
    format!("{}+0000", text.trim_end_matches('Z'))
}
