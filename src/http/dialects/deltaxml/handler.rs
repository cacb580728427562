//! The handlers of the DeltaXML dialects.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, VARY};
use http::request::Parts;
use http::{Response, StatusCode};
use uuid::{Builder, Uuid};

use crate::engine::{self, Submission, Uploads, View, WaitFor};
use crate::header_params::charset;
use crate::http::dialects::deltaxml::wire as deltaxml;
use crate::http::dialects::deltaxml::wire::{
    AsyncOptions, DeltaRequest, Error, JobView, Media, Operation, Product,
};
use crate::http::request::body_reader::{check_encoding, unsupported};
use crate::http::request::form::{Form, Part, PartUse};
use crate::http::request::request_body::RequestBody;
use crate::http::request::trace;
use crate::http::request::{json_body, media_type, params};
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::response::reply as response;
use crate::http::response::reply::header;
use crate::http::routing::route::Call;
use crate::http::{App, RequestContext};
use crate::job::{Callback, CallbackTrigger, Job, JobIdFormat, JobOptions, Method, Outcome, State};
use crate::operations::OperationSpec;
use crate::xml::Source;

/// The timeout of a synchronous request: the client waits as long as the work takes.
const NO_TIMEOUT: Duration = Duration::MAX;

/// Submits work.
pub(crate) async fn submit(
    app: &Arc<App>,
    call: Call<'_>,
    operation: Operation,
) -> Result<Response<Body>, Problem> {
    app.deltaxml_submit(call.request, call.body, operation, call.context)
        .await
}

/// Lists the merge types.
pub(crate) async fn types(_: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let media = preferred(&call.request.headers);
    let types = deltaxml::types(call.context.base_path()).render(media, "MergeTypes");
    Ok(rendered(StatusCode::OK, media, types))
}

/// Shows a job.
pub(crate) async fn job(
    app: &Arc<App>,
    call: Call<'_>,
    product: Product,
) -> Result<Response<Body>, Problem> {
    let id = call.job_uuid()?;
    let view = app.engine.get(&call.context.caller, id).await?;
    let mut response = shown(&call, product, &view.job, JobView::Now(response::now()));
    if !view.job.is_terminal() {
        response::retry_after(response.headers_mut());
    }
    Ok(response)
}

/// Deletes a job.
pub(crate) async fn delete(
    app: &Arc<App>,
    call: Call<'_>,
    product: Product,
) -> Result<Response<Body>, Problem> {
    let id = call.job_uuid()?;
    let job = app.engine.delete(&call.context.caller, id).await?;
    let view = JobView::Deleted(response::now());
    Ok(shown(&call, product, &job, view))
}

/// Downloads a result.
pub(crate) async fn download(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let id = call.job_uuid()?;
    let view = app.engine.get(&call.context.caller, id).await?;
    app.download(call.request, &view, call.context).await
}

fn shown(call: &Call<'_>, product: Product, job: &Job, view: JobView) -> Response<Body> {
    let media = preferred(&call.request.headers);
    let job = deltaxml::job(product, job, &call.context.base, view);
    rendered(StatusCode::OK, media, job.render(media, "job"))
}

impl App {
    /// Submits a job, and waits for its result unless the request is asynchronous.
    async fn deltaxml_submit(
        &self,
        request: &Parts,
        body: RequestBody,
        operation: Operation,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let Some((_, registered)) = self.engine.registry().get(operation.name()) else {
            return Err(Problem::not_found(format!(
                "This server has no {:?} operation.",
                operation.name()
            )));
        };
        let mut uploads = self.engine.uploads();
        let spec = &registered.description;
        let request_body = self.read_request(&request.headers, body, operation, spec, &mut uploads);
        let DeltaRequest {
            params,
            async_options,
        } = request_body.await?;
        let submission = Submission {
            token: context.caller.name().cloned(),
            operation: operation.name().to_owned(),
            params,
            uploads: Some(uploads),
            options: JobOptions {
                trace: trace::of(&request.headers),
                ..async_options
                    .as_ref()
                    .map(|options| job_options(operation, options, context))
                    .unwrap_or_default()
            },
            key: None,
        };
        if async_options.is_none() {
            return self.synchronous(submission, context).await;
        }
        let View { job, .. } = self.engine.submit(submission).await?;
        let (media, product) = (preferred(&request.headers), Product::from(operation));
        let shown = deltaxml::job(product, &job, &context.base, JobView::Accepted);
        let mut response = rendered(StatusCode::ACCEPTED, media, shown.render(media, "job"));
        let location = format!("{}{}", context.base, product.job_path(job.id));
        let headers = response.headers_mut();
        headers.insert(LOCATION, header(&location));
        response::retry_after(headers);
        Ok(response)
    }

