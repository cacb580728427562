//! Reading files and folders below the roots.

pub(crate) mod browse;
pub(crate) mod changes;
pub(crate) mod links;
pub(crate) mod source;
pub(crate) mod walk;
