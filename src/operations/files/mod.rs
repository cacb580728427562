//! Files below roots as operations read them.

pub(crate) mod browse;
pub(crate) mod changes;
pub(crate) mod links;
pub(crate) mod source;
pub(crate) mod walk;
