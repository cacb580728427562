//! The [`Operation`] that runs a program: prepares its inputs, starts it and collects its result.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::config::CommandSpec;
use crate::job::{Failure, TraceContext};
use crate::operations::command::attempt::Attempt;
use crate::operations::command::declaration::{Output, Plan};
use crate::operations::command::error::SpecError;
use crate::operations::command::process::Process;
use crate::operations::command::values::TemplateValues;
use crate::operations::command::work::WorkFolder;
use crate::operations::command::{inputs, output, process, values, work};
use crate::operations::{
    Context, InvalidParam, Operation, OperationError, OperationOutput, OperationSpec,
};
use crate::roots::Roots;
use crate::vital::Vital;

/// An operation that runs a program.
#[derive(Debug)]
pub(crate) struct Command {
    pub(in crate::operations) name: String,
    pub(in crate::operations) plan: Plan,
    pub(in crate::operations) data: PathBuf,
}

impl Command {
    /// Creates the operation from its declaration; its attempts work below the data folder `data`.
    ///
    /// # Errors
    /// [`SpecError`] if the declaration is invalid.
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
        trace: Option<&TraceContext>,
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
        if let Some(trace) = trace {
            command.env("TRACEPARENT", trace.traceparent());
            match trace.tracestate() {
                Some(state) => command.env("TRACESTATE", state),
                // One that `env` passes on would belong to another trace.
                None => command.env_remove("TRACESTATE"),
            };
        }
        Process::start(command, &self.data, vital).map_err(|error| {
            let program = self.plan.program.display();
            Failure::new("not_started", format!("Cannot start {program}: {error}.")).into()
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
        let process = self.start(&given, context.trace(), context.vital())?;
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
            (Output::Stdout, None) => {
                unreachable!("stdout is captured from the start if it is the result")
            }
        }
    }
}

/// Kills commands that earlier servers on this data folder left running, and removes their work folders. The caller must
/// hold the lock on the data folder.
pub(crate) fn clear(data: &Path) {
    if work::exists(data) {
        process::kill_leftovers(data);
        if let Err(error) = work::sweep(data) {
            tracing::warn!(%error, "cannot remove the work folders of an earlier server");
        }
    }
}
