//! Ways to say the same thing: each turns requests into submissions and jobs into replies. Leaves: they know neither
//! the engine nor the store nor each other.

pub(super) mod custom;
pub(super) mod deltaxml;
pub(super) mod driveonweb;
pub(super) mod native;
pub(super) mod onedrive;
