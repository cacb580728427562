//! A download from another server that is resumed when the connection breaks.
//!
//! After a break, a new request asks for the remaining bytes on the condition that the document is unchanged (`Range` and
//! `If-Range`, RFC 9110), which requires a strong entity tag. If the server sends no such tag, does not support ranges, or
//! has another document now, the download starts over, and the caller discards the bytes it has. Retries are limited, but
//! the count starts anew when enough bytes arrived since the last break.

use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, RANGE,
};
use http::{HeaderName, StatusCode};

use crate::job::Failure;
use crate::operations::documents::remote::coding::Decoder;
use crate::operations::{Context, OperationError};
use crate::outbound::{Error, Reply, Request, Target, Timeouts};

/// The pauses before the retries after a break, in milliseconds. Together half a minute, in which most servers and proxies
/// restart.
const RETRY_PAUSES_MS: [u64; 7] = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000];
/// The number of bytes that must arrive after a break for the retries to be counted anew.
const RETRY_RESET_BYTES: u64 = 1 << 20;
/// The maximum number of times that a download starts over.
const MAX_RESTARTS: u32 = 3;

/// The next part of a download.
pub(in crate::operations) enum Piece {
    /// The next bytes.
    Bytes(Bytes),
    /// The download starts over. The bytes so far are invalid.
    Again,
    /// The document is complete.
    End,
}

/// The point at which a reply after a break begins.
enum Joined {
    /// The point where the last reply ended.
    Rest,
    /// The beginning, possibly of another document.
    Anew,
    /// Another point.
    Wrong,
}

/// A download of the document at a URL.
pub(in crate::operations) struct Remote<'a> {
    pub(super) context: &'a Context,
    request: Request,
    /// The server that replied after all redirects.
    target: Target,
    pub(super) reply: Reply,
    /// The headers of the first reply. Partial replies have fewer headers.
    headers: HeaderMap,
    /// Decodes the content coding, if there is one. All fields below count encoded bytes.
    decoder: Option<Decoder>,
    /// The number of bytes received.
    received: u64,
    /// The number of bytes to skip because they were returned already.
    skip: u64,
    total: Option<u64>,
    tag: Option<HeaderValue>,
    /// The number of retries since the last break that counted anew.
    tries: usize,
    /// The number of bytes received at the latest break.
    broke_at: u64,
    restarts: u32,
}

impl<'a> Remote<'a> {
    /// Sends the request and follows redirects.
    ///
    /// # Errors
    /// A failure with code `fetch_failed`. The first request is not retried, because the URL may be wrong.
    pub(in crate::operations) fn open(
        context: &'a Context,
        url: &str,
        authorization: Option<&str>,
    ) -> Result<Self, OperationError> {
        let client = &context.outbound().client;
        let target = client
            .check(url)
            .map_err(|refusal| failed(&refusal.into()))?;
        let mut request = Request::get(target);
        if let Some(text) = authorization {
            let mut value = HeaderValue::from_str(text).map_err(|_| {
                Failure::new(
                    "invalid_params",
                    "The value of authorization is not valid in an HTTP header.",
                )
            })?;
            value.set_sensitive(true);
            request.headers.insert(AUTHORIZATION, value);
        }
        if let Some(trace) = context.trace() {
            request.set_trace(trace);
        }
        let sent = context.block_on(client.follow(request.clone(), Timeouts::STREAM))?;
        let (target, reply) = sent.map_err(|error| failed(&error))?;
        if !reply.status.is_success() || reply.status == StatusCode::PARTIAL_CONTENT {
            return Err(refused(&target, reply.status).into());
        }
        let (total, tag) = (length(&reply.headers), strong_tag(&reply.headers));
        let decoder = decoder(&target, &reply.headers)?;
        Ok(Self {
            context,
            request,
            target,
            headers: reply.headers.clone(),
            reply,
            decoder,
            received: 0,
            skip: 0,
            total,
            tag,
            tries: 0,
            broke_at: 0,
            restarts: 0,
        })
    }

    /// The headers of the first reply.
    pub(in crate::operations) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The server that replied after all redirects.
    pub(in crate::operations) fn target(&self) -> &Target {
        &self.target
    }

