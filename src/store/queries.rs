//! Reads from the database; none of them waits for the writer.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::file_format::PAGE_BYTES;
use super::rows::{COLUMNS, read};
use super::{DueJob, Error, Filter, Owner, Rows, Store, StoreStats};
use crate::job::{IdleMs, Job, Params, Seq};

/// Maximum memory that the jobs of one list may use, in bytes.
const ROWS_BYTES: usize = 2 << 20;

impl Store {
    /// A job by its sequence number, from the database.
    ///
    /// # Errors
    /// An error of the database.
    pub(crate) async fn job(&self, seq: Seq) -> Result<Option<Arc<Job>>, Error> {
        let job = self.point_reads.job(seq).await?;
        Ok(job.filter(|job| !job.delete_requested))
    }

    /// The params of a job. Blocks on the disk if they are stored as a blob.
    ///
    /// # Errors
    /// An error of the database.
    pub(crate) fn params(&self, params: &Params) -> Result<Arc<str>, Error> {
        match params {
            Params::Inline(text) => Ok(Arc::clone(text)),
            Params::Blob(blob) => {
                let bytes = self.read_blob(*blob).read_all()?;
                let text = String::from_utf8(bytes).map_err(|e| Error::Database(e.to_string()))?;
                Ok(text.into())
            }
        }
    }

    /// What the latest attempt of a job was about to do. Blocks on the disk.
    ///
    /// # Errors
    /// An error of the database.
    pub(crate) fn intent(&self, seq: Seq) -> Result<Option<String>, Error> {
        self.readers
            .read(|connection| select_intent(connection, seq))
    }

    /// Up to `most` ended jobs that are due at `now`, ordered by due time. Jobs that have not ended are never due.
    ///
    /// # Errors
    /// An error of the database.
    pub(crate) async fn due(&self, now: IdleMs, most: usize) -> Result<Vec<DueJob>, Error> {
        self.read(move |connection| select_due(connection, now, most))
            .await
    }

    /// Up to `most` jobs that match the filter, newest first; fewer if they are large.
    ///
    /// # Errors
    /// An error of the database.
    pub(crate) async fn list(&self, filter: Filter, most: usize) -> Result<Rows, Error> {
        self.read(move |connection| select_page(connection, &filter, most))
            .await
    }

    /// When the next ended job is due, if there is one.
    ///
    /// # Errors
    /// An error of the database.
    pub(crate) async fn next_due(&self) -> Result<Option<IdleMs>, Error> {
        self.read(select_next_due).await
    }

    /// When the first callback that is not yet due at `now` becomes due, if there is one.
    ///
    /// # Errors
    /// An error of the database.
    pub(crate) async fn next_callback_due(&self, now: IdleMs) -> Result<Option<IdleMs>, Error> {
        self.read(move |connection| select_next_callback_due(connection, now))
            .await
    }

    /// Current statistics. Does not wait for the writer.
    ///
    /// # Errors
    /// An error of the database.
    pub(crate) async fn stats(&self) -> Result<StoreStats, Error> {
        let disk = Arc::clone(&self.disk);
        self.read(move |connection| {
            Ok(StoreStats {
                free_inside: number(connection, "pragma freelist_count")? * PAGE_BYTES,
                pending_callbacks: number(
                    connection,
                    "select count(*) from job where callback_due is not null",
                )?,
                ..disk.stats()
            })
        })
        .await
    }

    /// Runs a query on a blocking thread.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let readers = self.readers.clone();
        let read = move || readers.read(query);
        tokio::task::spawn_blocking(read).await?
    }
}

/// Up to `most` ended jobs that are due at `now`.
fn select_due(connection: &Connection, now: IdleMs, most: usize) -> Result<Vec<DueJob>, Error> {
    let query = "select seq, operation, due from job where due <= ? and callback_due is null order by due, seq limit ?";
    let mut statement = connection.prepare_cached(query)?;
    let due = statement.query_map(params![now.0, most as i64], |row| {
        Ok(DueJob {
            seq: Seq(row.get(0)?),
            operation: row.get(1)?,
            since: IdleMs(row.get(2)?),
        })
    })?;
    Ok(due.collect::<Result<_, _>>()?)
}

