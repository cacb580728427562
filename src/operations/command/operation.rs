//! Programs that the operator offers as operations, as the configuration declares them.
//!
//! ```text
//!   declaration ──► plan: arguments with placeholders, expressions         at the server's start
//!   params ──► inputs: documents as files ──► process ──► result           in an attempt
//!                                              └─ attempt: listens, stops it
//! ```
//!
//! No shell has a say. An attempt has a folder of its own, of which nothing is left when it ends, and processes of its
//! own, of which nothing is left either.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::config::CommandSpec;
use crate::job::Failure;
use crate::operations::command::attempt::Attempt;
use crate::operations::command::declaration::{Output, Plan, SpecError};
use crate::operations::command::process::Process;
use crate::operations::command::values::TemplateValues;
use crate::operations::command::work::WorkFolder;
use crate::operations::command::{inputs, output, process, values, work};
use crate::operations::{
    Context, InvalidParam, Operation, OperationError, OperationOutput, OperationSpec,
};
use crate::roots::Roots;
use crate::vital::Vital;

/// How long it takes at most until what is killed is gone.
pub(in crate::operations) const KILL_TIME: Duration = Duration::from_secs(2);

/// A program as an operation.
#[derive(Debug)]
pub(crate) struct Command {
    pub(in crate::operations) name: String,
    pub(in crate::operations) plan: Plan,
    pub(in crate::operations) data: PathBuf,
}

impl Command {
    /// Makes an operation of a declaration; its attempts work below the folder `data`.
    ///
    /// # Errors
    /// What is wrong with the declaration.
    pub(crate) fn new(name: &str, spec: &CommandSpec, data: &Path) -> Result<Self, SpecError> {
        Ok(Self {
            name: name.to_owned(),
            plan: Plan::new(name, spec)?,
            data: data.to_owned(),
        })
    }

    pub(in crate::operations::command) fn start(
        &self,
        given: &TemplateValues<'_>,
        vital: &Vital,
    ) -> Result<Process, OperationError> {
        let mut command = std::process::Command::new(&self.plan.program);
        for argument in &self.plan.arguments {
            command.args(argument.render(given));
        }
        command.current_dir(&given.home).env_clear();
        let passed = std::iter::once("PATH").chain(self.plan.spec.env.iter().map(String::as_str));
        command.envs(passed.filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(["HOME", "TMPDIR"].map(|name| (name, &given.home)));
        Process::start(command, &self.data, vital).map_err(|error| {
            let program = self.plan.program.display();
            Failure::new(
                "not_started",
                format!("{program} cannot be started: {error}."),
            )
            .into()
        })
    }
}

impl Operation for Command {
    fn spec(&self) -> OperationSpec {
        self.plan.describe(&self.name)
    }

    fn check(&self, params: &Value, _: &Roots) -> Result<(), Vec<InvalidParam>> {
        let mut faults = inputs::check(&self.plan, params);
        faults.extend(values::check(&self.plan, params));
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }

    fn run(&self, context: &Context) -> Result<OperationOutput, OperationError> {
        let params: Value = context.params()?;
        let work = WorkFolder::new(&self.data)?;
        context.set_phase("Preparing");
        let mut given = TemplateValues {
            plan: &self.plan,
            params: &params,
            inputs: inputs::write(&self.plan, &params, &work, context)?,
            home: work.home(),
            folder: work.output(),
            filename: String::new(),
        };
        given.name_result();
        let file = given.folder.join(&given.filename);
        context.check()?;
        context.set_phase("Running");
        let process = self.start(&given, context.vital())?;
        let attempt = Attempt::new(&self.plan, context, &given.filename);
        let is_too_large =
            || std::fs::symlink_metadata(&file).is_ok_and(|f| context.is_too_large(f.len()));
        let stdout = attempt.watch(process, is_too_large)?;
        match (self.plan.output, stdout) {
            (Output::File, _) => output::file(&self.plan, context, &file, &given.filename),
            (Output::Folder, _) => {
                output::folder(&self.plan, context, &given.folder, &given.filename)
            }
            (Output::Stdout, Some(result)) => result.finish(),
            (Output::Stdout, None) => unreachable!("its stdout is taken from the start"),
        }
    }
}

/// Ends what earlier servers on this data have left: commands that still run, and their folders. The caller has the
/// data to itself.
pub(crate) fn clear(data: &Path) {
    if work::is_there(data) {
        process::kill_leftovers(data);
        if let Err(error) = work::sweep(data) {
            tracing::warn!(%error, "work folders of an earlier server cannot be removed");
        }
    }
}
