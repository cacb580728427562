//! Reads, waits, lists, cancels and deletes jobs for a caller.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::engine::caller::Caller;
use crate::engine::error::Error;
use crate::engine::handle::Engine;
use crate::engine::job_feed::Subscriber;
use crate::engine::monitor_token::MonitorKey;
use crate::engine::types::{Page, View, WaitFor};
use crate::job::{Event, Job, JobId, Params, Seq};
use crate::store::Filter;

impl Engine {
    /// The monitor token of a job: an unguessable name that grants read access without authentication.
    pub(crate) fn monitor_token(&self, job: &Job) -> String {
        self.monitor_key.token(job.id)
    }

    /// The job that a monitor token names.
    ///
    /// # Errors
    /// Like [`Engine::get`]; [`Error::NotFound`] also for a token that this server did not make.
    pub(crate) async fn monitored(&self, token: &str) -> Result<View, Error> {
        let seq = MonitorKey::seq(token).ok_or(Error::NotFound)?;
        let view = self.find(seq).await?;
        if self.monitor_key.is_for(token, view.job.id) {
            self.touched(view)
        } else {
            Err(self.hidden(&view).await)
        }
    }

    /// The job with this identifier. Counts as a use of the job.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such job, if it has expired or if the caller may not see it; other errors
    /// if the database cannot be read.
    pub(crate) async fn get(&self, caller: &Caller, id: JobId) -> Result<View, Error> {
        let view = self.find(id.seq()).await?;
        if view.job.id == id && caller.sees(&view.job) {
            self.touched(view)
        } else {
            Err(self.hidden(&view).await)
        }
    }

    /// Like [`Engine::get`], by the job's sequence number.
    ///
    /// # Errors
    /// Like [`Engine::get`].
    pub(crate) async fn at(&self, caller: &Caller, seq: Seq) -> Result<View, Error> {
        let view = self.find(seq).await?;
        if caller.sees(&view.job) {
            self.touched(view)
        } else {
            Err(self.hidden(&view).await)
        }
    }

    /// The error for a job that the caller may not see. A job in memory is looked up on the disk first, as a missing one
    /// would be, so that the response time does not reveal that the job exists.
    pub(in crate::engine) async fn hidden(&self, view: &View) -> Error {
        if view.cached.is_some() {
            // Only the time of the lookup matters.
            let _ = self.store.job(view.job.seq).await;
        }
        Error::NotFound
    }

    /// The job with this sequence number, from memory or from the disk, without a check of the caller.
    pub(in crate::engine) async fn find(&self, seq: Seq) -> Result<View, Error> {
        Ok(match self.job_cache.get(seq) {
            Some((cached, job)) => View {
                job,
                cached: Some(cached),
            },
            None => View {
                job: self.store.job(seq).await?.ok_or(Error::NotFound)?,
                cached: None,
            },
        })
    }

    /// Counts a use of the job and returns it.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the job has expired.
    pub(in crate::engine) fn touched(&self, view: View) -> Result<View, Error> {
        if self.idle_tracker.touch(&view.job) {
            Ok(view)
        } else {
            Err(Error::NotFound)
        }
    }

    /// Like [`Engine::get`], but waits up to `timeout` for the change that `until` describes.
    ///
    /// # Errors
    /// Like [`Engine::get`]; [`Error::NotFound`] also if the job is deleted during the wait.
    pub(crate) async fn wait(
        &self,
        caller: &Caller,
        id: JobId,
        until: WaitFor,
        timeout: Duration,
    ) -> Result<View, Error> {
        let view = self.get(caller, id).await?;
        let Some(cached) = view.cached else {
            return Ok(view);
        };
        let mut changes = cached.watch();
        let waiting = changes.wait_for(|snapshot| match (snapshot, until) {
            (None, _) => true,
            (Some(job), _) if job.is_terminal() => true,
            (Some(_), WaitFor::Terminal) => false,
            (Some(job), WaitFor::ChangeFrom(version)) => job.version != version,
        });
        let mut stopping = self.stopping.subscribe();
        tokio::select! {
            // An error means that the job left memory; it is read again below.
            _ = waiting => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = tokio::time::sleep(timeout) => {}
        }
        self.touched(self.find(id.seq()).await?)
    }

