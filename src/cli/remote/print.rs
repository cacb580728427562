//! Prints jobs and operations, as tables or as the server's JSON.

use serde_json::Value;

use crate::cli::Failure;
use crate::cli::output::{print, print_line};
use crate::cli::remote::table::{cell, table};

/// How a command prints jobs or operations.
#[derive(clap::Args)]
pub(in crate::cli::remote) struct Format {
    /// Print the server's JSON.
    #[arg(long)]
    json: bool,
}

impl Format {
    /// Prints one job.
    pub(in crate::cli::remote) fn print_job(&self, job: &Value) -> Result<(), Failure> {
        self.print(job, || jobs(std::slice::from_ref(job)))
    }

    /// Prints a list of jobs, as the server returns it.
    pub(in crate::cli::remote) fn print_jobs(&self, list: &Value) -> Result<(), Failure> {
        self.print(list, || jobs(members(list, "jobs")))
    }

    /// Prints the list of operations, as the server returns it.
    pub(in crate::cli::remote) fn print_operations(&self, list: &Value) -> Result<(), Failure> {
        self.print(list, || operations(members(list, "operations")))
    }

    /// Prints one job as JSON if that was asked for, else nothing.
    pub(in crate::cli::remote) fn print_if_json(&self, job: &Value) -> Result<(), Failure> {
        if self.json {
            print_line(job)?;
        }
        Ok(())
    }

    /// Prints a new job, or its ID.
    ///
    /// # Errors
    /// Standard output cannot be written; the message then has the ID.
    pub(in crate::cli::remote) fn print_new_job(&self, job: &Value) -> Result<(), Failure> {
        let id = job["id"].as_str().unwrap_or_default();
        let printed = if self.json {
            print_line(job)
        } else {
            print_line(id)
        };
        printed.map_err(|error| error.after(format_args!("the job's ID is {id}")))
    }

    pub(in crate::cli::remote) fn is_json(&self) -> bool {
        self.json
    }

    fn print(&self, value: &Value, table: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.json {
            print_line(value)?;
        } else {
            print(&table())?;
        }
        Ok(())
    }
}

fn operations(operations: &[Value]) -> String {
    let row = |operation: &Value| [text(operation, "name"), text(operation, "title")];
    let rows: Vec<_> = operations.iter().map(row).collect();
    table(["NAME", "TITLE"], &rows)
}

fn jobs(jobs: &[Value]) -> String {
    let rows: Vec<_> = jobs.iter().map(row).collect();
    table(
        ["ID", "OPERATION", "STATUS", "PROGRESS", "CREATED", "DETAIL"],
        &rows,
    )
}

/// A job as a row; the last cell is its phase or its error.
fn row(job: &Value) -> [String; 6] {
    let percent = job["percentComplete"].as_f64();
    let detail = match &job["error"] {
        Value::Null => text(job, "phase"),
        error => text(error, "message"),
    };
    [
        text(job, "id"),
        text(job, "operation"),
        text(job, "status"),
        percent.map_or_else(String::new, |percent| format!("{percent:.0}%")),
        text(job, "createdAt"),
        detail,
    ]
}

fn members<'a>(list: &'a Value, name: &str) -> &'a [Value] {
    list[name].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value, name: &str) -> String {
    cell(value[name].as_str().unwrap_or_default())
}
