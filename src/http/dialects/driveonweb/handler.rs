//! The handlers of the driveonweb dialect: folders, files and polling jobs.

use std::sync::Arc;

use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue, LOCATION};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::engine::{DriveItem, Engine, NumberedItem, WaitFor};
use crate::http::dialects::driveonweb::wire as driveonweb;
use crate::http::dialects::driveonweb::wire::Kind;
use crate::http::request::query;
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::response::reply as response;
use crate::http::response::reply::header;
use crate::http::response::{content, files};
use crate::http::routing::route::Call;
use crate::http::{App, RequestContext};
use crate::job::Seq;
use crate::operations::files::browse::EntryKind;

/// `GET /rest/folders`.
pub(crate) async fn roots(app: &Arc<App>, _: Call<'_>) -> Result<Response<Body>, Problem> {
    Ok(list_response(&app.engine.root_items().await?))
}

/// `GET /rest/folders/{folder}`.
pub(crate) async fn folder(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let path = app.item_path(call.number()?, call.context).await?;
    Ok(list_response(&app.engine.items_in(&path).await?))
}

/// `GET /rest/folders/{folder}/zip` and `/copy`.
pub(crate) async fn start(
    app: &Arc<App>,
    call: Call<'_>,
    kind: Kind,
) -> Result<Response<Body>, Problem> {
    let number = call.number()?;
    app.start_polling_job(call.request, kind, number, call.context)
        .await
}

/// `GET /rest/jobs/zip/{job}` and `/copy/{job}`.
pub(crate) async fn job(
    app: &Arc<App>,
    call: Call<'_>,
    kind: Kind,
) -> Result<Response<Body>, Problem> {
    let seq = Seq(call.number()?);
    app.poll_job(call.request, kind, seq, call.context).await
}

/// `GET /rest/files/{file}/download`.
pub(crate) async fn download(app: &Arc<App>, call: Call<'_>) -> Result<Response<Body>, Problem> {
    let number = call.number()?;
    app.driveonweb_file(call.request, number, call.context)
        .await
}

impl App {
    /// The path of the file or folder with this number.
    ///
    /// # Errors
    /// 404 if no file or folder has the number, or if it is the number of a result.
    pub(crate) async fn item_path(
        &self,
        number: i64,
        context: &RequestContext,
    ) -> Result<String, Problem> {
        match self.engine.numbered(&context.caller, number).await? {
            NumberedItem::Path(path) => Ok(path),
            NumberedItem::Result(_) => Err(Problem::not_found(format!(
                "{number} is the number of a result, not of a file or folder."
            ))),
        }
    }

    /// Submits a job that works on a folder, and redirects to its polling URL.
    ///
    /// # Errors
    /// - 403 if another site's page led the user here
    /// - 404 if there is no such folder
    /// - 422 if the target of a copy is missing or not a number
    async fn start_polling_job(
        &self,
        request: &Parts,
        kind: Kind,
        number: i64,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        if !context.may_have_side_effects {
            let detail = "This URL starts a job. Links on other sites and prefetches may not do that: open it from this server's own pages or a client.";
            return Err(Problem::new(StatusCode::FORBIDDEN, "cross_site", detail));
        }
        let folder = self
            .engine
            .item(&self.item_path(number, context).await?)
            .await?;
        if folder.entry.kind != EntryKind::Folder {
            return Err(Problem::not_found(format!(
                "{number} is the number of a file, not of a folder."
            )));
        }
        let params = match kind {
            Kind::Zip => json!({ "path": folder.path }),
            Kind::Copy => {
                let target = query::value(request, "target").unwrap_or_default();
                let target: i64 = target.parse().map_err(|_| {
                    let detail = format!("Expected the id of a folder, found {target:?}.");
                    query::fault("target", detail)
                })?;
                let target = self.item_path(target, context).await?;
                let to = format!("{}/{}", target.trim_end_matches('/'), folder.entry.name);
                // The protocol cannot ask the user, so an existing folder is never replaced.
                json!({ "from": folder.path, "to": to, "conflict": "rename" })
            }
        };
        let view = self
            .submit_with_defaults(kind.as_str(), params, &request.headers, context)
            .await?;
        let location = kind.polling_url(context.base_path(), view.job.seq);
        let body = driveonweb::started(&location).to_string();
        let mut response = response::json(StatusCode::SEE_OTHER, body.into());
        let headers = response.headers_mut();
        headers.insert(LOCATION, header(&location));
        if !view.job.is_terminal() {
            response::retry_after(headers);
        }
        Ok(response)
    }