    /// Requests that a job be canceled. It is canceled once its attempt has stopped and the attempt's files are removed.
    ///
    /// # Errors
    /// [`Error::Illegal`] if the job has succeeded or failed, or is finalizing its result; otherwise like
    /// [`Engine::get`].
    pub(crate) async fn cancel(&self, caller: &Caller, id: JobId) -> Result<View, Error> {
        self.get(caller, id).await?;
        let job = self.store.record(id.seq(), Event::Cancel).await?;
        Ok(self
            .job_cache
            .get(id.seq())
            .map_or(View { job, cached: None }, |(cached, job)| View {
                job,
                cached: Some(cached),
            }))
    }

    /// Deletes a job and its result, and stops its attempt. Returns the last state of the job.
    ///
    /// # Errors
    /// Like [`Engine::get`]; other errors if the database cannot be written.
    pub(crate) async fn delete(&self, caller: &Caller, id: JobId) -> Result<Arc<Job>, Error> {
        let view = self.get(caller, id).await?;
        self.store.record(id.seq(), Event::Delete).await?;
        Ok(view.job)
    }

    /// A page of the caller's jobs, newest first. Does not count as a use of them. A page may hold fewer than `limit` jobs
    /// if they take much memory.
    ///
    /// # Errors
    /// An error if the database cannot be read.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        filter: Filter,
        limit: usize,
    ) -> Result<Page, Error> {
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

    /// The cached response body of the job, if it is of this version and of the form `variant`.
    pub(crate) fn rendered(view: &View, variant: &str) -> Option<Bytes> {
        let cached = view.cached.as_ref()?;
        cached.rendered().get(view.job.version, variant)
    }

    /// Caches a response body of the job in the form `variant`, if the job is in memory.
    pub(crate) fn keep_rendered(&self, view: &View, variant: &str, bytes: &Bytes) {
        if let Some(cached) = &view.cached {
            self.job_cache
                .keep_rendered(cached, view.job.version, variant, bytes);
        }
    }

    /// The job from memory if it is there, otherwise as read from the disk.
    pub(in crate::engine) fn shown(&self, job: Arc<Job>) -> View {
        match self.job_cache.get(job.seq) {
            Some((cached, job)) => View {
                job,
                cached: Some(cached),
            },
            None => View { job, cached: None },
        }
    }

    /// All jobs of the caller that have not ended, in order of submission.
    pub(crate) fn active(&self, caller: &Caller) -> Vec<View> {
        let active = self.job_cache.active().into_iter();
        active
            .filter(|(_, job)| caller.sees(job))
            .map(|(cached, job)| View {
                job,
                cached: Some(cached),
            })
            .collect()
    }

    /// Subscribes to changes of all jobs of the caller from now on.
    pub(crate) fn subscribe(&self, caller: &Caller) -> Subscriber {
        self.job_feed.subscribe(caller)
    }

    /// The current state of a job, without counting a use of it. `None` if the job is gone or the caller may not see it.
    pub(crate) async fn peek(&self, caller: &Caller, seq: Seq) -> Option<View> {
        let view = self.find(seq).await.ok()?;
        (caller.sees(&view.job) && !self.idle_tracker.has_expired(&view.job)).then_some(view)
    }

    /// The params of a job as JSON.
    ///
    /// # Errors
    /// An error if the database cannot be read.
    pub(crate) async fn params(&self, job: &Job) -> Result<Arc<str>, Error> {
        if let Params::Inline(params) = &job.params {
            return Ok(Arc::clone(params));
        }
        let (store, params) = (Arc::clone(&self.store), job.params.clone());
        Ok(Self::blocking(move || store.params(&params)).await??)
    }
}
