//! Submissions to the native API, answered with a ticket (202) or, if the client waits, with the result.

use std::time::Duration;

use http::header::{CONTENT_LOCATION, HeaderName, HeaderValue, LINK, LOCATION, VARY};
use http::request::Parts;
use http::{Response, StatusCode};

use crate::engine::{IdempotencyKey, Submission, View, WaitFor, fingerprint};
use crate::http::native::wire as native;
use crate::http::request::options;
use crate::http::request::params;
use crate::http::request::params::Decoded;
use crate::http::request::prefer::{PREFER, PREFERENCE_APPLIED, Preferences};
use crate::http::request::request_body::RequestBody;
use crate::http::request::trace;
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::response::reply as response;
use crate::http::response::reply::header;
use crate::http::{App, RequestContext};
use crate::job::{self, Outcome, State};

const OPERATION_LOCATION: HeaderName = HeaderName::from_static("operation-location");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest idempotency key, in characters.
const MAX_KEY_CHARS: usize = 255;

impl App {
    /// Submits a job and answers with its result if the request prefers to wait, else with a ticket.
    pub(crate) async fn submit(
        &self,
        request: &Parts,
        body: RequestBody,
        name: &str,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let preferences = Preferences::of(&request.headers);
        let submitted = self.submit_request(request, body, name, job::JobIdFormat::Id, context);
        let view = submitted.await?;
        let link = self.link(&view, &context.base);
        let answer = match preferences.wait {
            Some(timeout) => self.result_or_ticket(view, timeout, context).await,
            None => self.ticket(&view, context).await,
        };
        let mut response = answer.unwrap_or_else(|problem| self.refusal(&problem, request));
        let headers = response.headers_mut();
        headers.insert(LINK, link);
        headers.insert(VARY, HeaderValue::from_name(PREFER));
        if let Some(applied) = preferences.applied() {
            headers.insert(PREFERENCE_APPLIED, header(&applied));
        }
        Ok(response)
    }

    /// Submits the job that a request describes. A callback identifies the job in `id_format`.
    ///
    /// # Errors
    /// - 400, 408, 413, 415 or 422 if the request cannot be read or is invalid
    /// - 404 if there is no such operation
    /// - 409 if a request with the same idempotency key is still being received, or an input job has no result
    /// - 503 or 507 if the queue is full or the store cannot take the job
    pub(crate) async fn submit_request(
        &self,
        request: &Parts,
        body: RequestBody,
        name: &str,
        id_format: job::JobIdFormat,
        context: &RequestContext,
    ) -> Result<View, Problem> {
        let Some((_, operation)) = self.engine.registry().get(name) else {
            return Err(Problem::unknown_operation(name));
        };
        let token = context.caller.name().cloned();
        let key = idempotency_key(request)?;
        let (mut job_options, scalars) =
            options::split(request, &operation.description, &context.base)?;
        if let Some(callback) = &mut job_options.callback {
            callback.id_format = id_format;
        }
        job_options.trace = trace::of(&request.headers);
        // The store detects a repeated key when the body is complete, but an upload may take hours.
        let key_guard = match &key {
            Some(key) if params::may_be_long(&request.headers) => {
                let guard = self.engine.begin_key(token.as_deref(), key);
                Some(guard.ok_or_else(key_in_use)?)
            }
            _ => None,
        };
        let read = params::read(
            &request.headers,
            body,
            scalars,
            &operation.description,
            &self.engine,
            self.bounds(),
        );
        let Decoded { params, uploads } = read.await?;
        drop(key_guard);
        let key = key.map(|key| IdempotencyKey {
            token: token.clone(),
            name: key,
            fingerprint: fingerprint(name, &native::without_blobs(&params), &job_options),
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

    /// The result if the job ends within `wait`, else a ticket. The job goes on either way.
    ///
    /// # Errors
    /// 422 if the job failed, 409 if it was canceled.
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
                    return self.job(StatusCode::OK, &view, context).await;
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
            _ => self.ticket(&view, context).await,
        }
    }

    /// The ticket: 202 with the job and the links to it.
    pub(crate) async fn ticket(
        &self,
        view: &View,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let base = &context.base;
        let mut response = self.job(StatusCode::ACCEPTED, view, context).await?;
        let url = header(&self.links(&view.job, base).job(&view.job));
        let headers = response.headers_mut();
        headers.insert(LOCATION, url.clone());
        headers.insert(OPERATION_LOCATION, url);
        headers.insert(LINK, self.link(view, base));
        headers.insert(VARY, HeaderValue::from_name(PREFER));
        response::retry_after(headers);
        Ok(response)
    }

    /// The `Link` header that leads from any response to the job.
    fn link(&self, view: &View, base: &str) -> HeaderValue {
        let links = self.links(&view.job, base);
        let (job, monitor) = (links.job(&view.job), links.monitor());
        header(&format!(
            "<{job}>; rel=\"status\", <{monitor}>; rel=\"monitor\""
        ))
    }
}

/// The value of `Idempotency-Key`, quoted or bare.
///
/// # Errors
/// 400 if there are several keys, or the key is empty, too long, or contains a quote, a tab or bytes beyond ASCII.
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
        || key.chars().count() > MAX_KEY_CHARS
    {
        let detail = format!(
            "Idempotency-Key must be given once, with 1 to {MAX_KEY_CHARS} characters of ASCII and no quotes inside."
        );
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_idempotency_key",
            detail,
        ));
    }
    Ok(Some(key.to_owned()))
}

fn key_in_use() -> Problem {
    let detail =
        "Another request with this Idempotency-Key is still being received. Try again later.";
    Problem::new(StatusCode::CONFLICT, "idempotency_key_in_use", detail).retry_after(1)
}