    /// Shows a job. The more often a job was polled, the longer its response is held, until the job ends.
    async fn poll_job(
        &self,
        request: &Parts,
        kind: Kind,
        seq: Seq,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let now = response::now();
        let mut view = self.engine.at(&context.caller, seq).await?;
        if *view.job.operation != *kind.as_str() {
            return Err(Problem::not_found(format!(
                "Job {} is not a {} job.",
                seq.0,
                kind.as_str()
            )));
        }
        let mut polls = 0;
        if let Some(cached) = view.cached.as_ref().filter(|_| !view.job.is_terminal()) {
            let is_counted = request.method != Method::HEAD;
            polls = if is_counted {
                cached.poll()
            } else {
                cached.polls()
            };
            let hold = driveonweb::hold_time(polls);
            if is_counted && !hold.is_zero() {
                let id = view.job.id;
                view = self
                    .engine
                    .wait(&context.caller, id, WaitFor::Terminal, hold)
                    .await?;
            }
        }
        let result = match (kind, view.job.output()) {
            (_, None) => None,
            (Kind::Zip, Some(_)) => Some(Engine::result_number(&view.job)),
            (Kind::Copy, Some(output)) => match output.item_path() {
                Some(path) => self.engine.number_of(path).await?,
                None => None,
            },
        };
        let body = driveonweb::job(kind, &view.job, polls, now, result, context.base_path());
        let mut response = response::json(StatusCode::OK, body.to_string().into());
        if !view.job.is_terminal() {
            response::retry_after(response.headers_mut());
        }
        Ok(response)
    }

    /// Downloads a file or a result.
    async fn driveonweb_file(
        &self,
        request: &Parts,
        number: i64,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let (method, headers) = (&request.method, &request.headers);
        let (mut response, name) = match self.engine.numbered(&context.caller, number).await? {
            NumberedItem::Result(view) => {
                let response = self.downloads.result(&view.job, method, headers).await?;
                let name = view.job.output().map(|output| output.filename.clone());
                (response, name.unwrap_or_default())
            }
            NumberedItem::Path(path) => {
                let (entry, file) = self.engine.open_item(&path).await?;
                let size = entry.kind.size().unwrap_or_default();
                let response = files::reply(file, &entry.name, size, method, headers)?;
                (response, entry.name)
            }
        };
        let headers = response.headers_mut();
        if let Some(media_type) = headers.get(CONTENT_TYPE) {
            let media_type = [media_type.as_bytes(), b";charset=UTF-8"].concat();
            if let Ok(media_type) = HeaderValue::from_bytes(&media_type) {
                headers.insert(CONTENT_TYPE, media_type);
            }
            headers.insert(CONTENT_DISPOSITION, attachment(&name));
        }
        Ok(response)
    }
}

/// `Content-Disposition` in driveonweb's format: without spaces, and with `filename*` only if the name is not plain ASCII.
fn attachment(name: &str) -> HeaderValue {
    let native = content::attachment(name);
    let native = native.to_str().unwrap_or("attachment");
    let mut parts = native.split("; ");
    let plain: Vec<_> = parts.by_ref().take(2).collect();
    let plain = plain.join(";");
    if plain == format!("attachment;filename=\"{name}\"") {
        return header(&plain);
    }
    let rest: Vec<_> = parts.collect();
    header(&format!("{plain};{}", rest.join(";")))
}

fn list_response(items: &[DriveItem]) -> Response<Body> {
    let entry =
        |item: &DriveItem| driveonweb::entry(item.number, &item.entry.name, item.entry.kind.size());
    let list: Value = items.iter().map(entry).collect();
    response::json(StatusCode::OK, list.to_string().into())
}
