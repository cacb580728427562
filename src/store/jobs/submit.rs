//! Turns a submission into a job.

use std::sync::Arc;

use rusqlite::Connection;

use super::super::command_queue::NewParams;
use super::super::{Committed, Error, NewJob, chunks, keys, rows};
use super::Jobs;
use crate::job::{
    self, Change, Event, Job, JobId, Now, Params, Progress, SEQ_MAX, Seq, State, Version,
};

impl Jobs {
    /// Stores a submission. A crash before the commit leaves nothing of it; after the commit the job runs, answered or not.
    pub(in crate::store) fn submit(
        &mut self,
        connection: &Connection,
        new: &NewJob,
        params: NewParams,
    ) -> Result<Arc<Job>, Error> {
        if let Some(key) = &new.key
            && let Some((seq, fingerprint)) = keys::select(connection, key)?
        {
            return if fingerprint == key.fingerprint {
                self.find(connection, seq)
            } else {
                Err(Error::KeyTaken)
            };
        }
        let starts = self.scheduler.may_start(&new.operation);
        if !starts && self.scheduler.waiting() >= self.options.queue {
            return Err(Error::QueueFull(self.options.queue));
        }
        let seq = Seq(self.seq.next);
        if seq.0 > SEQ_MAX {
            return Err(Error::Database("every sequence number is used up".into()));
        }
        self.seq.reserve(connection, seq.0)?;
        let now = self.now(&new.operation);
        let mut job = self.queued(connection, new, params, seq, now)?;
        if starts && let Change::Save(claimed) = job::apply(&job, Event::Claim, now)? {
            job = *claimed;
        }
        rows::insert(connection, &job)?;
        if new.retry_of.is_some() {
            for blob in &*job.uploads {
                chunks::hand_over(connection, *blob, seq)?;
            }
        }
        for whole in &new.uploads {
            self.blob_owners.give(connection, whole, seq)?;
        }
        if let Some(key) = &new.key {
            keys::insert(connection, key, seq)?;
        }
        self.seq.next += 1;
        self.newest_id = job.id.time();
        let job = Arc::new(job);
        self.replace(seq, Some(Arc::clone(&job)));
        self.staged.push(Committed::saved(Arc::clone(&job), None));
        Ok(job)
    }

    /// A new queued job. Long params are stored as a blob.
    fn queued(
        &mut self,
        connection: &Connection,
        new: &NewJob,
        params: NewParams,
        seq: Seq,
        now: Now,
    ) -> Result<Job, Error> {
        let params = match params {
            NewParams::Inline => Params::Inline(Arc::clone(&new.params)),
            NewParams::Blob(blob) => {
                let bytes = new.params.as_bytes();
                self.blob_owners.store_small(connection, blob, seq, bytes)?;
                Params::Blob(blob)
            }
        };
        Ok(Job {
            seq,
            id: JobId::new(now.wall.max(self.newest_id), seq, self.random.next()?),
            token: new.token.clone(),
            operation: Arc::clone(&new.operation),
            params,
            uploads: match new.retry_of {
                Some(old) => Arc::clone(&self.find(connection, old)?.uploads),
                None => new.uploads.iter().map(|whole| whole.blob).collect(),
            },
            attempt: 0,
            interrupted_attempts: 0,
            version: Version::first_of(self.boot),
            cancel_requested: false,
            delete_requested: false,
            options: Arc::clone(&new.options),
            callback: None,
            log: None,
            finalizing: false,
            created: now.wall,
            state: State::Queued,
            progress: Progress::default(),
        })
    }
}
