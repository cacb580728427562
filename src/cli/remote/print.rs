//! Prints jobs, as tables or as the server's JSON.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::cli::Failure;
use crate::cli::output::{print, print_escaped, print_line, stdout_has_colors};
use crate::cli::remote::table::{cell, styled_table};

const HEADINGS: [&str; 7] = [
    "ID",
    "OPERATION",
    "STATUS",
    "PROGRESS",
    "CREATED",
    "OWNER",
    "DETAIL",
];
/// The column with the name of the token that submitted the job, which only admins get to see.
const OWNER: usize = 5;
/// The column with the status.
const STATUS: usize = 2;

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
        if self.json {
            print_line(job)?;
            return Ok(());
        }
        let mut list = self.list();
        list.page(std::slice::from_ref(job))?;
        list.end(&Value::Null)
    }

    /// Starts a list of jobs.
    pub(in crate::cli::remote) fn list(&self) -> JobList {
        if self.json {
            JobList::Json { count: 0 }
        } else {
            JobList::Table { rows: Vec::new() }
        }
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
}

/// Prints a list of jobs that comes in pages.
pub(in crate::cli::remote) enum JobList {
    /// One JSON document, written page by page: jobs may have long params.
    Json { count: usize },
    /// A table, written at the end, when the widths of its columns are known.
    Table { rows: Vec<[String; 7]> },
}

impl JobList {
    /// Adds jobs.
    pub(in crate::cli::remote) fn page(&mut self, jobs: &[Value]) -> Result<(), Failure> {
        match self {
            Self::Json { count } => {
                let mut text = String::new();
                for job in jobs {
                    text.push_str(if *count == 0 { "{\"jobs\":[" } else { "," });
                    text.push_str(&job.to_string());
                    *count += 1;
                }
                print(&text)?;
            }
            Self::Table { rows } => {
                let now = SystemTime::now();
                rows.extend(jobs.iter().map(|job| row(job, now)));
            }
        }
        Ok(())
    }

    /// Ends the list. `next` is where a later list can continue.
    pub(in crate::cli::remote) fn end(self, next: &Value) -> Result<(), Failure> {
        match self {
            Self::Json { count } => {
                let start = if count == 0 { "{\"jobs\":[" } else { "" };
                print_line(format_args!("{start}],\"next\":{next}}}"))?;
            }
            Self::Table { rows } => {
                let has_colors = stdout_has_colors();
                let is_status = |column: usize| has_colors && column == STATUS;
                let style = |column, cell: &str| status_style(cell).filter(|_| is_status(column));
                let table = if rows.iter().any(|row| !row[OWNER].is_empty()) {
                    styled_table(HEADINGS, &rows, style)
                } else {
                    let rows: Vec<_> = rows.into_iter().map(without_owner).collect();
                    styled_table(without_owner(HEADINGS), &rows, style)
                };
                print_escaped(&table)?;
            }
        }
        Ok(())
    }
}

/// The color of a status, as SGR parameters.
fn status_style(status: &str) -> Option<&'static str> {
    match status {
        "succeeded" => Some("32"),
        "failed" => Some("31"),
        "canceled" => Some("33"),
        "running" => Some("36"),
        _ => None,
    }
}

/// The row without the column [`OWNER`].
fn without_owner<T>(row: [T; 7]) -> [T; 6] {
    let [id, operation, status, progress, created, _owner, detail] = row;
    [id, operation, status, progress, created, detail]
}

/// A job as a row; the last cell is its phase or its error.
fn row(job: &Value, now: SystemTime) -> [String; 7] {
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
        ago(&text(job, "createdAt"), now),
        text(job, "token"),
        detail,
    ]
}

/// How long ago a timestamp was, in its largest unit.
fn ago(timestamp: &str, now: SystemTime) -> String {
    let Ok(time) = humantime::parse_rfc3339(timestamp) else {
        return timestamp.to_owned();
    };
    // A time in the future: the clocks of the two machines differ.
    let age = now.duration_since(time).unwrap_or(Duration::ZERO).as_secs();
    match age {
        0 => "now".to_owned(),
        1..60 => format!("{age}s ago"),
        60..3600 => format!("{}m ago", age / 60),
        3600..86_400 => format!("{}h ago", age / 3600),
        _ => format!("{}d ago", age / 86_400),
    }
}

fn text(value: &Value, name: &str) -> String {
    cell(value[name].as_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_has_one_unit() {
        let now = humantime::parse_rfc3339("2026-03-01T12:00:00Z").expect("a time");
        for (timestamp, expected) in [
            ("2026-03-01T12:00:09.000Z", "now"),
            ("2026-03-01T11:59:59.500Z", "now"),
            ("2026-03-01T11:59:01.000Z", "59s ago"),
            ("2026-03-01T11:59:00.000Z", "1m ago"),
            ("2026-03-01T11:00:00.000Z", "1h ago"),
            ("2026-02-27T12:00:00.000Z", "2d ago"),
            ("", ""),
        ] {
            assert_eq!(ago(timestamp, now), expected, "{timestamp}");
        }
    }
}
