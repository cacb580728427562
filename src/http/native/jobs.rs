//! The handlers of jobs.

use std::sync::Arc;

use http::header::HeaderMap;
use http::request::Parts;
use http::{Response, StatusCode};

use crate::engine::{Submission, View, WaitFor};
use crate::http::native::events::EventFormat;
use crate::http::native::wire;
use crate::http::request::query;
use crate::http::request::trace;
use crate::http::response::body::Body;
use crate::http::response::conditions::Seen;
use crate::http::response::problem::Problem;
use crate::http::response::reply::{json, not_modified};
use crate::http::routing::route::Call;
use crate::http::{App, RequestContext};
use crate::job::{Job, JobOptions};

/// `GET /v1/jobs`.
pub(crate) async fn list(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    app.list(call.request, call.context).await
}

/// `GET /v1/events`.
pub(crate) async fn all_events(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    Ok(app.all_events(call.context))
}

/// `GET /v1/jobs/{id}`.
pub(crate) async fn get(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let id = call.job_id()?;
    let caller = &call.context.caller;
    let seen = Seen::of(&call.request.headers);
    let wait_for = match seen {
        None => Some(WaitFor::Terminal),
        Some(Seen::Version(version)) => Some(WaitFor::ChangeFrom(version)),
        // `*` matches every version, so there is no change to wait for.
        Some(Seen::Any) => None,
    };
    let view = match (query::wait(call.request)?, wait_for) {
        (Some(timeout), Some(wait_for)) => app.engine.wait(caller, id, wait_for, timeout).await?,
        _ => app.engine.get(caller, id).await?,
    };
    if seen.is_some_and(|seen| seen.has(view.job.version)) {
        return Ok(not_modified(&view));
    }
    app.job(StatusCode::OK, &view, call.context).await
}

/// `DELETE /v1/jobs/{id}`.
pub(crate) async fn delete(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let id = call.job_id()?;
    let RequestContext { caller, base, .. } = call.context;
    // Deleting the job deletes its params too, so the response is rendered first.
    let job = app.engine.get(caller, id).await?.job;
    let bytes = app.deleted_bytes(&job, base, caller).await?;
    app.engine.delete(caller, id).await?;
    Ok(json(StatusCode::OK, bytes))
}

/// `GET /v1/jobs/{id}/events`.
pub(crate) async fn events(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let RequestContext { caller, base, .. } = call.context;
    let view = app.engine.get(caller, call.job_id()?).await?;
    let format = EventFormat::Native(caller.clone());
    Ok(app.job_events(call.request, view, base, format))
}

/// `GET /v1/jobs/{id}/log`.
pub(crate) async fn log(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let caller = &call.context.caller;
    let view = app.engine.get(caller, call.job_id()?).await?;
    app.log(call.request, caller, view).await
}

/// `POST /v1/jobs/{id}/retry`.
pub(crate) async fn retry(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let caller = &call.context.caller;
    let trace = trace::of(&call.request.headers);
    let view = app.engine.retry(caller, call.job_id()?, trace).await?;
    app.ticket(&view, call.context).await
}

/// `POST /v1/jobs/{id}/cancel`.
pub(crate) async fn cancel(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let caller = &call.context.caller;
    let view = app.engine.cancel(caller, call.job_id()?).await?;
    let status = if view.job.is_terminal() {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    app.job(status, &view, call.context).await
}

/// `GET /v1/downloads/{id}`.
pub(crate) async fn download(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let id = call.job_id()?;
    let caller = &call.context.caller;
    let view = match query::wait(call.request)? {
        Some(timeout) => {
            let wait_for = WaitFor::Terminal;
            app.engine.wait(caller, id, wait_for, timeout).await?
        }
        None => app.engine.get(caller, id).await?,
    };
    app.download(call.request, &view, call.context).await
}

impl App {
    /// Sends a result. Cross-site navigation and prefetching must not consume a one-time result.
    pub(crate) async fn download(
        &self,
        request: &Parts,
        view: &View,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        if !context.may_have_side_effects && !view.job.options.keep {
            let detail =
                "A page of another origin may not fetch a result that goes once it is fetched.";
            return Err(Problem::new(StatusCode::FORBIDDEN, "cross_site", detail));
        }
        self.downloads
            .result(&view.job, &request.method, &request.headers)
            .await
    }

    pub(crate) fn links<'a>(&self, job: &Job, base: &'a str) -> wire::Links<'a> {
        wire::Links {
            base,
            token: self.engine.monitor_token(job),
        }
    }

    /// Submits a job with default options. `headers` are those of the request.
    pub(crate) async fn submit_with_defaults(
        &self,
        operation: &str,
        params: serde_json::Value,
        headers: &HeaderMap,
        context: &RequestContext,
    ) -> Result<View, Problem> {
        let submission = Submission {
            token: context.caller.name().cloned(),
            operation: operation.to_owned(),
            params,
            uploads: None,
            options: JobOptions {
                trace: trace::of(headers),
                ..JobOptions::default()
            },
            key: None,
        };
        Ok(self.engine.submit(submission).await?)
    }
}
