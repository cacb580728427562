//! The handlers of the OneDrive dialect: items, actions and monitor URLs.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::request::Parts;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::config::Dialect;
use crate::engine::{DriveItem, View};
use crate::header_params::charset;
use crate::http::dialects::onedrive::wire as onedrive;
use crate::http::dialects::onedrive::wire::{Address, Facet, Monitor};
use crate::http::request::body_reader::check_encoding;
use crate::http::request::prefer::Preferences;
use crate::http::request::request_body::RequestBody;
use crate::http::request::{json_body, params, query};
use crate::http::response::body::Body;
use crate::http::response::files;
use crate::http::response::problem::Problem;
use crate::http::response::reply as response;
use crate::http::response::reply::header;
use crate::http::routing::route::{Call, nothing_here};
use crate::http::{App, RequestContext};
use crate::job::Output;
use crate::operations::files::browse::EntryKind;

/// `GET /drive/root` and `GET /drive/items/{item}`.
pub(crate) async fn item(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    match address(&call)? {
        Address::Root => {
            let roots = app.engine.root_items().await?.len();
            Ok(ok_json(&onedrive::root(roots)))
        }
        address => {
            let item = app.item_at(address, call.context).await?;
            Ok(ok_json(&app.item_json(&item).await?))
        }
    }
}

/// `GET /drive/root/children` and `GET /drive/items/{item}/children`.
pub(crate) async fn children(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let items = match address(&call)? {
        Address::Root => app.engine.root_items().await?,
        address => {
            let path = app.path_at(address, call.context).await?;
            app.engine.items_in(&path).await?
        }
    };
    let mut children = Vec::with_capacity(items.len());
    for item in &items {
        children.push(app.item_json(item).await?);
    }
    Ok(ok_json(&json!({ "value": children })))
}

/// `GET /drive/items/{item}/content`.
pub(crate) async fn content(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let request = call.request;
    let path = app.path_at(address(&call)?, call.context).await?;
    let (entry, file) = app.engine.open_item(&path).await?;
    let size = entry.kind.size().unwrap_or_default();
    files::reply(file, &entry.name, size, &request.method, &request.headers)
}

/// `POST /drive/items/{item}/copy`.
pub(crate) async fn copy(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let source = address(&call)?;
    let body = app.json_body(call.request, call.body).await?;
    let params = app
        .copy_params(call.request, source, &body, call.context)
        .await?;
    app.submit_action(call.request, "copy", params, call.context)
        .await
}

/// `POST /drive/items/{item}/children`.
pub(crate) async fn upload(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let folder = address(&call)?;
    if !Preferences::of(&call.request.headers).respond_async {
        let detail = "An upload from a URL needs the header `Prefer: respond-async`.";
        return Err(Problem::malformed(detail));
    }
    let body = app.json_body(call.request, call.body).await?;
    let params = app
        .upload_params(call.request, folder, &body, call.context)
        .await?;
    app.submit_action(call.request, "fetch", params, call.context)
        .await
}

/// The item in the path.
fn address(call: &Call<'_>) -> Result<Address, Problem> {
    onedrive::item_address(call.request.uri.path()).ok_or_else(nothing_here)
}

impl App {
    /// Shows a job by its monitor token. `prefix` is the version prefix of the request's path.
    pub(crate) async fn monitor(
        &self,
        token: &str,
        prefix: &str,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let view = self.engine.monitored(token).await?;
        let item = self.result_item(&view).await?;
        let reply = |status, value: Value| response::json(status, value.to_string().into());
        Ok(match onedrive::monitor(&view.job, item) {
            Monitor::Pending(value) => {
                let mut response = reply(StatusCode::ACCEPTED, value);
                response::retry_after(response.headers_mut());
                response
            }
            Monitor::Completed(value) => {
                let mut response = reply(StatusCode::SEE_OTHER, value);
                let base = format!("{}{prefix}", context.base);
                let url = match item {
                    Some(number) => format!("{base}/drive/items/{number}"),
                    None => format!("{base}/monitor/{token}/result"),
                };
                response.headers_mut().insert(LOCATION, header(&url));
                response
            }
            Monitor::Failed(value) => reply(StatusCode::OK, value),
        })
    }

    /// A job as JSON in the format of its monitor URL.
    pub(crate) async fn monitor_bytes(&self, view: &View) -> Result<Bytes, Problem> {
        let item = self.result_item(view).await?;
        let value = onedrive::monitor(&view.job, item).into_value();
        Ok(value.to_string().into())
    }

    /// The number of the item that a job made below a root, if the OneDrive dialect, which shows items, is on.
    async fn result_item(&self, view: &View) -> Result<Option<i64>, Problem> {
        let path = view.job.output().and_then(Output::item_path);
        match path.filter(|_| self.dialects.has(Dialect::Onedrive)) {
            Some(path) => Ok(self.engine.number_of(path).await?),
            None => Ok(None),
        }
    }

