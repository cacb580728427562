//! The handlers of operations: lists, descriptions and submissions.

use std::sync::Arc;

use http::{Response, StatusCode};

use crate::http::App;
use crate::http::native::wire;
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::response::reply::json;
use crate::http::routing::route::Call;

/// `GET /v1/operations`.
pub(crate) async fn list(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let registry = app.engine.registry().load();
    let all: Vec<_> = registry
        .iter()
        .map(|(_, operation)| wire::operation(&operation.description, &call.context.base))
        .collect();
    let list = serde_json::json!({ "operations": all });
    Ok(json(StatusCode::OK, list.to_string().into()))
}

/// `GET /v1/operations/{name}`.
pub(crate) async fn get(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let Some((_, operation)) = app.engine.registry().get(call.param) else {
        return Err(Problem::unknown_operation(call.param));
    };
    let value = wire::operation(&operation.description, &call.context.base);
    Ok(json(StatusCode::OK, value.to_string().into()))
}

/// `POST /v1/operations/{name}`.
pub(crate) async fn submit(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    app.submit(call.request, call.body, call.param, call.context)
        .await
}
