//! Ways to say the same thing: each turns requests into submissions and jobs into replies. Leaves: they know neither
//! the engine nor the store nor each other.

pub(in crate::http) mod custom;
pub(in crate::http) mod deltaxml;
pub(in crate::http) mod driveonweb;
pub(in crate::http) mod onedrive;
