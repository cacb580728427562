//! A thread for reads of single jobs that are not in the job cache: concurrent reads share a transaction, and each request
//! costs one thread switch and one lookup.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::readers::Gate;
use super::{Error, OpenError, rows};
use crate::failpoints;
use crate::job::{Job, Seq};
use crate::vital::Vital;

/// Maximum number of reads in one transaction, so that none blocks checkpoints for long.
const MAX_READS_PER_TRANSACTION: usize = 256;

type Read = (Seq, oneshot::Sender<Result<Option<Arc<Job>>, Error>>);

#[derive(Debug)]
pub(super) struct Reader {
    requests: Mutex<Option<mpsc::Sender<Read>>>,
}

impl Reader {
    pub(super) fn start(
        connection: Connection,
        gate: Gate,
        vital: &Vital,
    ) -> Result<Self, OpenError> {
        let (sender, requests) = mpsc::channel();
        let read = move || serve(&connection, &gate, &requests);
        vital
            .thread("store-reader", thread::Builder::new(), read)
            .map_err(|e| OpenError::Start(e.to_string()))?;
        Ok(Self {
            requests: Mutex::new(Some(sender)),
        })
    }

    pub(super) async fn job(&self, seq: Seq) -> Result<Option<Arc<Job>>, Error> {
        let (reply, answer) = oneshot::channel();
        let sent = self
            .requests
            .lock()
            .as_ref()
            .is_some_and(|requests| requests.send((seq, reply)).is_ok());
        if !sent {
            return Err(Error::Stopped);
        }
        answer.await.unwrap_or(Err(Error::Stopped))
    }

    pub(super) fn close(&self) {
        self.requests.lock().take();
    }
}

fn serve(connection: &Connection, gate: &Gate, requests: &mpsc::Receiver<Read>) {
    while let Ok(first) = requests.recv() {
        failpoints::panic_point("store-reader");
        let _entered = gate.enter();
        // If even this fails, each lookup is its own transaction and reports the error.
        let together = connection.execute_batch("begin").is_ok();
        for (seq, reply) in
            std::iter::once(first).chain(requests.try_iter().take(MAX_READS_PER_TRANSACTION - 1))
        {
            let job = rows::select(connection, seq).map(|job| job.map(Arc::new));
            // A receiver that has gone away needs no answer.
            let _ = reply.send(job);
        }
        if together && let Err(error) = connection.execute_batch("commit") {
            tracing::warn!(%error, "a read transaction did not end");
        }
    }
}
