//! OneDrive's items, actions and monitor URLs, answered from the engine.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::config::Dialect;
use crate::engine::{DriveItem, View};
use crate::header_params::charset;
use crate::http::dialects::onedrive::wire as onedrive;
use crate::http::dialects::onedrive::wire::{Action, Address, Endpoint, Facet, Monitor};
use crate::http::request::body_reader::check_encoding;
use crate::http::request::prefer::Preferences;
use crate::http::request::{json_body, params, query};
use crate::http::response::body::Body;
use crate::http::response::files;
use crate::http::response::problem::Problem;
use crate::http::response::reply as response;
use crate::http::response::reply::header;
use crate::http::{App, RequestContext};
use crate::job::Output;
use crate::operations::files::browse::EntryKind;

impl App {
    /// Answers a call; errors have OneDrive's shape.
    pub(crate) async fn onedrive(
        &self,
        request: &Parts,
        body: Incoming,
        call: Endpoint,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        match call.what {
            Action::Item(Address::Root) => {
                let roots = self.engine.root_items().await?.len();
                Ok(shown(&onedrive::root(roots)))
            }
            Action::Item(address) => {
                let item = self.addressed(address, context).await?;
                Ok(shown(&self.item(&item).await?))
            }
            Action::Children(address) => {
                let items = match address {
                    Address::Root => self.engine.root_items().await?,
                    address => {
                        let path = self.addressed_path(address, context).await?;
                        self.engine.items_in(&path).await?
                    }
                };
                let mut children = Vec::with_capacity(items.len());
                for item in &items {
                    children.push(self.item(item).await?);
                }
                Ok(shown(&json!({ "value": children })))
            }
            Action::Content(address) => {
                let path = self.addressed_path(address, context).await?;
                let (entry, file) = self.engine.open_item(&path).await?;
                let size = entry.kind.size().unwrap_or_default();
                files::reply(file, &entry.name, size, &request.method, &request.headers)
            }
            Action::Copy(address) => {
                let body = self.json_body(request, body).await?;
                let params = self.copy_params(request, address, &body, context).await?;
                self.accepted("copy", params, context).await
            }
            Action::Upload(address) => {
                if !Preferences::of(&request.headers).respond_async {
                    let detail = "Something is fetched by `Prefer: respond-async` only.";
                    return Err(Problem::malformed(detail));
                }
                let body = self.json_body(request, body).await?;
                let params = self.upload_params(request, address, &body, context).await?;
                self.accepted("fetch", params, context).await
            }
            Action::Monitor(token) => self.monitor(&token, call.prefix, context).await,
            Action::MonitorResult(token) => {
                let view = self.engine.monitored(&token).await?;
                self.downloads
                    .result(&view.job, &request.method, &request.headers)
                    .await
            }
        }
    }

    /// A job to whoever was given its monitor link.
    pub(crate) async fn monitor(
        &self,
        token: &str,
        prefix: &str,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let view = self.engine.monitored(token).await?;
        let item = self.made_item(&view).await?;
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

    /// What the monitor says of a job.
    pub(crate) async fn monitored(&self, view: &View) -> Result<Bytes, Problem> {
        let item = self.made_item(view).await?;
        let value = onedrive::monitor(&view.job, item).into_value();
        Ok(value.to_string().into())
    }

    /// The number of what a job put below a root, for those who can look at it there.
    async fn made_item(&self, view: &View) -> Result<Option<i64>, Problem> {
        let made = view.job.output().and_then(Output::item_path);
        match made.filter(|_| self.dialects.has(Dialect::Onedrive)) {
            Some(path) => Ok(self.engine.number_of(path).await?),
            None => Ok(None),
        }
    }

    async fn addressed_path(
        &self,
        address: Address,
        context: &RequestContext,
    ) -> Result<String, Problem> {
        match address {
            Address::Path(path) => Ok(path),
            Address::Number(number) => self.path(number, context).await,
            Address::Root => {
                let detail = "The folder of all roots is none that can be copied, written or read.";
                Err(Problem::new(StatusCode::FORBIDDEN, "not_allowed", detail))
            }
        }
    }

    async fn addressed(
        &self,
        address: Address,
        context: &RequestContext,
    ) -> Result<DriveItem, Problem> {
        let path = self.addressed_path(address, context).await?;
        Ok(self.engine.item(&path).await?)
    }

    /// An item as it is shown.
    async fn item(&self, item: &DriveItem) -> Result<Value, Problem> {
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
        let source = self.addressed(source, context).await?;
        let folder = match copy.parent {
            Some(address) => self.addressed_path(address, context).await?,
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
        let folder = self.addressed(folder, context).await?;
        if folder.entry.kind != EntryKind::Folder {
            return Err(Problem::not_found("That is a file, not a folder."));
        }
        let to = format!("{}/{}", folder.path.trim_end_matches('/'), upload.name);
        Ok(json!({ "uri": upload.source, "to": to, "conflict": conflict }))
    }

    async fn json_body(&self, request: &Parts, body: Incoming) -> Result<Value, Problem> {
        check_encoding(&request.headers)?;
        let bytes = params::collect(body, self.bounds).await?;
        let charset = charset(&params::content_type(&request.headers));
        let body = json_body::parse(&bytes, charset.as_deref())?;
        if body.is_object() {
            Ok(body)
        } else {
            Err(Problem::malformed("The body is not an object."))
        }
    }

    /// Begins a job and says where it can be watched.
    async fn accepted(
        &self,
        operation: &str,
        params: Value,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let view = self
            .submit_with_defaults(operation, params, context)
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

/// A problem in OneDrive's words. What is well-formed but not valid is a bad request there.
pub(crate) fn refusal(problem: &Problem) -> Response<Body> {
    let error = json!({ "error": error(problem) });
    problem.translated(error.to_string(), "application/json")
}

/// What is wrong, in OneDrive's words.
pub(crate) fn error(problem: &Problem) -> Value {
    onedrive::error(problem.code(), &problem.sentence(onedrive::word))
}

fn shown(value: &Value) -> Response<Body> {
    response::json(StatusCode::OK, value.to_string().into())
}
