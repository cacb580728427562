//! DeltaXML's comparisons and merges, answered from the engine.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, VARY};
use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;

use crate::engine::{self, Submission, Uploads, View, WaitFor};
use crate::header_params::charset;
use crate::http::dialects::deltaxml::wire as deltaxml;
use crate::http::dialects::deltaxml::wire::{
    Action, AsyncOptions, DeltaRequest, Endpoint, Error, JobView, Media, Operation, Product,
};
use crate::http::request::body_reader::{check_encoding, unsupported};
use crate::http::request::form::{Form, Part, Take};
use crate::http::request::{json_body, media_type, params};
use crate::http::response::body::Body;
use crate::http::response::download;
use crate::http::response::problem::Problem;
use crate::http::response::reply as response;
use crate::http::response::reply::header;
use crate::http::{App, RequestContext};
use crate::job::{
    Callback, CallbackTrigger, Job, JobIdFormat, JobOptions, Method, Outcome, State, uuid,
};
use crate::operations::OperationSpec;
use crate::xml::Source;

/// As long as it takes.
const FOR_EVER: Duration = Duration::MAX;

impl App {
    /// Answers a call; errors have the product's shape.
    pub(in crate::http) async fn deltaxml(
        &self,
        request: &Parts,
        body: Incoming,
        call: Endpoint,
        asker: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let media = preferred(&request.headers);
        let shown = |job: &Job, moment| {
            let job = deltaxml::job(call.product, job, &asker.base, moment);
            written(StatusCode::OK, media, job.written(media, "job"))
        };
        match call.what {
            Action::Begin(work) => self.deltaxml_work(request, body, work, asker).await,
            Action::Types => {
                let types = deltaxml::types(self.own_path()).written(media, "MergeTypes");
                Ok(written(StatusCode::OK, media, types))
            }
            Action::Job(id) => {
                let view = self.engine.get(&asker.caller, id).await?;
                let mut response = shown(&view.job, JobView::Now(response::now()));
                if !view.job.is_terminal() {
                    response::retry_after(response.headers_mut());
                }
                Ok(response)
            }
            Action::Delete(id) => {
                let job = self.engine.delete(&asker.caller, id).await?;
                Ok(shown(&job, JobView::Deleted(response::now())))
            }
            Action::Download(id) => {
                let view = self.engine.get(&asker.caller, id).await?;
                self.download(request, &view, asker).await
            }
        }
    }

    async fn deltaxml_work(
        &self,
        request: &Parts,
        body: Incoming,
        work: Operation,
        asker: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let Some((_, operation)) = self.engine.registry().get(work.operation()) else {
            return Err(Problem::not_found("This server does no such work."));
        };
        let mut uploads = self.engine.store().uploads();
        let description = &operation.description;
        let order = self.order(&request.headers, body, work, description, &mut uploads);
        let DeltaRequest { params, later } = order.await?;
        let submission = Submission {
            token: asker.caller.name().cloned(),
            operation: work.operation().to_owned(),
            params,
            uploads: Some(uploads),
            options: later
                .as_ref()
                .map(|later| job_options(work, later, asker))
                .unwrap_or_default(),
            key: None,
        };
        if later.is_none() {
            return self.synchronous(submission, asker).await;
        }
        let View { job, .. } = self.engine.submit(submission).await?;
        let (media, product) = (preferred(&request.headers), Product::from(work));
        let shown = deltaxml::job(product, &job, &asker.base, JobView::Accepted);
        let mut response = written(StatusCode::ACCEPTED, media, shown.written(media, "job"));
        let location = format!("{}{}", asker.base, product.job_path(job.id));
        let headers = response.headers_mut();
        headers.insert(LOCATION, header(&location));
        response::retry_after(headers);
        Ok(response)
    }

    /// Reads what is asked for, in whichever way it is written.
    async fn order(
        &self,
        headers: &HeaderMap,
        body: Incoming,
        work: Operation,
        operation: &OperationSpec,
        uploads: &mut Uploads,
    ) -> Result<DeltaRequest, Problem> {
        check_encoding(headers)?;
        let content_type = params::content_type(headers);
        let essence = media_type::essence(&content_type);
        let order = if essence == "multipart/form-data" {
            let form = Form {
                store: self.engine.store(),
                bounds: self.bounds,
                take: |part: &Part<'_>| take(work, part, operation),
            };
            let pairs = form.read(&content_type, body, uploads).await?;
            deltaxml::of_form(work, pairs, operation)
        } else {
            let charset = charset(&content_type);
            match Media::of(&essence) {
                Some(Media::Xml) => {
                    let body = params::collect(body, self.bounds).await?;
                    let body = Source::new(body.into(), charset);
                    deltaxml::of_xml(work, body, operation)
                }
                Some(Media::Json) => {
                    let body = params::collect(body, self.bounds).await?;
                    let request = json_body::parse(&body, charset.as_deref())?;
                    deltaxml::of_json(work, &request, operation)
                }
                None => {
                    return Err(unsupported(
                        "A request is sent as application/xml, application/json or multipart/form-data.",
                    ));
                }
            }
        };
        order.map_err(Problem::malformed)
    }

