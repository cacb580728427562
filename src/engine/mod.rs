//! The life of jobs: submit, look, wait, cancel, delete, stop in order.
//!
//! Puts the store, the live table and the runner together. Knows no HTTP.

mod feed;
mod idle;
mod keys;
mod live;
mod monitor;
mod recovery;
mod runner;
mod sweeper;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::job::{Event, Job, JobId, Seq, Version};
use crate::operations::{Fault, Registry, make_whole};
use crate::roots::Roots;
use crate::store::{
    self, BlobReader, Committed, Filter, Key, Limits, NewJob, Observer, OpenError, Options, Store,
    Uploads,
};
use feed::Feed;
pub use feed::Follower;
pub use idle::Hold;
use idle::Idle;
pub use keys::KeyInUse;
use keys::Keys;
use live::Live;
pub use live::LiveJob;
use monitor::Monitor;
use runner::Runner;
use sweeper::Sweeper;

/// Memory for ended jobs that may be asked for again, in bytes.
const ENDED_BYTES: usize = 4 << 20;

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data is in use or unusable.
    #[error(transparent)]
    Data(#[from] OpenError),
    /// Recovery could not write.
    #[error("recovery failed: {0}")]
    Recovery(#[from] store::Error),
    /// A root is not there.
    #[error("the root {} cannot be used: {source}", path.display())]
    Root {
        /// As the operator wrote it.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

/// Why a submission is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// There is no such operation.
    #[error("there is no operation named {0:?}")]
    UnknownOperation(String),
    /// The params do not fit.
    #[error("the params are not valid")]
    Invalid(Vec<Fault>),
    /// The store says no.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What is asked of an operation.
#[derive(Debug)]
pub struct Submission {
    /// The name of the token that asks.
    pub token: Option<Arc<str>>,
    /// The operation's name.
    pub operation: String,
    /// Its params, a JSON object.
    pub params: Value,
    /// What was sent along.
    pub uploads: Option<Uploads>,
    /// What the client calls it.
    pub key: Option<Key>,
}

/// A job at one moment, and its place in memory if it has one.
#[derive(Debug, Clone)]
pub struct View {
    /// The job.
    pub job: Arc<Job>,
    /// Where its rendered form is kept.
    pub live: Option<Arc<LiveJob>>,
}

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    /// The jobs, newest first.
    pub jobs: Vec<View>,
    /// Where the next page begins, if there is one.
    pub next: Option<Seq>,
}

/// What a waiting reader has seen already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Wait for the end.
    Ended,
    /// Wait for a version other than this one.
    Not(Version),
}

/// A running engine.
pub struct Engine {
    store: Arc<Store>,
    live: Arc<Live>,
    runner: Arc<Runner>,
    registry: Arc<Registry>,
    roots: Arc<Roots>,
    monitor: Monitor,
    fatal: watch::Receiver<Option<String>>,
    idle: Arc<Idle>,
    sweeper: Arc<Sweeper>,
    keys: Arc<Keys>,
    feed: Arc<Feed>,
    /// True once the server stops: nobody waits any longer.
    stopping: watch::Sender<bool>,
    duties: Vec<JoinHandle<()>>,
}

/// Hears of commits, on the store's thread.
struct Desk {
    live: Arc<Live>,
    idle: OnceLock<Arc<Idle>>,
    feed: Arc<Feed>,
    ended: Arc<Notify>,
    runner: Arc<Runner>,
    fatal: watch::Sender<Option<String>>,
}

impl Observer for Desk {
    fn committed(&self, change: Committed) {
        match change {
            Committed::Saved(job) => {
                let seq = job.seq;
                self.live.publish(&job);
                if job.is_terminal() {
                    self.ended.notify_one();
                } else if job.cancel_requested {
                    self.runner.stop(job.seq);
                }
                self.feed.changed(seq);
            }
            Committed::Claimed(job) => {
                let seq = job.seq;
                self.live.publish(&job);
                self.runner.dispatch(job);
                self.feed.changed(seq);
            }
            Committed::Forgotten(seq) => {
                self.live.forget(seq);
                if let Some(idle) = self.idle.get() {
                    idle.forget(seq);
                }
                self.feed.changed(seq);
            }
        }
    }

    fn fatal(&self, reason: &str) {
        self.fatal.send_replace(Some(reason.to_owned()));
    }
}

impl Engine {
    /// Opens the data, recovers what was interrupted, and begins to run jobs. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub async fn start(config: &Config, registry: Registry) -> Result<Self, StartError> {
        let live = Arc::new(Live::new(ENDED_BYTES));
        let registry = Arc::new(registry);
        let (fatal, fatal_seen) = watch::channel(None);
        // The data folder is left out of walks by its identity, so it must be there before the roots are opened.
        store::create_private_dir(&config.data).map_err(|source| OpenError::Io {
            path: config.data.clone(),
            source,
        })?;
        let roots = Roots::open(&config.roots, &config.data)
            .map_err(|(path, source)| StartError::Root { path, source })?;
        let roots = Arc::new(roots);
        let (ended, feed) = (Arc::new(Notify::new()), Arc::new(Feed::default()));
        let runner = Runner::new(
            Arc::clone(&registry),
            Arc::clone(&roots),
            Arc::clone(&live),
            Arc::clone(&feed),
        );
        let desk = Arc::new(Desk {
            live: Arc::clone(&live),
            idle: OnceLock::new(),
            feed: Arc::clone(&feed),
            ended: Arc::clone(&ended),
            runner: Arc::clone(&runner),
            fatal,
        });
        let options = options(config, &registry);
        let timeouts = options
            .operations
            .iter()
            .map(|(name, l)| (Arc::clone(name), l.idle_timeout_ms))
            .collect();
        let (store, found) = Store::open(
            &config.data,
            options,
            Arc::clone(&desk) as Arc<dyn Observer>,
        )?;
        roots.protect(&store::own_files(&config.data));
        let default_timeout_ms = config.idle_timeout.as_millis() as i64;
        let idle = Idle::new(
            Arc::clone(store.clock()),
            timeouts,
            default_timeout_ms,
            found.crashed_at,
        );
        let idle = desk.idle.get_or_init(|| Arc::new(idle)).clone();
        runner.set_store(Arc::clone(&store));
        for job in &found.active {
            live.publish(job);
        }
        let report = recovery::recover(&store, &registry, &found).await?;
        tracing::info!(
            boot = found.boot,
            in_order = found.crashed_at.is_none(),
            waiting = report.waiting,
            requeued = report.requeued,
            failed = report.failed,
            canceled = report.canceled,
            "the store is open"
        );
        let sweeper = Arc::new(Sweeper {
            store: Arc::clone(&store),
            idle: Arc::clone(&idle),
            live: Arc::clone(&live),
            ended,
        });
        let duties = vec![
            tokio::spawn({
                let runner = Arc::clone(&runner);
                async move { runner.show_progress().await }
            }),
            tokio::spawn({
                let sweeper = Arc::clone(&sweeper);
                async move { sweeper.run().await }
            }),
            tokio::spawn(tick(Arc::clone(&store))),
        ];
        store.set_slots(config.workers).await?;
        Ok(Self {
            store,
            live,
            runner,
            registry,
            roots,
            monitor: Monitor::new(&found.monitor_key),
            fatal: fatal_seen,
            idle,
            sweeper,
            keys: Arc::default(),
            feed,
            stopping: watch::Sender::new(false),
            duties,
        })
    }

    /// Where the jobs are.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Keeps a key for one request while its body comes in; none if another request has it.
    pub fn begin_key(&self, token: Option<&str>, key: &str) -> Option<KeyInUse> {
        KeyInUse::begin(&self.keys, token, key)
    }

    /// The operations on offer.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The unguessable name of a job, for whoever may look at it without being known.
    pub fn monitor_token(&self, job: &Job) -> String {
        self.monitor.token(job.id)
    }

    /// The job that a monitor token names.
    ///
    /// # Errors
    /// As [`Engine::get`].
    pub async fn monitored(&self, token: &str) -> Result<View, store::Error> {
        let seq = Monitor::seq(token).ok_or(store::Error::NotFound)?;
        let view = self.at(seq).await?;
        if self.monitor.is_for(token, view.job.id) {
            Ok(view)
        } else {
            Err(store::Error::NotFound)
        }
    }

    /// Takes on a job. When this returns it is on the disk, and can be looked at.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn submit(&self, mut submission: Submission) -> Result<View, SubmitError> {
        make_whole(&mut submission.params);
        let Some((operation, registered)) = self.registry.get(&submission.operation) else {
            return Err(SubmitError::UnknownOperation(submission.operation));
        };
        let mut uploads = submission.uploads;
        let blobs = uploads.as_ref().map(Uploads::blobs).unwrap_or_default();
        registered
            .check(&submission.params, &blobs, &self.roots)
            .map_err(SubmitError::Invalid)?;
        let params = submission.params.to_string().into();
        let uploads = uploads.as_mut().map(Uploads::take).unwrap_or_default();
        let new = NewJob {
            token: submission.token,
            operation: Arc::clone(operation),
            params,
            uploads,
            key: submission.key,
            again: None,
        };
        let job = self.store.submit(new.clone()).await?;
        // The job that a key stands for may have expired, though it was not swept yet.
        if new.key.is_some() && !self.idle.touch(&job) {
            self.store.record(job.seq, Event::Delete).await?;
            return self.submitted(self.store.submit(new).await?);
        }
        self.submitted(job)
    }

    #[expect(clippy::unnecessary_wraps, reason = "the end of submit")]
    fn submitted(&self, job: Arc<Job>) -> Result<View, SubmitError> {
        Ok(match self.live.get(job.seq) {
            Some((live, job)) => View {
                job,
                live: Some(live),
            },
            None => View { job, live: None },
        })
    }

    /// The job with this identifier.
    ///
    /// # Errors
    /// [`store::Error::NotFound`], and what the disk may say.
    pub async fn get(&self, id: JobId) -> Result<View, store::Error> {
        let view = self.at(id.seq()).await?;
        if view.job.id == id {
            Ok(view)
        } else {
            Err(store::Error::NotFound)
        }
    }

    /// The job in this place, from memory or from the disk. Counts as a use of it.
    async fn at(&self, seq: Seq) -> Result<View, store::Error> {
        let view = match self.live.get(seq) {
            Some((live, job)) => View {
                job,
                live: Some(live),
            },
            None => View {
                job: self.store.job(seq).await?.ok_or(store::Error::NotFound)?,
                live: None,
            },
        };
        if self.idle.touch(&view.job) {
            Ok(view)
        } else {
            Err(store::Error::NotFound)
        }
    }

    /// As [`Engine::get`], but waits up to `patience` for what the reader has not seen.
    ///
    /// # Errors
    /// As [`Engine::get`]; also if the job is forgotten meanwhile.
    pub async fn wait(
        &self,
        id: JobId,
        until: Until,
        patience: Duration,
    ) -> Result<View, store::Error> {
        let view = self.get(id).await?;
        let Some(live) = view.live else {
            return Ok(view);
        };
        let mut changes = live.watch();
        let waiting = changes.wait_for(|snapshot| match (snapshot, until) {
            (None, _) => true,
            (Some(job), _) if job.is_terminal() => true,
            (Some(_), Until::Ended) => false,
            (Some(job), Until::Not(version)) => job.version != version,
        });
        let mut stopping = self.stopping.subscribe();
        tokio::select! {
            // A sender that is gone leaves the snapshot to be looked at.
            _ = waiting => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = tokio::time::sleep(patience) => {}
        }
        self.at(id.seq()).await
    }

    /// Asks a job to stop. It is canceled at once if it waits; if it runs, when its attempt has stopped.
    ///
    /// # Errors
    /// [`store::Error::Illegal`] if it has ended otherwise; [`store::Error::NotFound`].
    pub async fn cancel(&self, id: JobId) -> Result<View, store::Error> {
        self.get(id).await?;
        let job = self.store.record(id.seq(), Event::Cancel).await?;
        Ok(self
            .live
            .get(id.seq())
            .map_or(View { job, live: None }, |(live, job)| View {
                job,
                live: Some(live),
            }))
    }

    /// Forgets a job and its result, stopping it if need be; gives it as it last was.
    ///
    /// # Errors
    /// [`store::Error::NotFound`], and what the disk may say.
    pub async fn delete(&self, id: JobId) -> Result<Arc<Job>, store::Error> {
        let view = self.get(id).await?;
        self.store.record(id.seq(), Event::Delete).await?;
        Ok(view.job)
    }

    /// A page of jobs, newest first; counts as no use of them.
    ///
    /// # Errors
    /// What the disk may say.
    pub async fn list(&self, filter: Filter, limit: usize) -> Result<Page, store::Error> {
        let statuses = filter.statuses.clone();
        let rows = self.store.list(filter, limit + 1).await?;
        let next = rows
            .get(limit)
            .and_then(|_| rows.get(limit - 1))
            .map(|job| job.seq);
        let jobs = rows
            .into_iter()
            .take(limit)
            .map(|row| match self.live.get(row.seq) {
                Some((live, job)) => View {
                    job,
                    live: Some(live),
                },
                None => View {
                    job: Arc::new(row),
                    live: None,
                },
            });
        let fits = |view: &View| {
            let status = statuses.is_empty() || statuses.contains(&view.job.status());
            status && !self.idle.has_expired(&view.job)
        };
        Ok(Page {
            jobs: jobs.filter(fits).collect(),
            next,
        })
    }

    /// Every job that has not ended, in order of submission.
    pub fn active(&self) -> Vec<View> {
        let active = self.live.active();
        active
            .into_iter()
            .map(|(live, job)| View {
                job,
                live: Some(live),
            })
            .collect()
    }

    /// Follows the changes of all jobs from now on.
    pub fn follow(&self) -> Follower {
        self.feed.follow()
    }

    /// A job as it is, which counts as no use of it; none if it is gone.
    pub async fn look(&self, seq: Seq) -> Option<View> {
        let view = match self.live.get(seq) {
            Some((live, job)) => View {
                job,
                live: Some(live),
            },
            None => View {
                job: self.store.job(seq).await.ok()??,
                live: None,
            },
        };
        (!self.idle.has_expired(&view.job)).then_some(view)
    }

    /// Keeps an ended job from expiry.
    pub fn hold(&self, job: &Job) -> Option<Hold> {
        self.idle.hold(job)
    }

    /// Ends when the server stops.
    pub async fn stopping(&self) {
        // The sender lives as long as we do.
        let _ = self
            .stopping
            .subscribe()
            .wait_for(|stopping| *stopping)
            .await;
    }

    /// A new job that asks what this one asked, of the same uploads.
    ///
    /// # Errors
    /// [`store::Error::NotEnded`] while it has not ended.
    pub async fn retry(&self, id: JobId) -> Result<View, SubmitError> {
        let view = self.get(id).await?;
        if !view.job.is_terminal() {
            return Err(store::Error::NotEnded.into());
        }
        if self.registry.get(&view.job.operation).is_none() {
            return Err(SubmitError::UnknownOperation(
                view.job.operation.to_string(),
            ));
        }
        let params = self.params(&view.job).await?;
        let job = self.store.submit_again(&view.job, params).await?;
        self.submitted(job)
    }

    /// The params of a job as JSON.
    ///
    /// # Errors
    /// What the disk may say.
    pub async fn params(&self, job: &Job) -> Result<Arc<str>, store::Error> {
        if let crate::job::Params::Inline(params) = &job.params {
            return Ok(Arc::clone(params));
        }
        let (store, params) = (Arc::clone(&self.store), job.params.clone());
        let read = tokio::task::spawn_blocking(move || store.params(&params)).await;
        read.map_err(|e| store::Error::Database(e.to_string()))?
    }

    /// The bytes of a result, and what keeps the job while they are read.
    pub fn result(&self, job: &Job) -> Option<(BlobReader, Hold)> {
        let output = job.output()?;
        Some((self.store.read_blob(output.blob), self.idle.hold(job)?))
    }

    /// Becomes some text if the store fails beyond repair: time to end the process.
    pub fn fatal(&self) -> watch::Receiver<Option<String>> {
        self.fatal.clone()
    }

    /// Lets nobody wait any longer: whoever does is answered with the job as it is.
    pub fn stop_waiting(&self) {
        self.stopping.send_replace(true);
    }

    /// Stops in order: nothing more is claimed, what runs gets `patience`, what is left goes back to the queue.
    pub async fn drain(&self, patience: Duration) {
        self.stop_waiting();
        if let Err(error) = self.store.set_slots(0).await {
            tracing::warn!(%error, "claims could not be stopped");
        }
        self.runner.drain(patience).await;
        for duty in &self.duties {
            duty.abort();
        }
        let last = async {
            self.sweeper.write_touches().await?;
            self.store.end_life().await
        };
        if let Err(error) = last.await {
            tracing::warn!(%error, "the idle clock could not be stored: jobs may stay longer than they should");
        }
        let store = Arc::clone(&self.store);
        // The writer's last commits block.
        if let Err(error) = tokio::task::spawn_blocking(move || store.close()).await {
            tracing::error!(%error, "the store did not close");
        }
    }
}

/// Keeps the idle clock going.
async fn tick(store: Arc<Store>) {
    let mut ticks = tokio::time::interval(store::TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        store.tick();
    }
}

fn options(config: &Config, registry: &Registry) -> Options {
    let limits = |description: &crate::operations::Description| Limits {
        concurrency: description.concurrency.unwrap_or(config.workers),
        idle_timeout_ms: description
            .idle_timeout
            .unwrap_or(config.idle_timeout)
            .as_millis() as i64,
    };
    let operations: HashMap<_, _> = registry
        .iter()
        .map(|(name, registered)| (Arc::clone(name), limits(&registered.description)))
        .collect();
    Options {
        queue: config.limits.queue,
        free_disk_bytes: config.limits.free_disk_bytes,
        operations,
    }
}
