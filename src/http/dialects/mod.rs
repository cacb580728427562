//! Ways to say the same thing: each turns requests into submissions and jobs into replies. Leaves: they know neither
//! the engine nor the store nor each other.

pub(crate) mod custom;
pub(crate) mod deltaxml;
pub(crate) mod driveonweb;
pub(crate) mod onedrive;