    /// The length of the document in bytes, if it is known.
    pub(in crate::operations) fn total(&self) -> Option<u64> {
        // `total` counts encoded bytes. The length after decoding is not known.
        self.total.filter(|_| self.decoder.is_none())
    }

    /// The next piece, decoded.
    ///
    /// # Errors
    /// A failure with code `fetch_failed` if the connection broke too often, the document changed, or the bytes cannot be
    /// decoded; [`OperationError::Canceled`] if the attempt was asked to stop.
    pub(in crate::operations) fn next(&mut self) -> Result<Piece, OperationError> {
        loop {
            if let Some(decoder) = &mut self.decoder {
                let decoded = decoder.next();
                if let Some(bytes) = decoded.map_err(|e| damaged(&self.target, &e))? {
                    return Ok(Piece::Bytes(bytes));
                }
            }
            match (self.next_coded()?, &mut self.decoder) {
                (Piece::Bytes(coded), Some(decoder)) => decoder.push(coded),
                (Piece::End, Some(decoder)) if self.received > 0 => {
                    let last = decoder.finish().map_err(|e| damaged(&self.target, &e))?;
                    return Ok(last.map_or(Piece::End, Piece::Bytes));
                }
                // `restart` has created a new decoder for what follows `Again`.
                (piece, _) => return Ok(piece),
            }
        }
    }

    /// The next piece, as received.
    fn next_coded(&mut self) -> Result<Piece, OperationError> {
        loop {
            match self.context.block_on(self.reply.chunk())? {
                Ok(Some(mut bytes)) => {
                    let passed = self.skip.min(bytes.len() as u64);
                    self.skip -= passed;
                    bytes.advance(passed as usize);
                    self.received += bytes.len() as u64;
                    if !bytes.is_empty() {
                        return Ok(Piece::Bytes(bytes));
                    }
                }
                // The server sent the same tag, but fewer bytes than before or more than it announced.
                Ok(None) if self.skip > 0 || self.total.is_some_and(|t| t < self.received) => {
                    return Err(self.cannot_resume());
                }
                // A partial reply may contain fewer bytes than requested.
                Ok(None) if self.total.is_some_and(|total| total > self.received) => {
                    let early = Error::Broken("the response ended early".into());
                    if let Some(piece) = self.resume(early)? {
                        return Ok(piece);
                    }
                }
                Ok(None) => return Ok(Piece::End),
                Err(error) => {
                    if let Some(piece) = self.resume(error)? {
                        return Ok(piece);
                    }
                }
            }
        }
    }

    /// Reconnects after a break. Returns [`Piece::Again`] if the download starts over.
    fn resume(&mut self, mut error: Error) -> Result<Option<Piece>, OperationError> {
        if self.received - self.broke_at >= RETRY_RESET_BYTES {
            self.tries = 0;
        }
        self.broke_at = self.received;
        loop {
            let pause = RETRY_PAUSES_MS
                .get(self.tries)
                .filter(|_| error.is_transient());
            let Some(pause) = pause else {
                return Err(failed(&error).into());
            };
            self.tries += 1;
            self.context.pause(Duration::from_millis(*pause))?;
            match self.ask_for_rest()? {
                Err(next) => error = next,
                Ok((target, reply)) => {
                    (self.target, self.reply) = (target, reply);
                    match self.join()? {
                        Joined::Rest => return Ok(None),
                        Joined::Anew => return Ok(Some(Piece::Again)),
                        Joined::Wrong => {
                            // The document has changed, or the server handles ranges wrongly. Ask for all of it.
                            self.tag = None;
                            error = Error::Broken(
                                "the server sent another range than requested".into(),
                            );
                        }
                    }
                }
            }
        }
    }

