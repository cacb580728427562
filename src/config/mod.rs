//! All settings, with their defaults and the names of their keys. Knows neither files nor flags; `cli` reads those.

mod callbacks;
mod command;
mod data_folder;
mod dialects;
mod host_name;
mod limits;
mod listen;
mod operation;
mod origin;
mod root;
mod route;
mod settings;
mod values;

pub use crate::address::Allow;
pub use callbacks::{Callbacks, Secret};
pub use command::{CommandSpec, InputSpec, OutputSpec};
pub use data_folder::data_folder;
pub use dialects::{Dialect, Dialects};
pub(crate) use host_name::host_name;
pub use limits::Limits;
pub use listen::{Listen, PublicUrl};
pub use operation::OperationOverrides;
pub use origin::Origin;
pub use root::RootSpec;
pub use route::{FieldNames, Route};
pub use settings::Config;