    /// Reads a request in XML, JSON or as a form.
    ///
    /// # Errors
    /// 400 if the request is malformed, 408 if the body stalls, 413 if it is too long, 415 if its media type is not
    /// supported.
    async fn read_request(
        &self,
        headers: &HeaderMap,
        body: RequestBody,
        operation: Operation,
        spec: &OperationSpec,
        uploads: &mut Uploads,
    ) -> Result<DeltaRequest, Problem> {
        check_encoding(headers)?;
        let content_type = params::content_type(headers);
        let essence = media_type::essence(&content_type);
        let parsed = if essence == "multipart/form-data" {
            let form = Form {
                engine: &self.engine,
                bounds: self.bounds(),
                part_use: |part: &Part<'_>| part_use(operation, part, spec),
            };
            let pairs = form.read(&content_type, body, uploads).await?;
            deltaxml::of_form(operation, pairs, spec)
        } else {
            let charset = charset(&content_type);
            match Media::of(&essence) {
                Some(Media::Xml) => {
                    let body = params::collect(body, self.bounds()).await?;
                    let body = Source::new(body.into(), charset);
                    deltaxml::of_xml(operation, body, spec)
                }
                Some(Media::Json) => {
                    let body = params::collect(body, self.bounds()).await?;
                    let request = json_body::parse(&body, charset.as_deref())?;
                    deltaxml::of_json(operation, &request, spec)
                }
                None => {
                    return Err(unsupported(format!(
                        "The Content-Type is {essence:?}. Send XML with Content-Type: application/xml, JSON with \
                         Content-Type: application/json, or a form as multipart/form-data."
                    )));
                }
            }
        };
        parsed.map_err(Problem::malformed)
    }

    /// Submits a job, waits for its result and sends it. The job is deleted once the response is sent or the client disconnects.
    async fn synchronous(
        &self,
        submission: Submission,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        context.activity.note_ephemeral();
        let (view, ephemeral) = self.engine.submit_ephemeral(submission).await?;
        let id = view.job.id;
        let ended = tokio::select! {
            ended = self.engine.wait(&context.caller, id, WaitFor::Terminal, NO_TIMEOUT) => ended,
            () = self.engine.stopping() => Err(engine::Error::Stopped),
        };
        let answer = match ended
            .map_err(vanished)
            .and_then(|view| succeeded(&view.job))
        {
            Ok(job) => self.downloads.whole(&job).await,
            Err(problem) => Err(problem),
        };
        match answer {
            Ok(mut response) => {
                response.body_mut().hold_ephemeral(ephemeral);
                Ok(response)
            }
            Err(problem) => {
                if let Some(deletion) = ephemeral.end() {
                    // The client gets the original error even if the deletion fails.
                    let _ = deletion.await;
                }
                Err(problem)
            }
        }
    }
}

/// The problem for a client whose job vanished while it waited.
fn vanished(error: engine::Error) -> Problem {
    match error {
        engine::Error::NotFound => canceled(),
        engine::Error::Stopped => {
            let detail = "The server is shutting down. The request was discarded; send it again.";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            Problem::new(status, "server_stopping", detail).retry_after(5)
        }
        error => error.into(),
    }
}

