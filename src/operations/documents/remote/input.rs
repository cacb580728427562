//! What is read from another server, across breaks of the connection.
//!
//! After a break the rest is asked for, under the condition that it is still the same (`Range` and `If-Range`, RFC 9110),
//! which needs a strong entity tag. Where the other server has none, or has something else by now, or does not know
//! ranges, reading starts again from the beginning, for which the reader has to be prepared. A break is forgiven again
//! and again as long as something comes in between.

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

/// Before each try after a break, in milliseconds; then it is given up. Together half a minute, which most machines
/// between here and there need to be themselves again.
const PAUSES_MS: [u64; 7] = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000];
/// What has to come in between for a break to be the first in a row again, in bytes.
const HEADWAY: u64 = 1 << 20;
/// How often reading starts again from the beginning.
const RESTARTS: u32 = 3;

/// What comes next.
pub(in crate::operations) enum Piece {
    /// Bytes.
    Bytes(Bytes),
    /// What came so far is worth nothing: it starts again from the beginning.
    Again,
    /// It is whole.
    End,
}

/// Where a reply after a break begins.
enum Joined {
    /// Where the last one ended.
    Rest,
    /// At the beginning, of something that need not be the same.
    Anew,
    /// Somewhere else.
    Wrong,
}

/// Something at a URL, being read.
pub(in crate::operations) struct Remote<'a> {
    pub(super) context: &'a Context,
    request: Request,
    /// Who replied in the end.
    target: Target,
    pub(super) reply: Reply,
    /// Of the reply that began it; one that goes on says less.
    headers: HeaderMap,
    /// What decodes the bytes that come, where they are coded. All that follows counts coded ones.
    decoder: Option<Decoder>,
    /// Bytes that came.
    received: u64,
    /// Bytes to pass over, which were given out before.
    skip: u64,
    total: Option<u64>,
    tag: Option<HeaderValue>,
    /// After the latest break.
    tries: usize,
    /// Where the latest break was.
    broke_at: u64,
    restarts: u32,
}

impl<'a> Remote<'a> {
    /// Asks for it. Redirects are followed.
    ///
    /// # Errors
    /// `fetch_failed`, at once: who does not reply the first time may be somebody else altogether.
    pub(in crate::operations) fn open(
        context: &'a Context,
        url: &str,
        authorization: Option<&str>,
    ) -> Result<Self, OperationError> {
        let client = &context.outside().client;
        let target = client
            .judge(url)
            .map_err(|refusal| failed(&refusal.into()))?;
        let mut request = Request::get(target);
        if let Some(text) = authorization {
            let mut value = HeaderValue::from_str(text)
                .map_err(|_| Failure::new("invalid_params", "The authorization is no header."))?;
            value.set_sensitive(true);
            request.headers.insert(AUTHORIZATION, value);
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

    /// What is said of it.
    pub(in crate::operations) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Who replied in the end.
    pub(in crate::operations) fn target(&self) -> &Target {
        &self.target
    }

    /// How long it is, where that was said.
    pub(in crate::operations) fn total(&self) -> Option<u64> {
        // How long it is once it is decoded, nobody says.
        self.total.filter(|_| self.decoder.is_none())
    }

    /// The next piece, decoded.
    ///
    /// # Errors
    /// `fetch_failed` once it has broken too often, or where it cannot be decoded; [`OperationError::Canceled`].
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
                // What comes after a restart has a decoder of its own.
                (piece, _) => return Ok(piece),
            }
        }
    }

    /// The next piece as it comes.
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
                // The same, and yet shorter, or longer than it was to be.
                Ok(None) if self.skip > 0 || self.total.is_some_and(|t| t < self.received) => {
                    return Err(self.cannot_go_on());
                }
                // A part may be less than was asked for.
                Ok(None) if self.total.is_some_and(|total| total > self.received) => {
                    let early = Error::Broken("it ended early".into());
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

    /// Goes on after a break; gives a piece only if that means to start again.
    fn resume(&mut self, mut error: Error) -> Result<Option<Piece>, OperationError> {
        if self.received - self.broke_at >= HEADWAY {
            self.tries = 0;
        }
        self.broke_at = self.received;
        loop {
            let pause = PAUSES_MS.get(self.tries).filter(|_| error.may_pass());
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
                            // Another one by now, or shorter than before. Asking for all of it tells.
                            self.tag = None;
                            error = Error::Broken("what came was not the rest".into());
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
            let range = HeaderValue::from_str(&range).expect("digits are a header");
            request.headers.insert(RANGE, range);
            request.headers.insert(IF_RANGE, tag.clone());
        }
        let client = &self.context.outside().client;
        let sent = self
            .context
            .block_on(client.follow(request, Timeouts::STREAM))?;
        Ok(match sent {
            // Busy now, and maybe not later.
            Ok((target, reply)) if matches!(reply.status.as_u16(), 408 | 429 | 500 | 502..=504) => {
                Err(Error::Broken(refused(&target, reply.status).message))
            }
            other => other,
        })
    }

    /// Finds out where in the whole the new reply begins.
    fn join(&mut self) -> Result<Joined, OperationError> {
        match self.reply.status {
            StatusCode::PARTIAL_CONTENT if self.continues() => {
                self.skip = 0;
                Ok(Joined::Rest)
            }
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => Ok(Joined::Wrong),
            status if !status.is_success() => Err(refused(&self.target, status).into()),
            // The whole once more. What is the same is passed over.
            _ if self.tag.is_some() && self.tag == strong_tag(&self.reply.headers) => {
                self.skip = self.received;
                Ok(Joined::Rest)
            }
            _ => self.restart().map(|()| Joined::Anew),
        }
    }

    /// Whether a partial reply goes on where the last one ended.
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

    /// Begins again with the reply at hand.
    fn restart(&mut self) -> Result<(), OperationError> {
        self.restarts += 1;
        if self.restarts > RESTARTS {
            return Err(self.cannot_go_on());
        }
        (self.received, self.broke_at, self.skip) = (0, 0, 0);
        self.headers = self.reply.headers.clone();
        self.decoder = decoder(&self.target, &self.headers)?;
        self.total = length(&self.headers);
        self.tag = strong_tag(&self.headers);
        Ok(())
    }

    pub(super) fn cannot_go_on(&self) -> OperationError {
        let message = format!(
            "{} broke off, and has changed meanwhile or cannot go on where it broke off.",
            self.target
        );
        Failure::new("fetch_failed", message).into()
    }
}

fn failed(error: &Error) -> Failure {
    let mut text = format!("It cannot be fetched: {error}");
    if !text.ends_with('.') {
        text.push('.');
    }
    Failure::new("fetch_failed", text)
}

fn refused(target: &Target, status: StatusCode) -> Failure {
    Failure::new("fetch_failed", format!("{target} answered {status}."))
}

/// What decodes a reply.
fn decoder(target: &Target, headers: &HeaderMap) -> Result<Option<Decoder>, Failure> {
    Decoder::of(headers).map_err(|coding| {
        let message = format!(
            "{target} sends it with {coding}, though it was asked for no coding; only gzip and deflate as Content-Encoding \
             can be decoded here."
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

/// A tag that no two different things have.
fn strong_tag(headers: &HeaderMap) -> Option<HeaderValue> {
    let tag = headers.get(ETAG)?;
    tag.as_bytes().starts_with(b"\"").then(|| tag.clone())
}

/// The first byte of a partial reply, and the length of the whole where it is known.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, whole) = text(headers, CONTENT_RANGE)?
        .strip_prefix("bytes ")?
        .split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.parse().ok()?, whole.parse().ok()))
}
