//! `GET /v1/jobs`: own jobs, newest first.

use http::header::LINK;
use http::request::Parts;
use http::{Response, StatusCode};

use crate::engine::Filter;
use crate::http::request::query;
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::response::reply::{header, json};
use crate::http::{App, RequestContext};
use crate::job::{Seq, Status};
use crate::operations::InvalidParam;

const LIMIT: usize = 100;
const LIMIT_AT_MOST: usize = 1000;
/// A page ends with the job that makes it this long, in bytes.
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
        let _turn = self.large.list().await;
        let page = self.engine.list(caller, filter, limit).await?;
        let mut next = page.next;
        let mut text = b"{\"jobs\":[".to_vec();
        for (number, view) in page.jobs.iter().enumerate() {
            if number > 0 {
                text.push(b',');
            }
            text.extend_from_slice(&self.job_bytes(view, base).await?);
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
        // What was reserved for more jobs would be held along with it.
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

/// The same query, but after another job.
fn with_after(request: &Parts, after: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(query::pairs(request).filter(|(name, _)| name != "after"));
    query.append_pair("after", after).finish()
}

fn filter(request: &Parts) -> Result<(Filter, usize), Problem> {
    let (mut filter, mut limit, mut faults) = (Filter::default(), LIMIT, Vec::new());
    for (name, value) in query::pairs(request) {
        let mut fault = |detail: String| {
            faults.push(InvalidParam {
                pointer: format!("?{name}"),
                detail,
            });
        };
        match name.as_ref() {
            "status" => {
                for word in value.split(',') {
                    match Status::ALL
                        .into_iter()
                        .find(|status| status.as_str() == word)
                    {
                        Some(status) => filter.statuses.push(status),
                        None => fault(format!("{word:?} is not a status.")),
                    }
                }
            }
            "operation" => filter.operation = Some(value.into_owned()),
            "limit" => match value.parse() {
                Ok(number @ 1..=LIMIT_AT_MOST) => limit = number,
                _ => fault(format!("It is a number from 1 to {LIMIT_AT_MOST}.")),
            },
            "after" => match value.parse() {
                Ok(seq) => filter.before = Some(Seq(seq)),
                Err(_) => fault("It is what `next` was.".into()),
            },
            // Unknown names are for others.
            _ => {}
        }
    }
    if faults.is_empty() {
        Ok((filter, limit))
    } else {
        Err(query::faults(faults))
    }
}