/// The job if it has succeeded.
///
/// # Errors
/// 422 if the job failed, 409 if it was canceled.
fn succeeded(job: &Arc<Job>) -> Result<Arc<Job>, Problem> {
    let outcome = match &job.state {
        State::Ended { outcome, .. } => Some(outcome),
        State::Queued | State::Running { .. } => None,
    };
    match outcome {
        Some(Outcome::Succeeded(_)) => Ok(Arc::clone(job)),
        Some(Outcome::Failed(failure)) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Err(Problem::new(status, "job_failed", &*failure.message))
        }
        Some(Outcome::Canceled) | None => Err(canceled()),
    }
}

/// A problem in the format of a product, where invalid requests are 400 and not 422.
pub(crate) fn refusal(problem: &Problem, product: Product, headers: &HeaderMap) -> Response<Body> {
    let status = problem.status_elsewhere();
    let id = random_uuid().to_string();
    // Clients can quote the id when they report the error.
    tracing::debug!(error.id = id, %status, code = problem.code(), "a request was rejected");
    let error = Error {
        message: &problem.sentence(|param| product.field_name(param)),
        id,
        status: status.as_u16(),
        at: response::now(),
    };
    let media = preferred(headers);
    let text = deltaxml::error(product, &error, media);
    let mut response = problem.translated(text, media.name());
    vary(response.headers_mut());
    response
}

/// A random UUID (version 4).
fn random_uuid() -> Uuid {
    let mut bytes = [0; 16];
    // Without random bits the id is not unique, which does no harm.
    let _ = getrandom::fill(&mut bytes);
    Builder::from_random_bytes(bytes).into_uuid()
}

fn job_options(
    operation: Operation,
    options: &AsyncOptions,
    context: &RequestContext,
) -> JobOptions {
    let callback = options.callback.clone().map(|url| Callback {
        url,
        method: Method::Get,
        trigger: match Product::from(operation) {
            Product::Compare => CallbackTrigger::Succeeded,
            Product::Merge => CallbackTrigger::Terminal,
        },
        id_format: JobIdFormat::Uuid,
        base: context.base.clone(),
    });
    JobOptions {
        keep: options.keep,
        output: options.output.clone(),
        callback,
        ..JobOptions::default()
    }
}

/// Decides how to read a part of a form: documents and versions are stored if they are sent as files or as XML, and
/// are otherwise paths or URLs, which are read as text.
///
/// # Errors
/// 400 for a setting or job option that is sent as a file: the content of a file never becomes a parameter.
fn part_use(
    operation: Operation,
    part: &Part<'_>,
    spec: &OperationSpec,
) -> Result<PartUse, Problem> {
    let is_xml = part.media_type.and_then(Media::of) == Some(Media::Xml);
    match deltaxml::part(operation, part.name, spec) {
        deltaxml::Part::Unknown => Ok(PartUse::Skip),
        deltaxml::Part::Document(_) | deltaxml::Part::Version if part.is_file || is_xml => {
            Ok(PartUse::Document)
        }
        deltaxml::Part::Async | deltaxml::Part::JobOption(_) | deltaxml::Part::Setting
            if part.is_file =>
        {
            Err(Problem::malformed(format!(
                "{:?} is sent as a file. Send its value as a form field without a file name.",
                part.name
            )))
        }
        deltaxml::Part::Document(_)
        | deltaxml::Part::Version
        | deltaxml::Part::Async
        | deltaxml::Part::JobOption(_)
        | deltaxml::Part::Setting => Ok(PartUse::Text),
    }
}

/// The format of the response to a request.
fn preferred(headers: &HeaderMap) -> Media {
    let accept = headers.get_all(ACCEPT).iter();
    Media::preferred(
        accept.filter_map(|value| value.to_str().ok()),
        &params::content_type(headers),
    )
}

/// A response with a body in a format.
fn rendered(status: StatusCode, media: Media, text: String) -> Response<Body> {
    let mut response = Response::new(Body::Full(text.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media.name()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    vary(headers);
    response
}

/// The format depends on `Accept`.
fn vary(headers: &mut HeaderMap) {
    headers.insert(VARY, HeaderValue::from_static("accept"));
}

fn canceled() -> Problem {
    let detail = "The job was canceled.";
    Problem::new(StatusCode::CONFLICT, "job_canceled", detail)
}
