//! Puts the engine together: opens the data, recovers what was interrupted, and begins to run jobs.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

use super::callbacks::Outbox;
use super::feed::{Feed, Forgotten};
use super::idle::Idle;
use super::leftovers::Conclusion;
use super::live::Live;
use super::monitor::Monitor;
use super::probe::Probe;
use super::results::Takings;
use super::runner::{self, Runner};
use super::sources::Sources;
use super::sweeper::Sweeper;
use super::tally::Tally;
use super::{Engine, StartError, recovery};
use crate::config::Config;
use crate::faults;
use crate::job::{Event, IdleMs, Job, JobId, Seq, Status};
use crate::operations::{Description, Registry, WaysOut, command};
use crate::roots::Roots;
use crate::store::{
    self, Committed, Limits, Observer, OpenError, Options, Store, TokensAtStart, Uses,
};
use crate::vital::Vital;

/// Memory for ended jobs that may be asked for again, in bytes.
const ENDED_BYTES: usize = 4 << 20;

/// Hears of commits, on the store's thread.
struct Desk {
    live: Arc<Live>,
    idle: OnceLock<Arc<Idle>>,
    feed: Arc<Feed>,
    ended: Arc<Notify>,
    sources: Arc<Sources>,
    /// Somebody is to be told of an end.
    to_tell: Arc<Notify>,
    runner: Arc<Runner>,
    tally: Arc<Tally>,
    vital: Vital,
}

impl Desk {
    /// A job that goes now, as it is in memory.
    fn gone(&self, seq: Seq, id: JobId) -> Forgotten {
        let last = self.live.get(seq).map(|(_, job)| job);
        Forgotten { seq, id, last }
    }

    /// Counts what has become of a job, which is not published yet.
    fn count(&self, job: &Job, was: Option<Status>) {
        if was.is_none() {
            self.tally.submitted(&job.operation);
        }
        let status = job.status();
        if was == Some(status) {
            return;
        }
        self.tally.ended(&job.operation, status);
        if status == Status::Running && job.attempt == 1 {
            let waited = self.live.get(job.seq).map(|(live, _)| live.age());
            self.tally.begun(&job.operation, waited.unwrap_or_default());
        }
    }
}

impl Observer for Desk {
    fn committed(&self, change: Committed) {
        match change {
            Committed::Saved { job, was } => {
                self.count(&job, was);
                // Whoever follows hears of it as readers saw it last.
                let doomed = job.doomed.then(|| self.gone(job.seq, job.id));
                self.live.publish(&job);
                if job.delivery_due().is_some() {
                    self.to_tell.notify_one();
                }
                if job.is_terminal() {
                    self.sources.release(job.seq);
                    self.ended.notify_one();
                } else if job.cancel_requested {
                    match job.status() {
                        Status::Queued => self
                            .runner
                            .conclude(Arc::clone(&job), Conclusion::Remove(Event::Stop)),
                        _ => self.runner.stop(job.seq),
                    }
                }
                match doomed {
                    None => self.feed.changed(job.seq, job.token.as_deref()),
                    Some(gone) if gone.last.is_some() => {
                        self.feed.forgotten(gone, job.token.as_deref());
                    }
                    // It was gone before.
                    Some(_) => {}
                }
            }
            Committed::Claimed { job, was } => {
                self.count(&job, was);
                // Whoever finds it running finds its log too.
                self.runner.admit(&job);
                self.live.publish(&job);
                self.feed.changed(job.seq, job.token.as_deref());
                self.runner.dispatch(job);
            }
            Committed::Forgotten {
                seq,
                id,
                was_doomed,
                token,
                unended,
            } => {
                let gone = self.gone(seq, id);
                if let Some(operation) = unended {
                    self.tally.deleted(&operation);
                }
                self.live.forget(seq);
                self.sources.release(seq);
                if let Some(idle) = self.idle.get() {
                    idle.forget(seq);
                }
                if !was_doomed {
                    self.feed.forgotten(gone, token.as_deref());
                }
            }
        }
    }

    fn uses(&self, most: usize) -> Uses {
        let idle = self.idle.get();
        idle.map(|idle| idle.worth_storing(most))
            .unwrap_or_default()
    }

    fn stored_uses(&self, uses: &[(Seq, IdleMs)]) {
        for (seq, due) in uses {
            self.live.rearm(*seq, *due);
            if let Some(idle) = self.idle.get() {
                idle.written(*seq, *due);
            }
        }
    }

    fn fatal(&self, reason: &str) {
        self.vital.fail(format!("the database failed: {reason}"));
    }
}

