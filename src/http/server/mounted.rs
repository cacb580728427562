//! Requests that another server has received, of the program that embeds this one.
//!
//! Its connections, their number and their timeouts are the other server's business. The rest is as on an own connection:
//! the guard, tokens, limits on bodies, and streams that end with their token.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{HeaderMap, LOCATION};
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode, Uri};
use hyper::body::{Body, Frame, SizeHint};

use crate::http::App;
use crate::http::dispatch::{Answered, Arrival};
use crate::http::request::request_body::RequestBody;
use crate::http::request::request_id::X_REQUEST_ID;
use crate::http::response::body::Body as ResponseBody;
use crate::http::response::problem::Problem;
use crate::http::response::reply;
use crate::http::routing::route::nothing_here;
use crate::http::server::activity::Activity;
use crate::http::server::timeouts::TimedBody;

/// The place of this server in another one.
#[derive(Debug, Clone)]
pub(crate) struct Mount {
    /// The address that the other server listens on; `None` for a Unix socket, and if it listens on all addresses.
    pub(crate) local: Option<IpAddr>,
    /// The path, which begins with a slash and does not end with one; or empty.
    pub(crate) path: String,
}

impl App {
    /// Answers a request of another server.
    pub(crate) async fn answer_mounted(
        self: Arc<Self>,
        mut request: Request<RequestBody>,
        mount: Arc<Mount>,
    ) -> Response<MountedBody> {
        // Each request has a connection of its own.
        let activity = Arc::new(Activity::default());
        let in_progress = activity.begin_request(request.version());
        let stripped = strip(request.uri(), &mount.path);
        let answered = match stripped {
            // The dashboard's links are relative.
            _ if !mount.path.is_empty() && request.uri().path() == mount.path => {
                self.answered_unlogged(request.headers(), to_folder(&mount.path))
            }
            Some(uri) => {
                *request.uri_mut() = uri;
                let arrival = Arrival {
                    local: mount.local,
                    below: &mount.path,
                };
                self.answer(request, arrival, &activity).await
            }
            None => {
                let (request, _) = request.into_parts();
                let response = self.refusal(&nothing_here(), &request);
                self.answered_unlogged(&request.headers, response)
            }
        };
        let Answered {
            response,
            ending,
            log,
        } = answered;
        activity.note_response(response.body());
        response.map(|body| {
            let body = TimedBody::new(body, in_progress, ending, log);
            // The other server does not poll an empty body.
            activity.consume_spent();
            MountedBody { body, activity }
        })
    }

    /// A response with its id. The request is not this server's, so it is not logged.
    fn answered_unlogged(
        &self,
        request: &HeaderMap,
        mut response: Response<ResponseBody>,
    ) -> Answered {
        let id = self.request_ids.of(request);
        response.headers_mut().insert(X_REQUEST_ID, id);
        Answered {
            response,
            ending: None,
            log: None,
        }
    }

    /// The response of a server whose runtime has ended.
    pub(crate) fn stopped_response(path: &str) -> Response<MountedBody> {
        let activity = Arc::new(Activity::default());
        let in_progress = activity.begin_request(http::Version::HTTP_11);
        let response = Problem::from(crate::engine::Error::Stopped).response(path);
        response.map(|body| MountedBody {
            body: TimedBody::new(body, in_progress, None, None),
            activity,
        })
    }
}

/// The redirect to the same path with a slash at its end.
fn to_folder(path: &str) -> Response<ResponseBody> {
    let mut response = reply::empty(StatusCode::PERMANENT_REDIRECT);
    let location = reply::header(&format!("{path}/"));
    response.headers_mut().insert(LOCATION, location);
    response
}

/// The URI without the path of the mount; `None` if it is not below that path.
fn strip(uri: &Uri, below: &str) -> Option<Uri> {
    if below.is_empty() {
        return Some(uri.clone());
    }
    let whole = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let rest = whole.strip_prefix(below)?;
    let rest = match rest.bytes().next() {
        Some(b'/') => rest,
        _ => return None,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(rest.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// The body of a response to a request of another server.
pub(crate) struct MountedBody {
    body: TimedBody,
    activity: Arc<Activity>,
}

impl Body for MountedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.activity.consume_spent();
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_of_the_mount_is_removed_whole_segments_only() {
        let check = |uri: &str, below: &str, expected: Option<&str>| {
            let stripped = strip(&uri.parse().expect("a URI"), below);
            let stripped = stripped.map(|uri| uri.to_string());
            assert_eq!(stripped.as_deref(), expected, "{uri} below {below:?}");
        };
        check("/v1/jobs?x=1", "", Some("/v1/jobs?x=1"));
        check("/jobs/v1/jobs?x=/jobs", "/jobs", Some("/v1/jobs?x=/jobs"));
        check("/jobs/", "/jobs", Some("/"));
        check("/a/b/v1", "/a/b", Some("/v1"));
        check("http://h/jobs/v1", "/jobs", Some("http://h/v1"));
        check("/jobsite/v1", "/jobs", None);
        check("/v1/jobs", "/jobs", None);
        check("/", "/jobs", None);
    }
}