    /// The result itself. Nothing is left of the job when its client has it, or has hung up.
    async fn synchronous(
        &self,
        submission: Submission,
        asker: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        asker.activity.note_ephemeral();
        let (view, ephemeral) = self.engine.submit_ephemeral(submission).await?;
        let id = view.job.id;
        let ended = tokio::select! {
            ended = self.engine.wait(&asker.caller, id, WaitFor::Terminal, FOR_EVER) => ended,
            () = self.engine.stopping() => Err(engine::Error::Stopped),
        };
        let answer = match ended.map_err(lost).and_then(|view| succeeded(&view.job)) {
            Ok(job) => download::whole(&self.engine, &job).await,
            Err(problem) => Err(problem),
        };
        match answer {
            Ok(mut response) => {
                response.body_mut().hold_ephemeral(ephemeral);
                Ok(response)
            }
            Err(problem) => {
                if let Some(forgetting) = ephemeral.end() {
                    // However it went, the problem is another one.
                    let _ = forgetting.await;
                }
                Err(problem)
            }
        }
    }
}

/// Why whoever waited for a job hears no more of it.
fn lost(error: engine::Error) -> Problem {
    match error {
        engine::Error::NotFound => canceled(),
        engine::Error::Stopped => {
            let detail = "The server stops. Nothing is left of the request.";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            Problem::new(status, "server_stopping", detail).retry_after(5)
        }
        error => error.into(),
    }
}

/// The same job, if it has a result.
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

/// A problem in the words of a product. What is well-formed but not valid is a bad request there.
pub(in crate::http) fn refusal(
    problem: &Problem,
    product: Product,
    headers: &HeaderMap,
) -> Response<Body> {
    let status = problem.status_elsewhere();
    let id = uuid(random_bits());
    // What the client may quote to whoever reads the log.
    tracing::debug!(error.id = id, %status, code = problem.code(), "a request was refused");
    let error = Error {
        message: &problem.sentence(|param| product.word(param)),
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

/// 128 random bits, as a UUID of version 4 has them (RFC 9562).
fn random_bits() -> u128 {
    let mut bytes = [0; 16];
    // An error is no worse for an id that others have, too.
    let _ = getrandom::fill(&mut bytes);
    let (version, variant) = (0xf << 76, 0x3 << 62);
    u128::from_be_bytes(bytes) & !version & !variant | 0x4 << 76 | 0x2 << 62
}

fn job_options(work: Operation, later: &AsyncOptions, asker: &RequestContext) -> JobOptions {
    let callback = later.callback.clone().map(|url| Callback {
        url,
        method: Method::Get,
        trigger: match Product::from(work) {
            Product::Compare => CallbackTrigger::Succeeded,
            Product::Merge => CallbackTrigger::Terminal,
        },
        id_format: JobIdFormat::Uuid,
        base: asker.base.clone(),
    });
    JobOptions {
        keep: later.keep,
        output: later.output.clone(),
        callback,
        ..JobOptions::default()
    }
}

/// Decides how to read a part of a form: documents and versions are stored if they are sent as files or as XML, and
/// are otherwise paths or URLs, which are read as text.
///
/// # Errors
/// 400 for a setting or job option that is sent as a file: the content of a file never becomes a parameter.
fn take(work: Operation, part: &Part<'_>, operation: &OperationSpec) -> Result<Take, Problem> {
    let is_xml = part.media_type.and_then(Media::of) == Some(Media::Xml);
    match deltaxml::part(work, part.name, operation) {
        deltaxml::Part::Nothing => Ok(Take::Nothing),
        deltaxml::Part::Document(_) | deltaxml::Part::Version if part.is_file || is_xml => {
            Ok(Take::Document)
        }
        deltaxml::Part::Document(_) | deltaxml::Part::Version => Ok(Take::Text),
        deltaxml::Part::Async | deltaxml::Part::Wish(_) | deltaxml::Part::Setting
            if part.is_file =>
        {
            Err(Problem::malformed(format!(
                "{:?} is sent as a file. Send its value as a form field without a file name.",
                part.name
            )))
        }
        deltaxml::Part::Async | deltaxml::Part::Wish(_) | deltaxml::Part::Setting => Ok(Take::Text),
    }
}

fn preferred(headers: &HeaderMap) -> Media {
    let accept = headers.get_all(ACCEPT).iter();
    Media::preferred(
        accept.filter_map(|value| value.to_str().ok()),
        &params::content_type(headers),
    )
}

fn written(status: StatusCode, media: Media, text: String) -> Response<Body> {
    let mut response = Response::new(Body::Full(text.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media.name()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    vary(headers);
    response
}

/// Another client may prefer the other way to write.
fn vary(headers: &mut HeaderMap) {
    headers.insert(VARY, HeaderValue::from_static("accept"));
}

fn canceled() -> Problem {
    let detail = "The job was canceled meanwhile.";
    Problem::new(StatusCode::CONFLICT, "job_canceled", detail)
}
