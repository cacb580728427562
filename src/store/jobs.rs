//! The jobs that have not ended, in memory and in the rows: what a command does to both inside the transaction
//! at hand.
//!
//! Races of submission, claim, cancel, delete and the end of an attempt are decided here and nowhere else, by
//! [`job::apply`] on the jobs in memory, fenced by the rows. Called by the writer only.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use super::claims::Claims;
use super::inbox::{Chunk, NewParams};
use super::numbers::{Random, Range};
use super::{
    Attempt, Committed, Error, IdleClock, NewJob, OpenError, Options, Sweep, blobs, keys, rows,
    schema,
};
use crate::faults;
use crate::job::{
    self, BlobId, Change, Event, Job, JobId, Now, Output, Params, Progress, SEQ_MAX, Seq, State,
    Version, WallMs,
};

/// Chunks of a blob that are freed together with its job.
const FREED_AT_ONCE: usize = 2;
pub(super) struct Jobs {
    options: Options,
    clock: Arc<IdleClock>,
    boot: u32,
    /// Every job that has not ended, as the rows have it.
    active: HashMap<Seq, Arc<Job>>,
    claims: Claims,
    seq: Range,
    blob: Range,
    newest_id: WallMs,
    random: Random,
    /// What the transaction at hand will have changed.
    pub(super) staged: Vec<Committed>,
    /// Blobs that nobody will own after the transaction at hand.
    pub(super) disowned: Vec<BlobId>,
}

impl Jobs {
    pub(super) fn load(
        connection: &Connection,
        boot: u32,
        options: Options,
        clock: Arc<IdleClock>,
    ) -> Result<Self, OpenError> {
        let newest: Option<Vec<u8>> = connection.query_row(
            "select max(id) from (select id from job order by seq desc limit 1)",
            [],
            |row| row.get(0),
        )?;
        let newest_id = newest
            .and_then(|id| <[u8; 16]>::try_from(id).ok())
            .map_or(WallMs(0), |id| JobId::from_bytes(id).time());
        let mut jobs = Self {
            claims: Claims::new(&options.operations),
            options,
            clock,
            boot,
            active: HashMap::new(),
            seq: Range::load(connection, "seq_next")?,
            blob: Range::load(connection, "blob_next")?,
            newest_id,
            random: Random::default(),
            staged: Vec::new(),
            disowned: Vec::new(),
        };
        jobs.reload(connection)
            .map_err(|e| OpenError::Start(e.to_string()))?;
        // A version of the last life that was never stored must not come back as another state's.
        for job in jobs.active.values_mut() {
            Arc::make_mut(job).version = Version::first_of(boot);
        }
        Ok(jobs)
    }

    /// The jobs that have not ended, in order.
    pub(super) fn active(&self) -> Vec<Arc<Job>> {
        let mut active: Vec<_> = self.active.values().cloned().collect();
        active.sort_by_key(|job| job.seq);
        active
    }

    /// The first blob that this life may name.
    pub(super) fn first_blob(&self) -> i64 {
        self.blob.next
    }

    pub(super) fn set_slots(&mut self, slots: usize) {
        self.claims.set_slots(slots);
    }

    /// Brings memory back in step with the rows after a transaction was rolled back.
    pub(super) fn roll_back(&mut self, connection: &Connection) -> Result<(), Error> {
        self.disowned.clear();
        if !self.staged.is_empty() {
            self.staged.clear();
            self.reload(connection)?;
        }
        self.seq.reload(connection)?;
        self.blob.reload(connection)
    }

    pub(super) fn store_chunk(
        &mut self,
        connection: &Connection,
        chunk: &Chunk,
    ) -> Result<(), Error> {
        self.blob.reserve(connection, chunk.blob.0)?;
        blobs::insert_chunk(connection, chunk)
    }

