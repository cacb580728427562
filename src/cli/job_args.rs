//! The arguments that describe a new job, the same for `submit` and `run`.

use clap::ValueEnum;

/// The heading of the options in the help.
pub(super) const OPTIONS: &str = "Options of the job";

/// The operation of a new job, with its params and documents.
#[derive(clap::Args)]
pub(super) struct JobArgs {
    /// Name of the operation; see `cloakroom operations`.
    #[arg(index = 1)]
    pub(super) operation: String,
    /// Params of the operation. Repeat a name to give a list.
    #[arg(index = 2, value_name = "NAME=VALUE")]
    pub(super) params: Vec<String>,
    /// File to use as an input document. Repeatable.
    #[arg(short, long, value_name = "NAME=FILE")]
    pub(super) input: Vec<String>,
}

/// The options of a submission to a running server.
#[derive(clap::Args)]
pub(super) struct OptionArgs {
    /// URL that the server calls when the job has finished.
    #[arg(long, value_name = "URL", help_heading = OPTIONS)]
    callback: Option<String>,
    /// Method of the callback: GET with `jobId` in the query, or POST with the job in the body [default: GET].
    #[arg(long, value_name = "METHOD", requires = "callback", ignore_case = true, hide_possible_values = true, help_heading = OPTIONS)]
    callback_method: Option<CallbackMethod>,
    /// Whether the server keeps the result after the first complete download [default: true].
    #[arg(long, value_name = "true|false", hide_possible_values = true, help_heading = OPTIONS)]
    keep: Option<bool>,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "UPPER")]
enum CallbackMethod {
    Get,
    Post,
}

impl OptionArgs {
    /// The names and values of the options that are given, as the server knows them.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let method = self.callback_method.map(|method| match method {
            CallbackMethod::Get => "GET",
            CallbackMethod::Post => "POST",
        });
        [
            ("callback", self.callback.clone()),
            ("callback-method", method.map(str::to_owned)),
            ("keep", self.keep.map(|keep| keep.to_string())),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}
