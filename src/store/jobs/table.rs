//! The table of jobs that have not ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use crate::job::{Change, Event, IdleMs, Job, JobId, Now, Output, Progress, Seq, Version, WallMs};
use crate::store::blob_owners::BlobOwners;
use crate::store::scheduler::Scheduler;
use crate::store::sequences::{RandomBits, Sequence};
use crate::store::{
    Attempt, Committed, Error, IdleClock, OpenError, OperationLimits, StoreOptions, Sweep, keys,
    rows, schema,
};
use crate::{failpoints, job};

pub(in crate::store) struct Jobs {
    pub(in crate::store::jobs) options: StoreOptions,
    pub(in crate::store::jobs) clock: Arc<IdleClock>,
    pub(in crate::store::jobs) boot: u32,
    /// All jobs that have not ended, as stored in the rows.
    pub(in crate::store::jobs) active: HashMap<Seq, Arc<Job>>,
    pub(in crate::store::jobs) scheduler: Scheduler,
    pub(in crate::store::jobs) seq: Sequence,
    pub(in crate::store::jobs) newest_id: WallMs,
    pub(in crate::store::jobs) random: RandomBits,
    /// The changes of the current transaction.
    pub(in crate::store) staged: Vec<Committed>,
    pub(in crate::store) blob_owners: BlobOwners,
}

