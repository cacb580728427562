//! Jobs in the format of each product.

use crate::http::dialects::deltaxml::wire::Product;
use crate::http::dialects::deltaxml::wire::error::Error;
use crate::http::dialects::deltaxml::wire::node::{List, Member, Node};
use crate::http::dialects::deltaxml::wire::time::time;
use crate::job::{Failure, Job, Outcome, Output, Progress, ResultLocation, State, WallMs};

/// The state in which a job is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobView {
    /// As accepted, in the response to its submission, even if it has started or ended since.
    Accepted,
    /// As it is at this time.
    Now(WallMs),
    /// As deleted at this time, in the response to the deletion.
    Deleted(WallMs),
}

/// A job. Its links begin with `base`.
pub(crate) fn job(product: Product, job: &Job, base: &str, view: JobView) -> Node {
    let node = JobNode {
        product,
        job,
        base,
        view,
    };
    Node::Object(node.members())
}

/// A job and how to show it.
struct JobNode<'a> {
    product: Product,
    job: &'a Job,
    base: &'a str,
    view: JobView,
}

impl JobNode<'_> {
    fn members(&self) -> Vec<Member> {
        let id = Member::text("jobId", self.job.id.to_uuid());
        let status = Member::text("jobStatus", self.status());
        let mut members = vec![id];
        if self.view == JobView::Accepted {
            members.push(status);
        } else {
            members.extend(self.times());
            members.push(status);
            members.extend(self.details());
        }
        if self.product == Product::Compare {
            let (total, current) = self.stages();
            members.push(Member::number("totalNumberOfStages", total));
            members.push(Member::number("currentStage", current));
        }
        members.push(Member::List(List {
            element: "links",
            item: "link",
            key: match self.product {
                Product::Compare => "link",
                Product::Merge => "links",
            },
            items: self.links(),
        }));
        members
    }

    fn status(&self) -> &'static str {
        match (self.view, &self.job.state) {
            (JobView::Deleted(_), _) => "DELETED",
            (JobView::Accepted, _) | (_, State::Queued) => "QUEUED",
            (_, State::Running { .. }) => {
                if self.job.finalizing || self.job.progress.finalizing {
                    "SAVING"
                } else if self.job.progress == Progress::default() {
                    "STARTED"
                } else {
                    "PROCESSING"
                }
            }
            (_, State::Ended { outcome, .. }) => match outcome {
                Outcome::Succeeded(_) => "SUCCESS",
                Outcome::Failed(_) => "FAILED",
                Outcome::Canceled => "CANCELLED",
            },
        }
    }

    /// When the job started and ended, and for XML Merge how long it took.
    fn times(&self) -> Vec<Member> {
        let (started, finished) = match &self.job.state {
            State::Queued => (None, None),
            State::Running { started } => (Some(*started), None),
            State::Ended {
                started, finished, ..
            } => (*started, Some(*finished)),
        };
        let mut members = Vec::new();
        members.extend(started.map(|at| Member::text("startTime", time(at))));
        members.extend(finished.map(|at| Member::text("finishedTime", time(at))));
        if let (Product::Merge, Some(started)) = (self.product, started) {
            let until = match self.view {
                JobView::Now(now) | JobView::Deleted(now) => finished.unwrap_or(now),
                JobView::Accepted => started,
            };
            let ms = until.0.saturating_sub(started.0).max(0) as u64;
            let node = Node::Number(ms.saturating_mul(1_000_000));
            // XML Merge's own documentation shows a deleted job without it in JSON.
            members.push(match self.view {
                JobView::Deleted(_) => Member::XmlOnly("processingTime", node),
                _ => Member::Child("processingTime", node),
            });
        }
        members
    }

    /// The progress of a running job, or the outcome of one that has ended.
    fn details(&self) -> Vec<Member> {
        let mut members = Vec::new();
        match &self.job.state {
            State::Queued => {}
            State::Running { .. } => {
                let progress = &self.job.progress;
                let phase = progress.phase.as_deref();
                members.extend(phase.map(|phase| Member::text("phaseDescription", phase)));
                if let (Product::Merge, Some(stage)) = (self.product, &progress.stage) {
                    members.push(Member::text("stageDescription", &*stage.name));
                }
            }
            State::Ended {
                outcome, finished, ..
            } => match outcome {
                Outcome::Failed(failure) => members.push(self.error(failure, *finished)),
                Outcome::Succeeded(_) if matches!(self.view, JobView::Now(_)) => {
                    members.extend(self.job.output().map(|output| self.output(output)));
                }
                Outcome::Succeeded(_) | Outcome::Canceled => {}
            },
        }
        members
    }

    fn error(&self, failure: &Failure, at: WallMs) -> Member {
        let error = Error {
            message: &failure.message,
            id: self.job.id.to_uuid(),
            // The status that a synchronous request would have got.
            status: 400,
            at,
        };
        Member::Child("error", error.node(self.product))
    }

    fn output(&self, output: &Output) -> Member {
        let path = match &output.location {
            ResultLocation::File { path, .. } => Some(path),
            ResultLocation::Blob(_) | ResultLocation::Consumed => None,
        };
        let kind = if path.is_some() { "file" } else { "http" };
        let uri = format!("{}{}", self.base, self.product.download_path(self.job.id));
        let mut members = vec![
            Member::Attribute("type", kind.to_owned()),
            Member::number("size", output.size),
            Member::text("uri", uri),
        ];
        members.extend(path.map(|path| Member::text("path", path.as_str())));
        Member::Child("output", Node::Object(members))
    }

    /// The number of stages and the current one, which is the last if the job has succeeded.
    fn stages(&self) -> (u64, u64) {
        match &self.job.progress.stage {
            Some(stage) if self.view != JobView::Accepted => {
                let is_done = self.job.status() == crate::job::Status::Succeeded;
                (
                    stage.total,
                    if is_done { stage.total } else { stage.current },
                )
            }
            _ => (0, 0),
        }
    }

    fn links(&self) -> Vec<Node> {
        // Links have no host, but the path of the public URL.
        let path = self.base.split_once("://").and_then(|(_, rest)| {
            let at = rest.find('/')?;
            Some(&rest[at..])
        });
        let path = path.unwrap_or_default();
        let job = format!("{path}{}", self.product.job_path(self.job.id));
        let link = |rel: &str, href: &str| {
            Node::Object(vec![Member::text("rel", rel), Member::text("href", href)])
        };
        match (self.view, &self.job.state) {
            (JobView::Accepted, _) => vec![Node::Object(vec![Member::Attribute("href", job)])],
            (JobView::Now(_), State::Queued | State::Running { .. }) => {
                vec![link("delete", &job), link("cancel", &job)]
            }
            (JobView::Now(_), State::Ended { .. }) if self.job.output().is_some() => {
                let result = format!("{path}{}", self.product.download_path(self.job.id));
                vec![link("result", &result)]
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
