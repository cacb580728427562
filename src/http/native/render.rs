//! Jobs as JSON: made once for each version and base URL while that is kept, and within the limits on large bodies.

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::engine::{Engine, View};
use crate::http::App;
use crate::http::native::wire as native;
use crate::http::response::body::Body;
use crate::http::response::large;
use crate::http::response::problem::Problem;
use crate::http::response::reply::{add_version, json};
use crate::job::{Job, Params};

impl App {
    /// A job, with its version.
    pub(crate) async fn job(
        &self,
        status: StatusCode,
        view: &View,
        base: &str,
    ) -> Result<Response<Body>, Problem> {
        let mut response = json(status, self.job_bytes(view, base).await?);
        add_version(&mut response, view);
        Ok(response)
    }

    /// A job as JSON, from the bytes that were made for its version if those are kept.
    pub(crate) async fn job_bytes(&self, view: &View, base: &str) -> Result<Bytes, Problem> {
        if let Some(bytes) = Engine::rendered(view, base) {
            return Ok(bytes);
        }
        let make = |params: &str| native::job(&view.job, params, &self.links(&view.job, base));
        let bytes = self.rendered(&view.job, make).await?;
        self.engine.keep_rendered(view, base, &bytes);
        Ok(bytes)
    }

    /// A job that was forgotten, as it was; without its params where they are gone.
    pub(crate) async fn deleted_bytes(&self, job: &Job, base: &str) -> Result<Bytes, Problem> {
        let make = |params: &str| native::deleted_job(job, params, &self.links(job, base));
        match self.rendered(job, make).await {
            Err(problem) if problem.code() != large::SERVER_BUSY => Ok(make("{}").into()),
            bytes => bytes,
        }
    }

    /// What `make` makes of a job's params, within the limits on large bodies.
    async fn rendered(
        &self,
        job: &Job,
        make: impl FnOnce(&str) -> Vec<u8>,
    ) -> Result<Bytes, Problem> {
        if let Params::Inline(params) = &job.params {
            return self.large.hold(make(params).into()).await;
        }
        let _turn = self.large.turn().await;
        let params = self.engine.params(job).await?;
        let bytes = make(&params);
        drop(params);
        self.large.hold(bytes.into()).await
    }
}
