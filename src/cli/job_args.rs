//! The arguments that describe a new job, the same for `submit` and `run`.

/// The operation of a new job, with its params and documents.
#[derive(clap::Args)]
pub(super) struct JobArgs {
    /// Name of the operation; see `cloakroom operations`.
    pub(super) operation: String,
    /// Params of the operation. Repeat a name to give a list.
    #[arg(value_name = "NAME=VALUE")]
    pub(super) params: Vec<String>,
    /// File to use as an input document. Repeatable.
    #[arg(short, long, value_name = "NAME=FILE")]
    pub(super) input: Vec<String>,
}