/// Up to `most` jobs that match the filter, newest first, until their size in memory exceeds [`ROWS_BYTES`].
fn select_page(connection: &Connection, filter: &Filter, most: usize) -> Result<Rows, Error> {
    let mut query =
        format!("select {COLUMNS} from job where delete_requested = 0 and seq < :before");
    let mut before = filter.before.map_or(i64::MAX, |seq| seq.0);
    let from;
    let one_more = most as i64 + 1;
    let mut values: Vec<(&str, &dyn ToSql)> = Vec::new();
    if let Some((lowest, highest)) = filter.ids {
        from = first_seq(connection, |id| id >= lowest.to_bytes())?;
        before = before.min(first_seq(connection, |id| id > highest.to_bytes())?);
        query.push_str(" and seq >= :from");
        values.push((":from", &from));
    }
    values.extend([(":before", &before as &dyn ToSql), (":one_more", &one_more)]);
    if let Some(operation) = &filter.operation {
        query.push_str(" and operation = :operation");
        values.push((":operation", operation));
    }
    match &filter.owner {
        Owner::Any => {}
        Owner::Without => query.push_str(" and token is null"),
        Owner::Token(name) => {
            query.push_str(" and token = :token");
            values.push((":token", name));
        }
    }
    if !filter.statuses.is_empty() {
        let words: Vec<_> = filter
            .statuses
            .iter()
            .map(|status| format!("'{}'", status.as_str()))
            .collect();
        query.push_str(&format!(" and state in ({})", words.join(", ")));
    }
    query.push_str(" order by seq desc limit :one_more");
    let mut statement = connection.prepare_cached(&query)?;
    let mut rows = statement.query(&*values)?;
    let (mut page, mut weight) = (Rows::default(), 0);
    while let Some(row) = rows.next()? {
        if page.jobs.len() == most || weight >= ROWS_BYTES {
            page.has_more = true;
            break;
        }
        let job = read(row)?;
        weight += job.weight();
        page.jobs.push(job);
    }
    Ok(page)
}

/// The first sequence number that only jobs with a high identifier have; later jobs have higher identifiers. A binary search,
/// since identifiers have no index.
fn first_seq(connection: &Connection, is_high: impl Fn([u8; 16]) -> bool) -> Result<i64, Error> {
    let mut newest = connection.prepare_cached("select max(seq) from job")?;
    let newest: Option<i64> = newest.query_row([], |row| row.get(0))?;
    let (mut low, mut high) = (0, newest.unwrap_or_default() + 1);
    let mut next =
        connection.prepare_cached("select seq, id from job where seq >= ? order by seq limit 1")?;
    while low < high {
        let middle = low + (high - low) / 2;
        let found = next.query_row([middle], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 16]>(1)?))
        });
        match found.optional()? {
            Some((seq, id)) if !is_high(id) => low = seq + 1,
            _ => high = middle,
        }
    }
    Ok(high)
}

/// When the next ended job is due.
fn select_next_due(connection: &Connection) -> Result<Option<IdleMs>, Error> {
    let mut statement = connection.prepare_cached(
        "select min(due) from job where due is not null and callback_due is null",
    )?;
    Ok(statement
        .query_row([], |row| row.get::<_, Option<i64>>(0))?
        .map(IdleMs))
}

/// When the first callback that is not yet due at `now` becomes due.
fn select_next_callback_due(connection: &Connection, now: IdleMs) -> Result<Option<IdleMs>, Error> {
    let query = "select min(callback_due) from job where callback_due > ?";
    let mut statement = connection.prepare_cached(query)?;
    let due = statement.query_row([now.0], |row| row.get::<_, Option<i64>>(0))?;
    Ok(due.map(IdleMs))
}

/// What the latest attempt recorded that it was about to do.
fn select_intent(connection: &Connection, seq: Seq) -> Result<Option<String>, Error> {
    let mut statement = connection.prepare_cached("select intent from job where seq = ?")?;
    let intent = statement.query_row([seq.0], |row| row.get(0)).optional()?;
    Ok(intent.flatten())
}

fn number(connection: &Connection, query: &str) -> Result<u64, Error> {
    let mut statement = connection.prepare_cached(query)?;
    let number: i64 = statement.query_row([], |row| row.get(0))?;
    Ok(number.unsigned_abs())
}
