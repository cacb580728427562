//! The handlers of routes about the server itself: health, metrics, sessions, the dashboard and the OpenAPI document.

use std::sync::Arc;

use http::{Response, StatusCode};

use crate::http::App;
use crate::http::dashboard::page;
use crate::http::native::health;
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::response::reply::json;
use crate::http::routing::route::Call;

/// `GET /`.
pub(crate) async fn dashboard(_: &Arc<App>, _: Call<'_>) -> Result<Response<Body>, Problem> {
    Ok(page())
}

/// `GET /healthz`.
pub(crate) async fn health(_: &Arc<App>, _: Call<'_>) -> Result<Response<Body>, Problem> {
    Ok(health::alive())
}

/// `GET /readyz`.
pub(crate) async fn ready(app: &Arc<App>, _: Call<'_>) -> Result<Response<Body>, Problem> {
    app.ready().await.map(|()| health::ready())
}

/// `GET /metrics`.
pub(crate) async fn metrics(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    app.metrics(call.request, &call.context.caller).await
}

/// `GET /openapi.json`.
pub(crate) async fn openapi(app: &Arc<App>, _: Call<'_>) -> Result<Response<Body>, Problem> {
    Ok(json(StatusCode::OK, app.openapi.read().clone()))
}

/// `POST /session`.
pub(crate) async fn session(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let context = call.context;
    app.access
        .session(call.request, context.base_path(), context.is_https())
}