    /// A crash before the commit leaves nothing of the job; after it, the job runs whoever was told.
    pub(super) fn submit(
        &mut self,
        connection: &Connection,
        new: &NewJob,
        params: NewParams,
    ) -> Result<Arc<Job>, Error> {
        if let Some(key) = &new.key
            && let Some((seq, print)) = keys::select(connection, key)?
        {
            return if print == key.print {
                self.find(connection, seq)
            } else {
                Err(Error::KeyTaken)
            };
        }
        let starts = self.claims.may_start(&new.operation);
        if !starts && self.claims.waiting() >= self.options.queue {
            return Err(Error::QueueFull(self.options.queue));
        }
        let seq = Seq(self.seq.next);
        if seq.0 > SEQ_MAX {
            return Err(Error::Database("every sequence number is used up".into()));
        }
        self.seq.reserve(connection, seq.0)?;
        let now = self.now(&new.operation);
        let id_time = now.wall.max(self.newest_id);
        let params = match params {
            NewParams::Inline => Params::Inline(Arc::clone(&new.params)),
            NewParams::Blob(blob) => {
                self.blob.reserve(connection, blob.0)?;
                blobs::insert_small(connection, blob, seq, new.params.as_bytes())?;
                Params::Blob(blob)
            }
        };
        let mut job = Job {
            seq,
            id: JobId::new(id_time, seq, self.random.next()?),
            token: new.token.clone(),
            operation: Arc::clone(&new.operation),
            params,
            uploads: match new.again {
                Some(old) => Arc::clone(&self.find(connection, old)?.uploads),
                None => new.uploads.iter().map(|whole| whole.blob).collect(),
            },
            attempt: 0,
            strikes: 0,
            version: Version::first_of(self.boot),
            cancel_requested: false,
            doomed: false,
            wishes: Arc::clone(&new.wishes),
            delivery: None,
            log: None,
            placing: false,
            created: now.wall,
            state: State::Queued,
            progress: Progress::default(),
        };
        if starts && let Change::Save(claimed) = job::apply(&job, Event::Claim, now)? {
            job = *claimed;
        }
        rows::insert(connection, &job)?;
        if new.again.is_some() {
            for blob in &*job.uploads {
                blobs::hand_over(connection, *blob, seq)?;
            }
        }
        for whole in &new.uploads {
            self.blob.reserve(connection, whole.blob.0)?;
            blobs::insert_tail(connection, whole, seq)?;
        }
        if let Some(key) = &new.key {
            keys::insert(connection, key, seq)?;
        }
        self.seq.next += 1;
        self.newest_id = id_time;
        let job = Arc::new(job);
        self.replace(seq, Some(Arc::clone(&job)));
        self.staged.push(Committed::saved(Arc::clone(&job), None));
        Ok(job)
    }

    /// Lets an event happen to a job, for the attempt that asks or for anybody.
    pub(super) fn record(
        &mut self,
        connection: &Connection,
        seq: Seq,
        event: &Event,
        attempt: Option<&Attempt>,
    ) -> Result<Arc<Job>, Error> {
        let mut job = self.find(connection, seq)?;
        if let Some(attempt) = attempt {
            if job.attempt != attempt.number || job.is_terminal() {
                return Err(Error::Superseded);
            }
            let job = Arc::make_mut(&mut job);
            job.progress = attempt.progress.clone();
            job.version = job.version.max(attempt.version);
            job.log = attempt.log.as_ref().map(|log| log.blob);
        }
        self.change(connection, &job, event.clone(), attempt)
    }

    /// Writes what an attempt is about to do. A crash just after this finds either that it was done or that it was not.
    pub(super) fn intend(
        &mut self,
        connection: &Connection,
        seq: Seq,
        attempt: u32,
        intent: &str,
        places: bool,
    ) -> Result<(), Error> {
        if places {
            let job = self.find(connection, seq)?;
            if job.attempt != attempt {
                return Err(Error::Superseded);
            }
            self.change(connection, &job, Event::Place, None)?;
        }
        rows::update_intent(connection, seq, attempt, intent)
    }

    /// Writes how far attempts are; those that are over are left alone.
    pub(super) fn store_progress(
        connection: &Connection,
        progress: &HashMap<Seq, (u32, Progress)>,
    ) -> Result<(), Error> {
        for (seq, (attempt, progress)) in progress {
            rows::update_progress(connection, *seq, *attempt, progress)?;
        }
        Ok(())
    }

    /// Executes what the sweeper decided. A crash in the middle leaves all of it or nothing.
    pub(super) fn sweep(&mut self, connection: &Connection, sweep: &Sweep) -> Result<(), Error> {
        for seq in &sweep.expired {
            let (token, blobs) = rows::expire(connection, *seq)?;
            for blob in blobs {
                // An upload may be another job's by now; what is short goes at once, the rest is freed bit by bit.
                if blobs::disown(connection, blob, *seq)?
                    && !blobs::free(connection, blob, FREED_AT_ONCE)?.1
                {
                    self.disowned.push(blob);
                }
            }
            keys::delete(connection, *seq)?;
            self.staged.push(Committed::Forgotten {
                seq: *seq,
                token,
                unended: None,
            });
        }
        faults::point("in-sweep");
        for (seq, due) in &sweep.rearmed {
            rows::rearm(connection, *seq, *due)?;
        }
        if let Some(clock) = sweep.clock {
            schema::set_meta(connection, "idle_ms", clock.0)?;
        }
        Ok(())
    }

