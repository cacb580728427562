//! Clients that close their side of a connection while their request is being answered.
//!
//! A client may close its sending side after the request and still wait for the response (`nc -N`). On TCP this looks the
//! same as a client that is gone, until something is sent to it. So a half-closed connection goes on, but is the first to
//! be closed when there are too many. If the request waits for an ephemeral job, the client is probed with `100 Continue`,
//! which every HTTP/1.1 client must ignore before the response (RFC 9110, section 15.2).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::http::server::activity::Activity;

const PROBE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// From the first probe to the second. A client on this machine or nearby has rejected the first one by then.
const FIRST_PROBE_INTERVAL: Duration = Duration::from_millis(100);
/// From one probe to the next after that.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// A socket that knows the state of its other end.
pub(crate) trait Peer {
    /// Whether the other end has closed its side and all its bytes have been read. Consumes no bytes.
    ///
    /// # Errors
    /// The error of the connection, if it was reset.
    fn poll_closed(&self, context: &mut Context<'_>) -> Poll<io::Result<bool>>;

    /// Sends bytes without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if the socket's buffer is full, or the error of the connection.
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize>;
}

/// Watches the other end of one connection.
#[derive(Default)]
pub(crate) struct Watch {
    next_probe: Option<Pin<Box<Sleep>>>,
}

impl Watch {
    /// Checks for a hang-up while a request is being answered, and wakes the task when one happens.
    ///
    /// # Errors
    /// The error of the connection, or `ConnectionAborted` if the client of a synchronous request is gone.
    pub(crate) fn poll(
        &mut self,
        peer: &impl Peer,
        activity: &Activity,
        context: &mut Context<'_>,
    ) -> io::Result<()> {
        if !activity.is_answering() {
            self.next_probe = None;
            return Ok(());
        }
        if !activity.is_half_closed() {
            match peer.poll_closed(context) {
                Poll::Ready(Ok(true)) => activity.note_half_close(),
                Poll::Ready(Err(error)) => return Err(error),
                // The next request is read after this one.
                Poll::Ready(Ok(false)) | Poll::Pending => return Ok(()),
            }
        }
        if !activity.is_ephemeral() || activity.has_response() {
            return Ok(());
        }
        if !activity.can_be_probed() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let sleep = match &mut self.next_probe {
            Some(sleep) => sleep,
            next_probe => {
                probe(peer)?;
                next_probe.insert(Box::pin(tokio::time::sleep(FIRST_PROBE_INTERVAL)))
            }
        };
        while sleep.as_mut().poll(context).is_ready() {
            if let Poll::Ready(Err(error)) = peer.poll_closed(context) {
                return Err(error);
            }
            probe(peer)?;
            sleep.as_mut().reset(Instant::now() + PROBE_INTERVAL);
        }
        Ok(())
    }
}

fn probe(peer: &impl Peer) -> io::Result<()> {
    match peer.try_send(PROBE) {
        Ok(sent) if sent == PROBE.len() => Ok(()),
        // The rest would have to be sent before the response, so a client that takes only a part is dropped.
        Ok(_) => Err(io::ErrorKind::WriteZero.into()),
        // The client has not read earlier bytes yet.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}
