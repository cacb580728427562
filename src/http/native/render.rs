//! Renders jobs as JSON, once for each version and base URL while the bytes are cached, and within the limits on large
//! bodies.

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::engine::{Caller, Engine, View};
use crate::http::native::wire as native;
use crate::http::response::body::Body;
use crate::http::response::large;
use crate::http::response::problem::Problem;
use crate::http::response::reply::{add_version, json};
use crate::http::{App, RequestContext};
use crate::job::{Job, Params};

impl App {
    /// The response with a job and its version.
    pub(crate) async fn job(
        &self,
        status: StatusCode,
        view: &View,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let RequestContext { caller, base, .. } = context;
        let mut response = json(status, self.job_bytes(view, base, caller).await?);
        add_version(&mut response, view);
        Ok(response)
    }

    /// A job as JSON, from the cache if it holds this version. The form with the token's name is for admins only, so it is
    /// neither cached nor replaces the cached form.
    pub(crate) async fn job_bytes(
        &self,
        view: &View,
        base: &str,
        caller: &Caller,
    ) -> Result<Bytes, Problem> {
        let token = caller.visible_token(&view.job);
        let render =
            |params: &str| native::job(&view.job, token, params, &self.links(&view.job, base));
        if token.is_some() {
            return self.render(&view.job, render).await;
        }
        if let Some(bytes) = Engine::rendered(view, base) {
            return Ok(bytes);
        }
        let bytes = self.render(&view.job, render).await?;
        self.engine.keep_rendered(view, base, &bytes);
        Ok(bytes)
    }

    /// A deleted job as JSON, with its last state. The params are empty if they are already deleted.
    pub(crate) async fn deleted_bytes(
        &self,
        job: &Job,
        base: &str,
        caller: &Caller,
    ) -> Result<Bytes, Problem> {
        let token = caller.visible_token(job);
        let render = |params: &str| native::deleted_job(job, token, params, &self.links(job, base));
        match self.render(job, render).await {
            Err(problem) if problem.code() != large::SERVER_BUSY => Ok(render("{}").into()),
            bytes => bytes,
        }
    }

    /// Calls `render` with the params of a job, within the limits on large bodies.
    async fn render(
        &self,
        job: &Job,
        render: impl FnOnce(&str) -> Vec<u8>,
    ) -> Result<Bytes, Problem> {
        if let Params::Inline(params) = &job.params {
            return self.large.hold(render(params).into()).await;
        }
        let _permit = self.large.read_permit().await;
        let params = self.engine.params(job).await?;
        let bytes = render(&params);
        drop(params);
        self.large.hold(bytes.into()).await
    }
}
