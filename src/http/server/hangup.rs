//! Clients that close their side of a connection while their request is being answered.
//!
//! Whoever has sent a whole request may close the sending side and still wait for the reply (`nc -N`). On TCP that looks
//! like a client that is gone altogether, until something is sent to it. So a half-closed connection goes on, is the first
//! to give way when there are too many, and, where work is done for nobody else, the client is probed with `100 Continue`,
//! which every HTTP/1.1 client must pass over before the reply (RFC 9110, 15.2).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::http::server::activity::Pace;

const PROBE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// From the first probe to a look at what came of it: a client on this machine or nearby has refused it by then.
const FIRST_LOOK: Duration = Duration::from_millis(100);
/// Between two probes after that.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// A socket that can be asked about its other end.
pub(in crate::http) trait Peer {
    /// Whether the other end has closed its side and everything from it was read. Takes nothing from the socket.
    fn poll_closed(&self, context: &mut Context<'_>) -> Poll<io::Result<bool>>;

    /// Sends bytes if there is room for them now.
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize>;
}

/// Watches the other end of one connection.
#[derive(Default)]
pub(in crate::http) struct Watch {
    next_probe: Option<Pin<Box<Sleep>>>,
}

impl Watch {
    /// Looks for a hang-up while a request is being answered, and wakes the task when there is one.
    ///
    /// # Errors
    /// The client is gone, and its request is one that nobody else waits for.
    pub(in crate::http) fn poll(
        &mut self,
        peer: &impl Peer,
        pace: &Pace,
        context: &mut Context<'_>,
    ) -> io::Result<()> {
        if !pace.is_answering() {
            self.next_probe = None;
            return Ok(());
        }
        if !pace.is_half_closed() {
            match peer.poll_closed(context) {
                Poll::Ready(Ok(true)) => pace.half_closed(),
                Poll::Ready(Err(error)) => return Err(error),
                // What comes after this request is read in its turn.
                Poll::Ready(Ok(false)) | Poll::Pending => return Ok(()),
            }
        }
        if !pace.is_attended() || pace.has_reply() {
            return Ok(());
        }
        if !pace.can_be_probed() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let sleep = match &mut self.next_probe {
            Some(sleep) => sleep,
            next_probe => {
                probe(peer)?;
                next_probe.insert(Box::pin(tokio::time::sleep(FIRST_LOOK)))
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
        // The rest would have to come before the reply: a client that takes so little is given up.
        Ok(_) => Err(io::ErrorKind::WriteZero.into()),
        // It has not yet taken what was sent before.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}
