//! Readings of the wall clock and of the idle clock.

use serde::{Deserialize, Serialize};

/// Milliseconds of wall-clock time since the Unix epoch. Only for display, never for order or expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct WallMs(pub i64);

/// Milliseconds on the idle clock, which runs only while the server is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct IdleMs(pub i64);
