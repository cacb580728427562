//! Reads, waits, lists, cancels and deletes jobs for a caller.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::engine::caller::Caller;
use crate::engine::handle::Engine;
use crate::engine::job_feed::Subscriber;
use crate::engine::monitor_token::MonitorKey;
use crate::engine::types::{Page, View, WaitFor};
use crate::job::{Event, Job, JobId, Params, Seq};
use crate::store::{self, Filter};

impl Engine {
    /// The unguessable name of a job, for whoever may look at it without being known.
    pub(crate) fn monitor_token(&self, job: &Job) -> String {
        self.monitor_key.token(job.id)
    }

    /// The job that a monitor token names.
    ///
    /// # Errors
    /// As [`Engine::get`].
    pub(crate) async fn monitored(&self, token: &str) -> Result<View, store::Error> {
        let seq = MonitorKey::seq(token).ok_or(store::Error::NotFound)?;
        let view = self.find(seq).await?;
        if self.monitor_key.is_for(token, view.job.id) {
            self.touched(view)
        } else {
            Err(self.hidden(&view).await)
        }
    }

    /// The job with this identifier.
    ///
    /// # Errors
    /// [`store::Error::NotFound`], and what the disk may say.
    pub(crate) async fn get(&self, caller: &Caller, id: JobId) -> Result<View, store::Error> {
        let view = self.find(id.seq()).await?;
        if view.job.id == id && caller.sees(&view.job) {
            self.touched(view)
        } else {
            Err(self.hidden(&view).await)
        }
    }

    /// As [`Engine::get`], by the job's place.
    ///
    /// # Errors
    /// As [`Engine::get`].
    pub(crate) async fn at(&self, caller: &Caller, seq: Seq) -> Result<View, store::Error> {
        let view = self.find(seq).await?;
        if caller.sees(&view.job) {
            self.touched(view)
        } else {
            Err(self.hidden(&view).await)
        }
    }

    /// What is said of a job that the caller must not know of. One that is in memory is looked for on the disk first, as
    /// one that does not exist is: the time that it takes says no more than the words.
    pub(in crate::engine) async fn hidden(&self, view: &View) -> store::Error {
        if view.live.is_some() {
            // Whatever is found there is hidden as well.
            let _ = self.store.job(view.job.seq).await;
        }
        store::Error::NotFound
    }

    /// The job in this place, from memory or from the disk, whosever it is.
    pub(in crate::engine) async fn find(&self, seq: Seq) -> Result<View, store::Error> {
        Ok(match self.job_cache.get(seq) {
            Some((live, job)) => View {
                job,
                live: Some(live),
            },
            None => View {
                job: self.store.job(seq).await?.ok_or(store::Error::NotFound)?,
                live: None,
            },
        })
    }

    /// The same job, which counts as a use of it, unless it has expired.
    pub(in crate::engine) fn touched(&self, view: View) -> Result<View, store::Error> {
        if self.idle_tracker.touch(&view.job) {
            Ok(view)
        } else {
            Err(store::Error::NotFound)
        }
    }

    /// As [`Engine::get`], but waits up to `patience` for what the reader has not seen.
    ///
    /// # Errors
    /// As [`Engine::get`]; also if the job is forgotten meanwhile.
    pub(crate) async fn wait(
        &self,
        caller: &Caller,
        id: JobId,
        until: WaitFor,
        timeout: Duration,
    ) -> Result<View, store::Error> {
        let view = self.get(caller, id).await?;
        let Some(live) = view.live else {
            return Ok(view);
        };
        let mut changes = live.watch();
        let waiting = changes.wait_for(|snapshot| match (snapshot, until) {
            (None, _) => true,
            (Some(job), _) if job.is_terminal() => true,
            (Some(_), WaitFor::Terminal) => false,
            (Some(job), WaitFor::ChangeFrom(version)) => job.version != version,
        });
        let mut stopping = self.stopping.subscribe();
        tokio::select! {
            // A sender that is gone leaves the snapshot to be looked at.
            _ = waiting => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = tokio::time::sleep(timeout) => {}
        }
        self.touched(self.find(id.seq()).await?)
    }

