//! driveonweb's polling jobs, answered from the engine.

use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue, LOCATION};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::engine::{DriveItem, Engine, NumberedItem, WaitFor};
use crate::http::dialects::driveonweb::wire as driveonweb;
use crate::http::dialects::driveonweb::wire::{Endpoint, Kind};
use crate::http::request::query;
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::response::reply as response;
use crate::http::response::reply::header;
use crate::http::response::{content, files};
use crate::http::{App, RequestContext};
use crate::job::Seq;
use crate::operations::files::browse::EntryKind;

impl App {
    /// Answers a call.
    pub(crate) async fn driveonweb(
        &self,
        request: &Parts,
        call: Endpoint,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        match call {
            Endpoint::Roots => Ok(listed(&self.engine.root_items().await?)),
            Endpoint::Folder(number) => {
                let path = self.path(number, context).await?;
                Ok(listed(&self.engine.items_in(&path).await?))
            }
            Endpoint::Begin(kind, number) => {
                self.begin_polled(request, kind, number, context).await
            }
            Endpoint::Job(kind, seq) => self.polled(request, kind, seq, context).await,
            Endpoint::Download(number) => self.driveonweb_file(request, number, context).await,
        }
    }

    /// A file or folder by its number; a result has no path.
    pub(crate) async fn path(
        &self,
        number: i64,
        context: &RequestContext,
    ) -> Result<String, Problem> {
        match self.engine.numbered(&context.caller, number).await? {
            NumberedItem::Path(path) => Ok(path),
            NumberedItem::Result(_) => Err(Problem::not_found(
                "A result is neither a file nor a folder.",
            )),
        }
    }

    async fn begin_polled(
        &self,
        request: &Parts,
        kind: Kind,
        number: i64,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        if !context.may_have_side_effects {
            let detail = "This address begins work, which neither another site's link nor a prefetch may do.";
            return Err(Problem::new(StatusCode::FORBIDDEN, "cross_site", detail));
        }
        let folder = self.engine.item(&self.path(number, context).await?).await?;
        if folder.entry.kind != EntryKind::Folder {
            return Err(Problem::not_found("That is a file, not a folder."));
        }
        let params = match kind {
            Kind::Zip => json!({ "path": folder.path }),
            Kind::Copy => {
                let target = query::value(request, "target").and_then(|text| text.parse().ok());
                let target: i64 =
                    target.ok_or_else(|| query::fault("target", "It is a folder's id."))?;
                let target = self.path(target, context).await?;
                let to = format!("{}/{}", target.trim_end_matches('/'), folder.entry.name);
                // Nobody is asked, so nothing that is there already is lost.
                json!({ "from": folder.path, "to": to, "conflict": "rename" })
            }
        };
        let view = self
            .submit_with_defaults(kind.word(), params, context)
            .await?;
        let location = kind.polling_url(self.own_path(), view.job.seq);
        let body = driveonweb::begun(&location).to_string();
        let mut response = response::json(StatusCode::SEE_OTHER, body.into());
        let headers = response.headers_mut();
        headers.insert(LOCATION, header(&location));
        if !view.job.is_terminal() {
            response::retry_after(headers);
        }
        Ok(response)
    }

    /// A job, held back for longer the more often it was polled, unless it ends.
    async fn polled(
        &self,
        request: &Parts,
        kind: Kind,
        seq: Seq,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let now = response::now();
        let mut view = self.engine.at(&context.caller, seq).await?;
        if *view.job.operation != *kind.word() {
            return Err(Problem::not_found("That is a job of another kind."));
        }
        let mut polls = 0;
        if let Some(live) = view.live.as_ref().filter(|_| !view.job.is_terminal()) {
            let counts = request.method != Method::HEAD;
            polls = if counts { live.poll() } else { live.polls() };
            let hold = driveonweb::held(polls);
            if counts && !hold.is_zero() {
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
        let body = driveonweb::job(kind, &view.job, polls, now, result, self.own_path());
        let mut response = response::json(StatusCode::OK, body.to_string().into());
        if !view.job.is_terminal() {
            response::retry_after(response.headers_mut());
        }
        Ok(response)
    }

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

/// As the native one, but without spaces, and with the whole name only where it is not plain.
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

fn listed(items: &[DriveItem]) -> Response<Body> {
    let entry =
        |item: &DriveItem| driveonweb::entry(item.number, &item.entry.name, item.entry.kind.size());
    let list: Value = items.iter().map(entry).collect();
    response::json(StatusCode::OK, list.to_string().into())
}
