//! Request bodies: of this server's own connections, or of another server in which it is mounted.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// The error of a body that is cut off or malformed.
pub(crate) type BodyError = Box<dyn Error + Send + Sync>;

/// The body of a request.
pub(crate) enum RequestBody {
    /// From a connection of this server.
    Incoming(Incoming),
    /// From another server.
    Mounted(UnsyncBoxBody<Bytes, BodyError>),
}

impl RequestBody {
    /// The body of a request that another server received.
    pub(crate) fn mounted<B>(body: B) -> Self
    where
        B: Body + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let to_bytes = |mut data: B::Data| data.copy_to_bytes(data.remaining());
        let body = body.map_frame(move |frame| frame.map_data(to_bytes));
        Self::Mounted(body.map_err(Into::into).boxed_unsync())
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Incoming(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(Into::into))),
            Self::Mounted(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Incoming(body) => body.is_end_stream(),
            Self::Mounted(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Incoming(body) => body.size_hint(),
            Self::Mounted(body) => body.size_hint(),
        }
    }
}