impl Jobs {
    pub(in crate::store) fn load(
        connection: &Connection,
        boot: u32,
        options: StoreOptions,
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
            scheduler: Scheduler::new(&options.operations),
            options,
            clock,
            boot,
            active: HashMap::new(),
            seq: Sequence::load(connection, "seq_next")?,
            newest_id,
            random: RandomBits::default(),
            staged: Vec::new(),
            blob_owners: BlobOwners::load(connection)?,
        };
        jobs.reload(connection)
            .map_err(|e| OpenError::Start(e.to_string()))?;
        // A version that the last run showed but never stored must not be reused for a different state.
        for job in jobs.active.values_mut() {
            Arc::make_mut(job).version = Version::first_of(boot);
        }
        Ok(jobs)
    }

    /// All jobs that have not ended, in order.
    pub(in crate::store) fn active(&self) -> Vec<Arc<Job>> {
        let mut active: Vec<_> = self.active.values().cloned().collect();
        active.sort_by_key(|job| job.seq);
        active
    }

    pub(in crate::store) fn set_slots(&mut self, slots: usize) {
        self.scheduler.set_slots(slots);
    }

    pub(in crate::store) fn set_operations(
        &mut self,
        operations: &HashMap<Arc<str>, OperationLimits>,
        default_idle_timeout_ms: i64,
    ) {
        self.scheduler.set_operations(operations);
        self.options.operations.clone_from(operations);
        self.options.default_idle_timeout_ms = default_idle_timeout_ms;
    }

    /// Restores memory from the rows after a rollback.
    pub(in crate::store) fn roll_back(&mut self, connection: &Connection) -> Result<(), Error> {
        if !self.staged.is_empty() {
            self.staged.clear();
            self.reload(connection)?;
        }
        self.seq.reload(connection)?;
        self.blob_owners.roll_back(connection)
    }

    /// Applies an event to a job. With `attempt`, only if that is the current attempt.
    pub(in crate::store) fn record(
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

    /// Stores what an attempt is about to do. After a crash the intent is found, whether it was carried out or not.
    pub(in crate::store) fn record_intent(
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
            self.change(connection, &job, Event::FinalizeStarted, None)?;
        }
        rows::update_intent(connection, seq, attempt, intent)
    }

    /// Stores the progress of attempts, except those that are over.
    pub(in crate::store) fn store_progress(
        connection: &Connection,
        progress: &HashMap<Seq, (u32, Progress)>,
    ) -> Result<(), Error> {
        for (seq, (attempt, progress)) in progress {
            rows::update_progress(connection, *seq, *attempt, progress)?;
        }
        Ok(())
    }

    /// Executes the sweeper's decisions. A crash leaves all or none of them.
    pub(in crate::store) fn sweep(
        &mut self,
        connection: &Connection,
        sweep: &Sweep,
    ) -> Result<(), Error> {
        for seq in &sweep.expired {
            let Some(expired) = rows::expire(connection, *seq)? else {
                continue;
            };
            for blob in expired.blobs {
                // Short blobs are freed at once, others step by step.
                self.blob_owners.take_and_free(connection, blob, *seq)?;
            }
            keys::delete(connection, *seq)?;
            self.staged.push(Committed::Forgotten {
                seq: *seq,
                id: expired.id,
                delete_was_requested: false,
                token: expired.token,
                unended: None,
            });
        }
        failpoints::failpoint("in-sweep");
        for (seq, due) in &sweep.rearmed {
            rows::rearm(connection, *seq, *due)?;
        }
        Ok(())
    }

    /// Stores the idle clock, and the due times of the jobs used until then. A crash leaves both or neither: the clock never
    /// runs ahead of the uses.
    pub(in crate::store) fn store_clock(
        connection: &Connection,
        now: IdleMs,
        uses: &[(Seq, IdleMs)],
    ) -> Result<(), Error> {
        for (seq, due) in uses {
            rows::rearm(connection, *seq, *due)?;
        }
        Ok(schema::store_clock(connection, now)?)
    }

    /// The idle clock.
    pub(in crate::store) fn clock(&self) -> &IdleClock {
        &self.clock
    }

    /// Records that this run ends in order.
    pub(in crate::store) fn end_life(&self, connection: &Connection) -> Result<(), Error> {
        Ok(schema::end_life(connection, self.clock.now())?)
    }

    pub(in crate::store::jobs) fn find(
        &self,
        connection: &Connection,
        seq: Seq,
    ) -> Result<Arc<Job>, Error> {
        match self.active.get(&seq) {
            Some(job) => Ok(Arc::clone(job)),
            None => rows::select(connection, seq)?
                .map(Arc::new)
                .ok_or(Error::NotFound),
        }
    }

    /// Claims all jobs that may start. After a crash following the commit they are orphans, which recovery handles.
    pub(in crate::store) fn claim_ready(&mut self, connection: &Connection) -> Result<(), Error> {
        while let Some(seq) = self.scheduler.next() {
            let job = Arc::clone(
                self.active
                    .get(&seq)
                    .expect("a job that is ready is active"),
            );
            self.change(connection, &job, Event::Claim, None)?;
        }
        Ok(())
    }

    pub(in crate::store::jobs) fn change(
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
                            self.blob_owners.give(connection, whole, job.seq)?;
                        }
                        Some(unwanted) => self.blob_owners.abandon(unwanted.blob),
                        None => {}
                    }
                }
                for blob in job
                    .blobs()
                    .filter(|blob| !new.blobs().any(|kept| kept == *blob))
                {
                    self.blob_owners.take(connection, blob, job.seq)?;
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
                    self.blob_owners.take(connection, blob, job.seq)?;
                }
                keys::delete(connection, job.seq)?;
                for unwanted in result.into_iter().chain(log) {
                    self.blob_owners.abandon(unwanted.blob);
                }
                rows::delete(connection, job)?;
                self.replace(job.seq, None);
                self.staged.push(Committed::Forgotten {
                    seq: job.seq,
                    id: job.id,
                    delete_was_requested: job.delete_requested,
                    token: job.token.clone(),
                    unended: (!job.is_terminal()).then(|| Arc::clone(&job.operation)),
                });
                Ok(Arc::clone(job))
            }
        }
    }

    pub(in crate::store::jobs) fn replace(&mut self, seq: Seq, new: Option<Arc<Job>>) {
        if let Some(old) = self.active.remove(&seq) {
            self.scheduler.leave(&old);
        }
        if let Some(new) = new.filter(|job| !job.is_terminal()) {
            self.scheduler.enter(&new);
            self.active.insert(seq, new);
        }
    }

    pub(in crate::store::jobs) fn reload(&mut self, connection: &Connection) -> Result<(), Error> {
        let active = rows::select_active(connection)?;
        self.scheduler.rebuild(active.iter());
        self.active = active
            .into_iter()
            .map(|job| (job.seq, Arc::new(job)))
            .collect();
        Ok(())
    }

    pub(in crate::store::jobs) fn now(&self, operation: &str) -> Now {
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
                .map_or(self.options.default_idle_timeout_ms, |limits| {
                    limits.idle_timeout_ms
                }),
        }
    }
}
