//! Maintenance of a database, possibly while a server uses it: checking and copying.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::chunks::chunk_id;
use super::rows;
use super::schema::{plain_connection, reading_connection, recognise};
use super::{Error, OpenError, wal};
use crate::data_dir;
use crate::job::{BlobId, Job, Seq};

/// The result of a check.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Number of results, uploads, params and logs that are intact.
    pub blobs: u64,
    /// Their total length in bytes.
    pub bytes: u64,
    /// The problems found, one per line.
    pub faults: Vec<String>,
}

/// Maximum number of reported problems.
const FAULTS: usize = 100;

/// Checks the structure of the database, and the length and SHA-256 of every blob that a job owns. Writes nothing. Each
/// read transaction is short, except that of the structure.
///
/// # Errors
/// [`OpenError`] if there is no Cloakroom database to check.
pub(crate) fn check(data: &Path) -> Result<Findings, OpenError> {
    let path = find(data)?;
    let connection = reading_connection(&path)?;
    let mut findings = Findings::default();
    let outcome = structure(&connection, &mut findings)
        .and_then(|()| missing_blobs(&connection, &mut findings))
        .and_then(|()| contents(&connection, &mut findings));
    if let Err(error) = outcome {
        findings
            .faults
            .push(format!("the check stopped early: {error}"));
    }
    Ok(findings)
}

fn structure(connection: &Connection, findings: &mut Findings) -> Result<(), Error> {
    let mut statement = connection.prepare(&format!("pragma integrity_check({FAULTS})"))?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    for line in lines {
        let line = line?;
        if line != "ok" {
            findings.faults.push(line);
        }
    }
    Ok(())
}

/// Finds blobs that jobs name but that do not exist.
fn missing_blobs(connection: &Connection, findings: &mut Findings) -> Result<(), Error> {
    for what in ["params_blob", "result_blob", "log_blob"] {
        let query = format!(
            "select seq from job where {what} is not null and {what} not in (select id from blob) limit {FAULTS}"
        );
        let mut statement = connection.prepare(&query)?;
        let jobs = statement.query_map([], |row| row.get(0).map(Seq))?;
        for seq in jobs {
            if let Some(job) = rows::select(connection, seq?)? {
                findings
                    .faults
                    .push(format!("job {}: its {what} is missing", job.id));
            }
        }
    }
    Ok(())
}

/// A blob that belongs to a job.
struct Owned {
    blob: BlobId,
    owner: Seq,
    size: u64,
    sha256: Option<Vec<u8>>,
}

fn contents(connection: &Connection, findings: &mut Findings) -> Result<(), Error> {
    let mut last = BlobId(0);
    while let Some(owned) = next(connection, last)? {
        last = owned.blob;
        let (size, sha256) = measure(connection, owned.blob)?;
        let job = rows::select(connection, owned.owner)?;
        let is_right = size == owned.size
            && owned
                .sha256
                .as_ref()
                .is_none_or(|expected| *expected == sha256)
            && promised(job.as_ref(), owned.blob).is_none_or(|text| text == hex::encode(&sha256));
        if is_right {
            findings.blobs += 1;
            findings.bytes += size;
        } else if next(connection, BlobId(last.0 - 1))?.is_some_and(|now| now.blob == last) {
            // Otherwise the blob was deleted meanwhile.
            let whose = job.map_or_else(|| "no job".to_owned(), |job| format!("job {}", job.id));
            findings.faults.push(format!(
                "blob {} of {whose}: its content is not what was stored",
                last.0
            ));
        }
        if findings.faults.len() >= FAULTS {
            break;
        }
    }
    Ok(())
}

/// The digest of this blob that the job's clients see.
fn promised(job: Option<&Job>, blob: BlobId) -> Option<&str> {
    let output = job?.output()?;
    (output.blob() == Some(blob)).then_some(output.sha256.as_str())
}

fn next(connection: &Connection, last: BlobId) -> Result<Option<Owned>, Error> {
    let query = "select id, owner, size, sha256 from blob where owner is not null and id > ? order by id limit 1";
    let mut statement = connection.prepare_cached(query)?;
    let owned = statement.query_row([last.0], |row| {
        Ok(Owned {
            blob: BlobId(row.get(0)?),
            owner: Seq(row.get(1)?),
            size: row.get::<_, i64>(2)?.unsigned_abs(),
            sha256: row.get(3)?,
        })
    });
    Ok(owned.optional()?)
}

/// The length and digest of the stored chunks.
fn measure(connection: &Connection, blob: BlobId) -> Result<(u64, Vec<u8>), Error> {
    let mut statement = connection.prepare_cached("select data from blob_chunk where id = ?")?;
    let (mut size, mut digest) = (0, Sha256::new());
    for number in 0.. {
        let chunk = statement.query_row(params![chunk_id(blob, number)], |row| {
            row.get::<_, Vec<u8>>(0)
        });
        let Some(chunk) = chunk.optional()? else {
            break;
        };
        size += chunk.len() as u64;
        digest.update(&chunk);
    }
    Ok((size, digest.finalize().to_vec()))
}

/// Copies the database to `to` as of one moment, readable only by its owner. The copy has a temporary name until all of it
/// is on disk, and then replaces an existing file at `to`.
///
/// # Errors
/// [`OpenError`] if there is no Cloakroom database, or the copy fails, for example for lack of space; `to` is unchanged then.
pub(crate) fn backup(data: &Path, to: &Path) -> Result<(), OpenError> {
    let path = find(data)?;
    let io_error = |source| OpenError::Io {
        path: to.to_owned(),
        source,
    };
    let folder = match to.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let inside = folder
        .canonicalize()
        .map_err(io_error)?
        .starts_with(data.canonicalize().map_err(io_error)?);
    if inside {
        return Err(io_error(io::Error::other(
            "the backup cannot be stored inside the data folder",
        )));
    }
    let draft = tempfile::Builder::new()
        .prefix(".cloakroom-backup-")
        .tempdir_in(folder)
        .map_err(io_error)?;
    let copy = draft.path().join(data_dir::DATABASE);
    let failed = |source| OpenError::Sqlite {
        path: to.to_owned(),
        source,
    };
    let connection = reading_connection(&path)?;
    // `query_only` refuses `vacuum into` too, although that does not change the database.
    connection
        .pragma_update(None, "query_only", false)
        .map_err(failed)?;
    let name = copy.to_str().ok_or_else(|| {
        io_error(io::Error::other(
            "the path of the temporary copy is not UTF-8",
        ))
    })?;
    connection
        .execute("vacuum into ?", [name])
        .map_err(failed)?;
    let copied = plain_connection(&copy)?;
    copied
        .pragma_update(None, "journal_mode", "wal")
        .map_err(failed)?;
    copied.close().map_err(|(_, source)| failed(source))?;
    let publish = || {
        let file = File::open(&copy)?;
        // The copy is as confidential as the data folder.
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        file.sync_all()?;
        fs::rename(&copy, to)?;
        data_dir::sync_dir(folder)
    };
    publish().map_err(io_error)
}

/// The path of the database below `data`, if it is Cloakroom's.
fn find(data: &Path) -> Result<PathBuf, OpenError> {
    let path = data.join(data_dir::DATABASE);
    let io_error = |source| OpenError::Io {
        path: path.clone(),
        source,
    };
    let mut file = File::open(&path).map_err(io_error)?;
    recognise(&path, &mut file)?;
    wal::recognise(&path)?;
    Ok(path)
}
