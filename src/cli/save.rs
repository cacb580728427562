//! Saves results to files: complete and with a matching checksum, or not at all.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::ETAG;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::cli::client::{Client, Error};
use crate::cli::destination::{Destination, folder_of, unsaved};
use crate::cli::output::{Output, print_line};
use crate::cli::progress::ProgressReporter;
use crate::cli::{EXIT_FAILED, Failure};

/// Longest time without data before a connection counts as lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Saves a job's result: writes it to a temporary file in the target's folder, checks its SHA-256 and renames it. A broken
/// download is resumed within the client's retry budget.
///
/// # Errors
/// The result cannot be downloaded or written, or its checksum does not match.
pub(super) async fn save(
    client: &Client,
    job: &Value,
    destination: &Destination,
    progress: &mut ProgressReporter,
) -> Result<(), Failure> {
    let output = &job["output"];
    let name = output["filename"].as_str().unwrap_or("result");
    let mut target = match destination.path(name) {
        None => Target::Stdout(Output::new()),
        Some(path) if destination.is_device() => Target::device(path)?,
        Some(path) => Target::file(path)?,
    };
    progress.begin_transfer("Saving", output["size"].as_u64().unwrap_or_default());
    let path = format!("/v1/downloads/{}", job["id"].as_str().unwrap_or_default());
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    let mut budget = client.retry_budget();
    let mut tag = None;
    'connections: loop {
        let mut body = match open(client, &path, bytes, &mut tag).await {
            Ok(body) => body,
            Err(error) => {
                budget.wait(error, progress).await?;
                continue;
            }
        };
        loop {
            match next(client, &mut body).await {
                Ok(Some(data)) => {
                    budget.renew();
                    digest.update(&data);
                    bytes += data.len() as u64;
                    target.write(&data)?;
                    progress.transferred(bytes);
                }
                Ok(None) => break 'connections,
                Err(error) => {
                    budget.wait(error, progress).await?;
                    continue 'connections;
                }
            }
        }
    }
    if output["sha256"].as_str() != Some(&hex::encode(digest.finalize())) {
        return Err(Failure::new(
            EXIT_FAILED,
            "the result was damaged in transit (SHA-256 mismatch); nothing was saved",
        ));
    }
    progress.end();
    target.finish()
}

/// Opens the download at the offset `from`. `tag` is the ETag of the first response; a resumed download must have the same.
async fn open(
    client: &Client,
    path: &str,
    from: u64,
    tag: &mut Option<String>,
) -> Result<Incoming, Error> {
    let range = format!("bytes={from}-");
    let response = match tag {
        Some(tag) if from > 0 => {
            let headers = [("range", range.as_str()), ("if-match", tag.as_str())];
            client
                .bytes(path, &headers, StatusCode::PARTIAL_CONTENT)
                .await?
        }
        _ => client.bytes(path, &[], StatusCode::OK).await?,
    };
    if from == 0 {
        let text = response
            .headers()
            .get(ETAG)
            .and_then(|tag| tag.to_str().ok());
        *tag = text.map(str::to_owned);
    }
    Ok(response.into_body())
}

/// The next bytes, or `None` at the end.
async fn next(client: &Client, body: &mut Incoming) -> Result<Option<Bytes>, Error> {
    loop {
        let frame = tokio::time::timeout(IDLE_TIMEOUT, body.frame()).await;
        let frame = frame.map_err(|_| client.lost("no data for 30 seconds"))?;
        let Some(frame) = frame else { return Ok(None) };
        if let Ok(data) = frame.map_err(|error| client.lost(error))?.into_data() {
            return Ok(Some(data));
        }
    }
}

/// The destination of a result.
enum Target {
    Stdout(Output),
    Device(File, PathBuf),
    File {
        temporary: NamedTempFile,
        path: PathBuf,
    },
}

impl Target {
    fn device(path: PathBuf) -> Result<Self, Failure> {
        let file = File::options().write(true).open(&path);
        let file = file.map_err(|e| unsaved(&path, &e))?;
        Ok(Self::Device(file, path))
    }

    fn file(path: PathBuf) -> Result<Self, Failure> {
        let temporary = NamedTempFile::new_in(folder_of(&path)).map_err(|e| unsaved(&path, &e))?;
        Ok(Self::File { temporary, path })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Stdout(output) => Ok(output.write(bytes)?),
            Self::Device(file, path) => file.write_all(bytes).map_err(|e| unsaved(path, &e)),
            Self::File { temporary, path } => {
                temporary.write_all(bytes).map_err(|e| unsaved(path, &e))
            }
        }
    }

    /// Syncs the file to disk, renames it to its final name and prints that name.
    fn finish(self) -> Result<(), Failure> {
        let (temporary, path) = match self {
            Self::Stdout(output) => return Ok(output.end()?),
            Self::Device(_, path) => return Ok(print_line(path.display())?),
            Self::File { temporary, path } => (temporary, path),
        };
        give_usual_mode(temporary.as_file()).map_err(|e| unsaved(&path, &e))?;
        temporary
            .as_file()
            .sync_all()
            .map_err(|e| unsaved(&path, &e))?;
        temporary
            .persist(&path)
            .map_err(|e| unsaved(&path, &e.error))?;
        let path = path.display();
        print_line(&path)
            .map_err(|error| error.after(format_args!("the result was saved as {path}")))
    }
}

/// Gives a temporary file, which is private, the mode that any new file has.
#[allow(
    clippy::useless_conversion,
    reason = "the bits of a mode are a u16 on macOS"
)]
fn give_usual_mode(file: &File) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mask = rustix::process::umask(rustix::fs::Mode::empty());
        rustix::process::umask(mask);
        file.set_permissions(std::fs::Permissions::from_mode(
            0o666 & !u32::from(mask.bits()),
        ))?;
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}