    /// Notes that this life ends in order.
    pub(super) fn end_life(&self, connection: &Connection) -> Result<(), Error> {
        Ok(schema::end_life(connection, self.clock.now())?)
    }

    fn find(&self, connection: &Connection, seq: Seq) -> Result<Arc<Job>, Error> {
        match self.active.get(&seq) {
            Some(job) => Ok(Arc::clone(job)),
            None => rows::select(connection, seq)?
                .map(Arc::new)
                .ok_or(Error::NotFound),
        }
    }

    /// Claims every job that may start. A crash just after the commit finds them claimed: orphans, which recovery
    /// judges.
    pub(super) fn claim_ready(&mut self, connection: &Connection) -> Result<(), Error> {
        while let Some(seq) = self.claims.next() {
            let job = Arc::clone(
                self.active
                    .get(&seq)
                    .expect("a job that is ready is active"),
            );
            self.change(connection, &job, Event::Claim, None)?;
        }
        Ok(())
    }

    fn change(
        &mut self,
        connection: &Connection,
        job: &Arc<Job>,
        event: Event,
        attempt: Option<&Attempt>,
    ) -> Result<Arc<Job>, Error> {
        let result = attempt.and_then(|attempt| attempt.result.as_ref());
        let log = attempt.and_then(|attempt| attempt.log.as_ref());
        match job::apply(job, event, self.now(&job.operation))? {
            Change::Nothing => Ok(Arc::clone(job)),
            Change::Save(mut new) => {
                if !new.is_terminal() {
                    new.log = None;
                }
                let wanted = [
                    (result, new.output().and_then(Output::blob)),
                    (log, new.log),
                ];
                for (made, wanted) in wanted {
                    match made {
                        Some(whole) if wanted == Some(whole.blob) => {
                            self.blob.reserve(connection, whole.blob.0)?;
                            blobs::insert_tail(connection, whole, job.seq)?;
                        }
                        Some(unwanted) => self.disowned.push(unwanted.blob),
                        None => {}
                    }
                }
                for blob in job
                    .blobs()
                    .filter(|blob| !new.blobs().any(|kept| kept == *blob))
                {
                    if blobs::disown(connection, blob, job.seq)? {
                        self.disowned.push(blob);
                    }
                }
                rows::update(connection, job, &new)?;
                let new = Arc::<Job>::from(new);
                self.replace(job.seq, Some(Arc::clone(&new)));
                let was = Some(job.status());
                self.staged.push(Committed::saved(Arc::clone(&new), was));
                Ok(new)
            }
            Change::Forget => {
                for blob in job.blobs() {
                    if blobs::disown(connection, blob, job.seq)? {
                        self.disowned.push(blob);
                    }
                }
                keys::delete(connection, job.seq)?;
                self.disowned
                    .extend(result.into_iter().chain(log).map(|whole| whole.blob));
                rows::delete(connection, job)?;
                self.replace(job.seq, None);
                self.staged.push(Committed::Forgotten {
                    seq: job.seq,
                    token: job.token.clone(),
                    unended: (!job.is_terminal()).then(|| Arc::clone(&job.operation)),
                });
                Ok(Arc::clone(job))
            }
        }
    }

    fn replace(&mut self, seq: Seq, new: Option<Arc<Job>>) {
        if let Some(old) = self.active.remove(&seq) {
            self.claims.leave(&old);
        }
        if let Some(new) = new.filter(|job| !job.is_terminal()) {
            self.claims.enter(&new);
            self.active.insert(seq, new);
        }
    }

    fn reload(&mut self, connection: &Connection) -> Result<(), Error> {
        let active = rows::select_active(connection)?;
        self.claims.rebuild(active.iter());
        self.active = active
            .into_iter()
            .map(|job| (job.seq, Arc::new(job)))
            .collect();
        Ok(())
    }

    fn now(&self, operation: &str) -> Now {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            wall: WallMs(since_epoch.as_millis() as i64),
            idle: self.clock.now(),
            idle_timeout_ms: self
                .options
                .operations
                .get(operation)
                .map_or(0, |limits| limits.idle_timeout_ms),
        }
    }
}
