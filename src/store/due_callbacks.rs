//! Callbacks that are due, grouped by receiving origin: one query per origin, however many of its callbacks are due.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::{Error, Store};
use crate::job::{IdleMs, Seq};

/// The origin after a given one, and when its first callback is due.
const NEXT_ORIGIN: &str = "select callback_origin, callback_due from job \
     where callback_due is not null and callback_origin > ? order by callback_origin, callback_due limit 1";
/// The first origin, and when its first callback is due.
const FIRST_ORIGIN: &str = "select callback_origin, callback_due from job \
     where callback_due is not null and callback_origin >= ? order by callback_origin, callback_due limit 1";

const DUE_AT: &str = "select seq from job where callback_origin = ? and callback_due <= ? and delete_requested = 0 \
     order by callback_due, seq limit ?";

/// Ended jobs with a callback to the same origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DueAt {
    /// The receiving origin.
    pub origin: Arc<str>,
    /// The jobs, ordered by due time; never empty.
    pub seqs: Vec<Seq>,
}

/// Due callbacks of a range of origins.
#[derive(Debug, Default)]
pub(crate) struct DueAfter {
    /// The due callbacks, in order of their origins.
    pub due: Vec<DueAt>,
    /// The origin examined last; `None` if there are no more.
    pub last: Option<Arc<str>>,
}

/// Limits of a search for due callbacks.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Origins to skip.
    pub passed_over: HashSet<Arc<str>>,
    /// Maximum number of jobs per origin.
    pub per_origin: usize,
    /// Maximum number of origins with a due callback.
    pub due_origins: usize,
    /// Maximum number of origins to examine.
    pub origins: usize,
}

impl Store {
    /// Up to `per_origin` jobs of each of these origins whose callback is due at `now`.
    ///
    /// # Errors
    /// [`Error`] where the database cannot be read.
    pub(crate) async fn due_at(
        &self,
        now: IdleMs,
        origins: Vec<Arc<str>>,
        per_origin: usize,
    ) -> Result<Vec<DueAt>, Error> {
        self.read(move |connection| {
            let due = origins
                .into_iter()
                .map(|origin| select(connection, now, origin, per_origin));
            let due: Result<Vec<_>, Error> = due.collect();
            Ok(due?.into_iter().flatten().collect())
        })
        .await
    }

    /// Due callbacks of the origins after `after`, or of the first ones.
    ///
    /// # Errors
    /// [`Error`] where the database cannot be read.
    pub(crate) async fn due_after(
        &self,
        now: IdleMs,
        after: Option<Arc<str>>,
        wanted: Wanted,
    ) -> Result<DueAfter, Error> {
        self.read(move |connection| {
            let mut found = DueAfter {
                due: Vec::new(),
                last: after,
            };
            for _ in 0..wanted.origins {
                if found.due.len() >= wanted.due_origins {
                    break;
                }
                let Some((origin, first)) = next_origin(connection, found.last.as_deref())? else {
                    found.last = None;
                    return Ok(found);
                };
                found.last = Some(Arc::clone(&origin));
                if first <= now && !wanted.passed_over.contains(&origin) {
                    found
                        .due
                        .extend(select(connection, now, origin, wanted.per_origin)?);
                }
            }
            Ok(found)
        })
        .await
    }
}

fn next_origin(
    connection: &Connection,
    after: Option<&str>,
) -> Result<Option<(Arc<str>, IdleMs)>, Error> {
    let query = if after.is_some() {
        NEXT_ORIGIN
    } else {
        FIRST_ORIGIN
    };
    let mut statement = connection.prepare_cached(query)?;
    let row = statement.query_row([after.unwrap_or_default()], |row| {
        Ok((row.get(0)?, IdleMs(row.get(1)?)))
    });
    Ok(row.optional()?)
}

fn select(
    connection: &Connection,
    now: IdleMs,
    origin: Arc<str>,
    most: usize,
) -> Result<Option<DueAt>, Error> {
    let mut statement = connection.prepare_cached(DUE_AT)?;
    let rows = statement.query_map(params![&*origin, now.0, most as i64], |row| {
        row.get(0).map(Seq)
    })?;
    let seqs: Vec<_> = rows.collect::<Result<_, _>>()?;
    Ok((!seqs.is_empty()).then_some(DueAt { origin, seqs }))
}
