//! The API as a service in a server of the program's own.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Frame, SizeHint};

use crate::cloakroom::error::StartError;
use crate::cloakroom::runtime::Runtime;
use crate::config::Listen;
use crate::http::{App, BodyError, Mount, MountedBody, RequestBody};

/// The API as a service: for hyper ([`hyper::service::Service`]), and for axum and others that take a `tower` service. See
/// [`Builder::mount`](crate::Builder::mount).
#[derive(Clone)]
pub struct HttpService {
    app: Arc<App>,
    mount: Arc<Mount>,
    runtime: Runtime,
}

impl HttpService {
    pub(super) fn new(app: Arc<App>, mount: Mount, runtime: Runtime) -> Self {
        Self {
            app,
            mount: Arc::new(mount),
            runtime,
        }
    }

    /// Answers a request. Never fails: errors are responses.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<HttpBody>
    where
        B: Body + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let path = request.uri().path().to_owned();
        let request = request.map(RequestBody::mounted);
        let answer = Arc::clone(&self.app).answer_mounted(request, Arc::clone(&self.mount));
        let response = self.runtime.run(answer).await;
        let runtime = self.runtime.clone();
        response
            .unwrap_or_else(|_| App::stopped_response(&path))
            .map(|body| HttpBody { body, runtime })
    }
}

impl fmt::Debug for HttpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut service = f.debug_struct("HttpService");
        service.field("mount", &self.mount).finish_non_exhaustive()
    }
}

/// The future of a response.
type Answer = Pin<Box<dyn Future<Output = Result<Response<HttpBody>, Infallible>> + Send>>;

impl<B> hyper::service::Service<Request<B>> for HttpService
where
    B: Body + Send + 'static,
    B::Error: Into<BodyError>,
{
    type Response = Response<HttpBody>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<B>) -> Answer {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}

impl<B> tower_service::Service<Request<B>> for HttpService
where
    B: Body + Send + 'static,
    B::Error: Into<BodyError>,
{
    type Response = Response<HttpBody>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        hyper::service::Service::call(&*self, request)
    }
}

/// The body of a response: bytes of known length, or a stream of events without an end.
pub struct HttpBody {
    body: MountedBody,
    runtime: Runtime,
}

impl fmt::Debug for HttpBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpBody").finish_non_exhaustive()
    }
}

impl Body for HttpBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        let _runtime = this.runtime.enter();
        Pin::new(&mut this.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The place of the API in another server, as the program states it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) address: Listen,
    pub(super) path: String,
}

impl Place {
    /// Checks the path.
    ///
    /// # Errors
    /// [`StartError::Mount`] if it is no path below which a server can be.
    pub(super) fn check(&self) -> Result<(), StartError> {
        let path = &self.path;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
        let is_path = path.starts_with('/') && !path.ends_with('/') && path.chars().all(is_plain);
        if (is_path && !path.contains("//")) || path.is_empty() {
            Ok(())
        } else {
            Err(StartError::Mount(path.clone()))
        }
    }

    /// The URL that links in messages begin with, unless there is a public URL.
    pub(super) fn url(&self) -> Option<String> {
        let address = self.address.tcp()?;
        Some(format!("http://{address}{}", self.path))
    }

    pub(super) fn mount(&self) -> Mount {
        let address = self.address.tcp().map(|address| address.ip());
        Mount {
            local: address.filter(|address| !address.is_unspecified()),
            path: self.path.clone(),
        }
    }
}
