//! `GET /v1/jobs`: the jobs of the caller, newest first.

use http::header::LINK;
use http::request::Parts;
use http::{Response, StatusCode};

use crate::engine::Filter;
use crate::http::request::query;
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::response::reply::{header, json};
use crate::http::{App, RequestContext};
use crate::job::{JobId, Seq, Status};
use crate::operations::InvalidParam;

/// The number of jobs on a page if the request has no `limit`.
const DEFAULT_LIMIT: usize = 100;
/// The largest `limit`.
const MAX_LIMIT: usize = 1000;
/// A page ends after the job that makes it this long, in bytes.
const PAGE_BYTES: usize = 2 << 20;

impl App {
    /// A page of the list.
    pub(crate) async fn list(
        &self,
        request: &Parts,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let (filter, limit) = filter(request)?;
        let (caller, base) = (&context.caller, &context.base);
        let _permit = self.large.list_permit().await;
        let page = self.engine.list(caller, filter, limit).await?;
        let mut next = page.next;
        let mut text = b"{\"jobs\":[".to_vec();
        for (number, view) in page.jobs.iter().enumerate() {
            if number > 0 {
                text.push(b',');
            }
            text.extend_from_slice(&self.job_bytes(view, base, caller).await?);
            if text.len() >= PAGE_BYTES && number + 1 < page.jobs.len() {
                next = Some(view.job.seq);
                break;
            }
        }
        let next = next.map(|seq| seq.0.to_string());
        text.extend_from_slice(b"],\"next\":");
        match &next {
            Some(next) => text.extend_from_slice(format!("\"{next}\"}}").as_bytes()),
            None => text.extend_from_slice(b"null}"),
        }
        // Spare capacity would be held in memory until the response is sent.
        text.shrink_to_fit();
        let mut response = json(StatusCode::OK, self.large.hold(text.into()).await?);
        if let Some(next) = next {
            let link = format!(
                "<{base}/v1/jobs?{}>; rel=\"next\"",
                with_after(request, &next)
            );
            response.headers_mut().insert(LINK, header(&link));
        }
        Ok(response)
    }
}

/// The query of the next page.
fn with_after(request: &Parts, after: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(query::pairs(request).filter(|(name, _)| name != "after"));
    query.append_pair("after", after).finish()
}

/// The filter and the page size that a query asks for.
///
/// # Errors
/// 422 with all faults if a parameter is invalid.
fn filter(request: &Parts) -> Result<(Filter, usize), Problem> {
    let (mut filter, mut limit, mut faults) = (Filter::default(), DEFAULT_LIMIT, Vec::new());
    for (name, value) in query::pairs(request) {
        let mut fault = |detail: String| {
            faults.push(InvalidParam {
                pointer: format!("?{name}"),
                detail,
            });
        };
        match name.as_ref() {
            "status" => {
                for name in value.split(',') {
                    match Status::ALL
                        .into_iter()
                        .find(|status| status.as_str() == name)
                    {
                        Some(status) => filter.statuses.push(status),
                        None => fault(unknown_status(name)),
                    }
                }
            }
            "id-prefix" => match JobId::with_prefix(&value) {
                Some(ids) => filter.ids = Some(ids),
                None => fault(format!(
                    "Expected the first characters of a job ID, found {value:?}."
                )),
            },
            "operation" => filter.operation = Some(value.into_owned()),
            "limit" => match value.parse() {
                Ok(number @ 1..=MAX_LIMIT) => limit = number,
                _ => fault(format!(
                    "Expected a number from 1 to {MAX_LIMIT}, found {value:?}."
                )),
            },
            "after" => match value.parse() {
                Ok(seq) => filter.before = Some(Seq(seq)),
                Err(_) => fault(format!(
                    "Expected the value of \"next\" from the previous page, found {value:?}."
                )),
            },
            // Unknown parameters are ignored, like `wait` or a cache buster.
            _ => {}
        }
    }
    if faults.is_empty() {
        Ok((filter, limit))
    } else {
        Err(query::faults(faults))
    }
}

fn unknown_status(name: &str) -> String {
    let known = Status::ALL.map(Status::as_str).join(", ");
    format!("{name:?} is not a status. Expected one of {known}.")
}