    /// Asks a job to stop. It is canceled once its attempt has stopped and what that left outside the database is gone.
    ///
    /// # Errors
    /// [`store::Error::Illegal`] if it has ended otherwise, or is putting what it made into its place; [`store::Error::NotFound`].
    pub(crate) async fn cancel(&self, caller: &Caller, id: JobId) -> Result<View, store::Error> {
        self.get(caller, id).await?;
        let job = self.store.record(id.seq(), Event::Cancel).await?;
        Ok(self
            .job_cache
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
    pub(crate) async fn delete(
        &self,
        caller: &Caller,
        id: JobId,
    ) -> Result<Arc<Job>, store::Error> {
        let view = self.get(caller, id).await?;
        self.store.record(id.seq(), Event::Delete).await?;
        Ok(view.job)
    }

    /// A page of the caller's jobs, newest first; counts as no use of them. It may end before `limit` where the jobs take
    /// much memory.
    ///
    /// # Errors
    /// What the disk may say.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        filter: Filter,
        limit: usize,
    ) -> Result<Page, store::Error> {
        let Some(owner) = caller.owner() else {
            return Ok(Page::default());
        };
        let filter = Filter { owner, ..filter };
        let statuses = filter.statuses.clone();
        let rows = self.store.list(filter, limit).await?;
        let next = rows.jobs.last().map(|job| job.seq);
        let jobs = rows.jobs.into_iter().map(|row| self.shown(Arc::new(row)));
        let fits = |view: &View| {
            let status = statuses.is_empty() || statuses.contains(&view.job.status());
            status && !self.idle_tracker.has_expired(&view.job)
        };
        Ok(Page {
            jobs: jobs.filter(fits).collect(),
            next: next.filter(|_| rows.has_more),
        })
    }

    /// What the job was last shown as, if that was this version in the form `variant`.
    pub(crate) fn rendered(view: &View, variant: &str) -> Option<Bytes> {
        let live = view.live.as_ref()?;
        live.rendered().get(view.job.version, variant)
    }

    /// Keeps what the job was shown as in the form `variant`, if it is in memory.
    pub(crate) fn keep_rendered(&self, view: &View, variant: &str, bytes: &Bytes) {
        if let Some(live) = &view.live {
            self.job_cache
                .keep_rendered(live, view.job.version, variant, bytes);
        }
    }

    /// A job as it came from the disk, with what is newer in memory.
    pub(in crate::engine) fn shown(&self, job: Arc<Job>) -> View {
        match self.job_cache.get(job.seq) {
            Some((live, job)) => View {
                job,
                live: Some(live),
            },
            None => View { job, live: None },
        }
    }

    /// Every job of the caller's that has not ended, in order of submission.
    pub(crate) fn active(&self, caller: &Caller) -> Vec<View> {
        let active = self.job_cache.active().into_iter();
        active
            .filter(|(_, job)| caller.sees(job))
            .map(|(live, job)| View {
                job,
                live: Some(live),
            })
            .collect()
    }

    /// Follows the changes of all jobs of the caller's from now on.
    pub(crate) fn subscribe(&self, caller: &Caller) -> Subscriber {
        self.job_feed.subscribe(caller)
    }

    /// A job as it is, which counts as no use of it; none if it is gone.
    pub(crate) async fn peek(&self, caller: &Caller, seq: Seq) -> Option<View> {
        let view = self.find(seq).await.ok()?;
        (caller.sees(&view.job) && !self.idle_tracker.has_expired(&view.job)).then_some(view)
    }

    /// The params of a job as JSON.
    ///
    /// # Errors
    /// What the disk may say.
    pub(crate) async fn params(&self, job: &Job) -> Result<Arc<str>, store::Error> {
        if let Params::Inline(params) = &job.params {
            return Ok(Arc::clone(params));
        }
        let (store, params) = (Arc::clone(&self.store), job.params.clone());
        let read = tokio::task::spawn_blocking(move || store.params(&params)).await;
        read.map_err(|e| store::Error::Database(e.to_string()))?
    }
}