    fn ask_for_rest(&self) -> Result<Result<(Target, Reply), Error>, OperationError> {
        let mut request = self.request.clone();
        if let Some(tag) = self.tag.as_ref().filter(|_| self.received > 0) {
            let range = format!("bytes={}-", self.received);
            let range = HeaderValue::from_str(&range).expect("a range of digits is a valid header");
            request.headers.insert(RANGE, range);
            request.headers.insert(IF_RANGE, tag.clone());
        }
        let client = &self.context.outbound().client;
        let sent = self
            .context
            .block_on(client.follow(request, Timeouts::STREAM))?;
        Ok(match sent {
            // These errors may be temporary.
            Ok((target, reply)) if matches!(reply.status.as_u16(), 408 | 429 | 500 | 502..=504) => {
                Err(Error::Broken(refused(&target, reply.status).message))
            }
            other => other,
        })
    }

    /// Finds out where in the document the new reply begins.
    fn join(&mut self) -> Result<Joined, OperationError> {
        match self.reply.status {
            StatusCode::PARTIAL_CONTENT if self.continues() => {
                self.skip = 0;
                Ok(Joined::Rest)
            }
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => Ok(Joined::Wrong),
            status if !status.is_success() => Err(refused(&self.target, status).into()),
            // The same document from its beginning. Skip the bytes that were returned already.
            _ if self.tag.is_some() && self.tag == strong_tag(&self.reply.headers) => {
                self.skip = self.received;
                Ok(Joined::Rest)
            }
            _ => self.restart().map(|()| Joined::Anew),
        }
    }

    /// Whether a partial reply begins where the last reply ended.
    fn continues(&self) -> bool {
        let Some((first, whole)) = content_range(&self.reply.headers) else {
            return false;
        };
        let is_length = |whole| self.total.is_none_or(|total| total == whole);
        let tag = self.reply.headers.get(ETAG);
        first == self.received
            && self.tag.is_some()
            && whole.is_none_or(is_length)
            && tag.is_none_or(|tag| Some(tag) == self.tag.as_ref())
    }

    /// Starts over with the current reply.
    fn restart(&mut self) -> Result<(), OperationError> {
        self.restarts += 1;
        if self.restarts > MAX_RESTARTS {
            return Err(self.cannot_resume());
        }
        (self.received, self.broke_at, self.skip) = (0, 0, 0);
        self.headers = self.reply.headers.clone();
        self.decoder = decoder(&self.target, &self.headers)?;
        self.total = length(&self.headers);
        self.tag = strong_tag(&self.headers);
        Ok(())
    }

    pub(super) fn cannot_resume(&self) -> OperationError {
        let message = format!(
            "The connection to {} broke, and the download cannot be resumed: the document has changed, or the server does \
             not support ranges.",
            self.target
        );
        Failure::new("fetch_failed", message).into()
    }
}

fn failed(error: &Error) -> Failure {
    let mut text = format!("The document cannot be fetched: {error}");
    if !text.ends_with('.') {
        text.push('.');
    }
    Failure::new("fetch_failed", text)
}

fn refused(target: &Target, status: StatusCode) -> Failure {
    Failure::new("fetch_failed", format!("{target} answered {status}."))
}

/// The decoder for a reply.
fn decoder(target: &Target, headers: &HeaderMap) -> Result<Option<Decoder>, Failure> {
    Decoder::of(headers).map_err(|coding| {
        let message = format!(
            "{target} sent the document with {coding}, which is not supported. Only Content-Encoding gzip and deflate are."
        );
        Failure::new("fetch_failed", message)
    })
}

fn damaged(target: &Target, error: &io::Error) -> Failure {
    let message = format!("{target} sent compressed data that is damaged or ends early: {error}.");
    Failure::new("fetch_failed", message)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn length(headers: &HeaderMap) -> Option<u64> {
    text(headers, CONTENT_LENGTH)?.parse().ok()
}

/// The entity tag, if it is a strong one: different contents never have the same strong tag.
fn strong_tag(headers: &HeaderMap) -> Option<HeaderValue> {
    let tag = headers.get(ETAG)?;
    tag.as_bytes().starts_with(b"\"").then(|| tag.clone())
}

/// The offset of the first byte of a partial reply, and the length of the whole document if it is known.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, whole) = text(headers, CONTENT_RANGE)?
        .strip_prefix("bytes ")?
        .split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.parse().ok()?, whole.parse().ok()))
}