impl Engine {
    /// Opens the data, recovers what was interrupted, and begins to run jobs. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub(crate) async fn start(
        config: &Config,
        registry: Registry,
        tokens: TokensAtStart,
    ) -> Result<Self, StartError> {
        let live = Arc::new(Live::new(ENDED_BYTES));
        let registry = Arc::new(registry);
        let vital = Vital::default();
        // The data folder is left out of walks by its identity, so it must be there before the roots are opened.
        store::create_private_dir(&config.data).map_err(|source| OpenError::Io {
            path: config.data.clone(),
            source,
        })?;
        let roots = Roots::open(&config.roots, &config.data)
            .map_err(|(path, source)| StartError::Root { path, source })?;
        let roots = Arc::new(roots);
        let (ended, feed) = (Arc::new(Notify::new()), Arc::new(Feed::default()));
        let outside = WaysOut::new(
            config.outbound(),
            &Handle::current(),
            config.limits.upload_bytes,
        );
        let tally = Arc::new(Tally::new(registry.iter().map(|(name, _)| name)));
        let runner = Runner::new(runner::Around {
            registry: Arc::clone(&registry),
            roots: Arc::clone(&roots),
            outside: outside.clone(),
            live: Arc::clone(&live),
            feed: Arc::clone(&feed),
            limits: config.limits.clone(),
            tally: Arc::clone(&tally),
            vital: vital.clone(),
        });
        let (to_tell, sources) = (Arc::new(Notify::new()), Arc::new(Sources::default()));
        let desk = Arc::new(Desk {
            live: Arc::clone(&live),
            idle: OnceLock::new(),
            feed: Arc::clone(&feed),
            ended: Arc::clone(&ended),
            sources: Arc::clone(&sources),
            to_tell: Arc::clone(&to_tell),
            runner: Arc::clone(&runner),
            tally: Arc::clone(&tally),
            vital: vital.clone(),
        });
        let options = options(config, &registry, tokens);
        let timeouts = options
            .operations
            .iter()
            .map(|(name, l)| (Arc::clone(name), l.idle_timeout_ms))
            .collect();
        let (store, found) = Store::open(
            &config.data,
            options,
            Arc::clone(&desk) as Arc<dyn Observer>,
            &vital,
        )?;
        command::clear(&config.data);
        roots.protect(&store::own_files(&config.data));
        let default_timeout_ms = config.idle_timeout.as_millis() as i64;
        let idle = Idle::new(Arc::clone(store.clock()), timeouts, default_timeout_ms);
        let idle = desk.idle.get_or_init(|| Arc::new(idle)).clone();
        runner.set_store(Arc::clone(&store));
        for job in &found.active {
            live.publish(job);
            sources.restore(&store, &idle, job).await?;
        }
        let report = recovery::recover(&store, &runner, &found).await?;
        tracing::info!(
            boot = found.boot,
            in_order = found.in_order,
            waiting = report.waiting,
            requeued = report.requeued,
            failed = report.failed,
            canceled = report.canceled,
            placed = report.placed,
            "the store is open"
        );
        let sweeper = Arc::new(Sweeper {
            store: Arc::clone(&store),
            idle: Arc::clone(&idle),
            live: Arc::clone(&live),
            ended,
            tally: Arc::clone(&tally),
        });
        let monitor = Arc::new(Monitor::new(&found.monitor_key));
        let outbox = Arc::new(Outbox::new(
            Arc::clone(&store),
            Arc::clone(&live),
            Arc::clone(&monitor),
            config.callbacks.clone(),
            to_tell,
            Arc::clone(&tally),
        ));
        let duties = vec![
            vital.task("callbacks", Arc::clone(&outbox).run()),
            vital.task("progress", {
                let runner = Arc::clone(&runner);
                async move { runner.show_progress().await }
            }),
            vital.task("sweeper", {
                let sweeper = Arc::clone(&sweeper);
                async move { sweeper.run().await }
            }),
            vital.task("idle-clock", tick(Arc::clone(&store))),
        ];
        store.set_slots(config.workers).await?;
        Ok(Self {
            takings: Takings::new(Arc::clone(&store)),
            sources,
            store,
            live,
            runner,
            registry,
            probe: Probe::new(&roots),
            roots,
            outside,
            monitor,
            outbox,
            vital,
            idle,
            sweeper,
            keys: Arc::default(),
            feed,
            tally,
            stopping: watch::Sender::new(false),
            duties,
        })
    }
}

/// Keeps the idle clock going.
async fn tick(store: Arc<Store>) {
    let mut ticks = tokio::time::interval(store::TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        faults::panic_point("idle-clock");
        store.tick();
    }
}

fn options(config: &Config, registry: &Registry, tokens: TokensAtStart) -> Options {
    let limits = |description: &Description| Limits {
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
        database_bytes: config.limits.database_bytes,
        operations,
        tokens,
    }
}
