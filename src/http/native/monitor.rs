//! The handlers of monitor links, which show one job without a token.

use std::sync::Arc;

use http::Response;

use crate::http::App;
use crate::http::native::events::EventFormat;
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::routing::route::Call;

/// The prefix of paths in newer versions of OneDrive's API, whose clients expect it in links as well.
const VERSION_PREFIX: &str = "/v1.0";

/// `GET /monitor/{token}`.
pub(crate) async fn get(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let has_prefix = call.request.uri.path().starts_with(VERSION_PREFIX);
    let prefix = if has_prefix { VERSION_PREFIX } else { "" };
    app.monitor(call.param, prefix, call.context).await
}

/// `GET /monitor/{token}/events`.
pub(crate) async fn events(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let view = app.engine.monitored(call.param).await?;
    let base = &call.context.base;
    Ok(app.job_events(call.request, view, base, EventFormat::Monitor))
}

/// `GET /monitor/{token}/result`.
pub(crate) async fn result(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let view = app.engine.monitored(call.param).await?;
    app.download(call.request, &view, call.context).await
}
