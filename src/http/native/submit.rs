//! Submissions on the native API: options and preferences of a request, and the ticket or the result.

use std::time::Duration;

use http::header::{CONTENT_LOCATION, HeaderName, HeaderValue, LINK, LOCATION, VARY};
use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::engine::{IdempotencyKey, Submission, View, WaitFor};
use crate::http::native::wire as native;
use crate::http::request::options;
use crate::http::request::params;
use crate::http::request::params::Decoded;
use crate::http::request::prefer::{PREFER, PREFERENCE_APPLIED, Preferences};
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::response::reply as response;
use crate::http::response::reply::header;
use crate::http::{App, RequestContext};
use crate::job::{self, JobOptions, Outcome, State};
use crate::operations::make_whole_numbers_integers;

const OPERATION_LOCATION: HeaderName = HeaderName::from_static("operation-location");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest key, in characters.
const KEY_CHARS: usize = 255;

impl App {
    /// Takes a job on, and answers as the request prefers.
    pub(crate) async fn submit(
        &self,
        request: &Parts,
        body: Incoming,
        name: &str,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let preferences = Preferences::of(&request.headers);
        let taken = self.take_on(request, body, name, job::JobIdFormat::Id, context);
        let view = taken.await?;
        let link = self.link(&view, &context.base);
        let answer = match preferences.wait {
            Some(timeout) => self.result_or_ticket(view, timeout, context).await,
            None => self.ticket(&view, &context.base).await,
        };
        let mut response = answer.unwrap_or_else(|problem| self.refusal(problem, request));
        let headers = response.headers_mut();
        headers.insert(LINK, link);
        headers.insert(VARY, HeaderValue::from_name(PREFER));
        if let Some(applied) = preferences.applied() {
            headers.insert(PREFERENCE_APPLIED, header(&applied));
        }
        Ok(response)
    }

    /// Takes on the job that a request asks for. A callback tells of it by the name that its client knows.
    pub(crate) async fn take_on(
        &self,
        request: &Parts,
        body: Incoming,
        name: &str,
        known_by: job::JobIdFormat,
        context: &RequestContext,
    ) -> Result<View, Problem> {
        let Some((_, operation)) = self.engine.registry().get(name) else {
            return Err(Problem::not_found(format!(
                "There is no operation named {name:?}."
            )));
        };
        let token = context.caller.name().cloned();
        let key = idempotency_key(request)?;
        let (mut job_options, scalars) =
            options::split(request, &operation.description, &context.base)?;
        if let Some(callback) = &mut job_options.callback {
            callback.id_format = known_by;
        }
        // Short bodies are told apart by the store; an upload may take hours.
        let storing = match &key {
            Some(key) if params::may_be_long(&request.headers) => {
                let begun = self.engine.begin_key(token.as_deref(), key);
                Some(begun.ok_or_else(being_stored)?)
            }
            _ => None,
        };
        let read = params::read(
            &request.headers,
            body,
            scalars,
            &operation.description,
            &self.engine,
            self.bounds,
        );
        let Decoded { params, uploads } = read.await?;
        drop(storing);
        let key = key.map(|key| IdempotencyKey {
            token: token.clone(),
            name: key,
            fingerprint: fingerprint(name, &params, &job_options),
        });
        let submission = Submission {
            token,
            operation: name.to_owned(),
            params,
            uploads: Some(uploads),
            options: job_options,
            key,
        };
        Ok(self.engine.submit(submission).await?)
    }

    /// The result if it comes in time; nothing is lost or restarted if not.
    async fn result_or_ticket(
        &self,
        view: View,
        wait: Duration,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let base = &context.base;
        let view = if view.job.is_terminal() {
            view
        } else {
            self.engine
                .wait(&context.caller, view.job.id, WaitFor::Terminal, wait)
                .await?
        };
        match &view.job.state {
            State::Ended {
                outcome: Outcome::Succeeded(_),
                ..
            } => {
                if view.job.options.output.is_some() {
                    return self.job(StatusCode::OK, &view, base).await;
                }
                let mut response = self.downloads.whole(&view.job).await?;
                let url = native::download_url(base, &view.job);
                response
                    .headers_mut()
                    .insert(CONTENT_LOCATION, header(&url));
                Ok(response)
            }
            State::Ended {
                outcome: Outcome::Failed(failure),
                ..
            } => {
                let detail = format!("The job failed: {}", failure.message);
                let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "job_failed", detail);
                Err(problem.with_error(native::error(failure)))
            }
            State::Ended {
                outcome: Outcome::Canceled,
                ..
            } => Err(Problem::new(
                StatusCode::CONFLICT,
                "job_canceled",
                "The job was canceled.",
            )),
            _ => self.ticket(&view, base).await,
        }
    }

    /// The ticket.
    pub(crate) async fn ticket(&self, view: &View, base: &str) -> Result<Response<Body>, Problem> {
        let mut response = self.job(StatusCode::ACCEPTED, view, base).await?;
        let url = header(&self.links(&view.job, base).job(&view.job));
        let headers = response.headers_mut();
        headers.insert(LOCATION, url.clone());
        headers.insert(OPERATION_LOCATION, url);
        headers.insert(LINK, self.link(view, base));
        headers.insert(VARY, HeaderValue::from_name(PREFER));
        response::retry_after(headers);
        Ok(response)
    }

    /// Where the job is found, whatever the answer itself is.
    fn link(&self, view: &View, base: &str) -> HeaderValue {
        let links = self.links(&view.job, base);
        let (job, monitor) = (links.job(&view.job), links.monitor());
        header(&format!(
            "<{job}>; rel=\"status\", <{monitor}>; rel=\"monitor\""
        ))
    }
}

/// The key, quoted or bare, if there is one.
fn idempotency_key(request: &Parts) -> Result<Option<String>, Problem> {
    let mut values = request.headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    let quoted = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let key = quoted.unwrap_or(text);
    if values.next().is_some()
        || key.is_empty()
        || key.contains(['"', '\t'])
        || key.chars().count() > KEY_CHARS
    {
        let detail = format!("An Idempotency-Key is one string of 1 to {KEY_CHARS} characters.");
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_idempotency_key",
            detail,
        ));
    }
    Ok(Some(key.to_owned()))
}

fn being_stored() -> Problem {
    let detail = "A request with this Idempotency-Key is being stored. Ask again when it is.";
    Problem::new(StatusCode::CONFLICT, "idempotency_key_in_use", detail).retry_after(1)
}

/// A digest of what is submitted. Uploads are in the params by their own digests, and by blobs that differ each time.
fn fingerprint(operation: &str, params: &Value, job_options: &JobOptions) -> [u8; 32] {
    let mut job_options = json!(job_options);
    // The same server may be asked by another of its names.
    if let Some(callback) = job_options["callback"].as_object_mut() {
        callback.remove("base");
    }
    let mut all = json!([operation, native::without_blobs(params), job_options]);
    // The same value may be written in several ways.
    make_whole_numbers_integers(&mut all);
    all.sort_all_objects();
    Sha256::digest(all.to_string()).into()
}