    /// The path that an address stands for.
    ///
    /// # Errors
    /// 403 for the folder of all roots, which has no path; 404 if there is no item with that number.
    async fn path_at(&self, address: Address, context: &RequestContext) -> Result<String, Problem> {
        match address {
            Address::Path(path) => Ok(path),
            Address::Number(number) => self.item_path(number, context).await,
            Address::Root => {
                let detail = "The folder of all roots cannot be copied, written or downloaded. Name a folder or file inside of it.";
                Err(Problem::new(StatusCode::FORBIDDEN, "not_allowed", detail))
            }
        }
    }

    /// The item at an address.
    async fn item_at(
        &self,
        address: Address,
        context: &RequestContext,
    ) -> Result<DriveItem, Problem> {
        let path = self.path_at(address, context).await?;
        Ok(self.engine.item(&path).await?)
    }

    /// An item as JSON.
    async fn item_json(&self, item: &DriveItem) -> Result<Value, Problem> {
        let facet = match item.entry.kind {
            EntryKind::File(size) => Facet::File {
                size,
                media_type: files::media_type(&item.entry.name),
            },
            EntryKind::Folder => Facet::Folder {
                children: self.engine.child_count(item).await?,
            },
        };
        Ok(onedrive::item(&onedrive::Item {
            number: item.number,
            name: &item.entry.name,
            path: &item.path,
            facet,
            parent: self.engine.number_of_parent(&item.path).await?,
        }))
    }

    /// The params of a copy.
    async fn copy_params(
        &self,
        request: &Parts,
        source: Address,
        body: &Value,
        context: &RequestContext,
    ) -> Result<Value, Problem> {
        let copy = onedrive::copy(body).map_err(Problem::malformed)?;
        let conflict =
            onedrive::conflict(query::pairs(request), body).map_err(Problem::malformed)?;
        let source = self.item_at(source, context).await?;
        let folder = match copy.parent {
            Some(address) => self.path_at(address, context).await?,
            None => source
                .path
                .rsplit_once('/')
                .unwrap_or_default()
                .0
                .to_owned(),
        };
        let name = copy.name.unwrap_or(source.entry.name);
        let to = format!("{}/{name}", folder.trim_end_matches('/'));
        Ok(json!({ "from": source.path, "to": to, "conflict": conflict }))
    }

    /// The params of an upload from a URL.
    async fn upload_params(
        &self,
        request: &Parts,
        folder: Address,
        body: &Value,
        context: &RequestContext,
    ) -> Result<Value, Problem> {
        let upload = onedrive::upload(body).map_err(Problem::malformed)?;
        let conflict =
            onedrive::conflict(query::pairs(request), body).map_err(Problem::malformed)?;
        let folder = self.item_at(folder, context).await?;
        if folder.entry.kind != EntryKind::Folder {
            return Err(Problem::not_found(format!(
                "{:?} is a file, not a folder.",
                folder.path
            )));
        }
        let to = format!("{}/{}", folder.path.trim_end_matches('/'), upload.name);
        Ok(json!({ "uri": upload.source, "to": to, "conflict": conflict }))
    }

    /// The body of a request, which must be a JSON object.
    async fn json_body(&self, request: &Parts, body: RequestBody) -> Result<Value, Problem> {
        check_encoding(&request.headers)?;
        let bytes = params::collect(body, self.bounds()).await?;
        let charset = charset(&params::content_type(&request.headers));
        let body = json_body::parse(&bytes, charset.as_deref())?;
        if body.is_object() {
            Ok(body)
        } else {
            Err(Problem::malformed("The body must be a JSON object."))
        }
    }

    /// Submits a job. The response has no body, but `Location` with the monitor URL.
    async fn submit_action(
        &self,
        request: &Parts,
        operation: &str,
        params: Value,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let view = self
            .submit_with_defaults(operation, params, &request.headers, context)
            .await?;
        let token = self.engine.monitor_token(&view.job);
        let mut response = response::json(StatusCode::ACCEPTED, Bytes::new());
        let headers = response.headers_mut();
        headers.remove(CONTENT_TYPE);
        headers.insert(
            LOCATION,
            header(&format!("{}/monitor/{token}", context.base)),
        );
        response::retry_after(headers);
        Ok(response)
    }
}

/// A problem in OneDrive's format, where invalid requests are 400 and not 422.
pub(crate) fn refusal(problem: &Problem) -> Response<Body> {
    let error = json!({ "error": error(problem) });
    problem.translated(error.to_string(), "application/json")
}

/// The error object of a problem.
pub(crate) fn error(problem: &Problem) -> Value {
    onedrive::error(problem.code(), &problem.sentence(onedrive::field_name))
}

fn ok_json(value: &Value) -> Response<Body> {
    response::json(StatusCode::OK, value.to_string().into())
}
