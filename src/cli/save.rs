//! Results on their way into files: whole, checked, or not at all.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
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
use crate::cli::name::free_name;
use crate::cli::output::{Output, print_line};
use crate::cli::progress::ProgressReporter;
use crate::cli::{EXIT_FAILED, Failure};

/// A connection that brings nothing for so long is given up.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// Saves a job's result under a temporary name beside its own, checks it, and renames it. Without a name of the
/// caller's it gets its own, here; `-` is stdout. Goes on where a connection broke, while there is patience.
pub(super) async fn save(
    client: &Client,
    job: &Value,
    to: Option<&Path>,
    show: &mut ProgressReporter,
) -> Result<(), Failure> {
    let output = &job["output"];
    let mut target = match to {
        Some(path) if path.as_os_str() == "-" => Target::Stdout(Output::new()),
        Some(path) => Target::file(path)?,
        None => Target::file(&free_name(output["filename"].as_str().unwrap_or("result")))?,
    };
    show.begin_transfer("Saving", output["size"].as_u64().unwrap_or_default());
    let path = format!("/v1/downloads/{}", job["id"].as_str().unwrap_or_default());
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    let mut patience = client.retry_budget();
    let mut tag = None;
    'connections: loop {
        let mut body = match open(client, &path, bytes, &mut tag).await {
            Ok(body) => body,
            Err(error) => {
                patience.bear(error, show).await?;
                continue;
            }
        };
        loop {
            match next(client, &mut body).await {
                Ok(Some(data)) => {
                    patience.renew();
                    digest.update(&data);
                    bytes += data.len() as u64;
                    target.write(&data)?;
                    show.transferred(bytes);
                }
                Ok(None) => break 'connections,
                Err(error) => {
                    patience.bear(error, show).await?;
                    continue 'connections;
                }
            }
        }
    }
    if output["sha256"].as_str() != Some(&hex::encode(digest.finalize())) {
        return Err(Failure::new(
            EXIT_FAILED,
            "the result was damaged on its way; nothing was saved",
        ));
    }
    show.end();
    target.finish()
}

/// The result's bytes, from one of them on. `tag` is what it was when it began, and must be still.
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

/// The next bytes; none at the end.
async fn next(client: &Client, body: &mut Incoming) -> Result<Option<Bytes>, Error> {
    loop {
        let frame = tokio::time::timeout(IDLE_TIME, body.frame()).await;
        let frame = frame.map_err(|_| client.lost("the result has stopped coming"))?;
        let Some(frame) = frame else { return Ok(None) };
        if let Ok(data) = frame.map_err(|error| client.lost(error))?.into_data() {
            return Ok(Some(data));
        }
    }
}

/// Where a result goes.
enum Target {
    Stdout(Output),
    File {
        temporary: NamedTempFile,
        path: PathBuf,
    },
}

impl Target {
    fn file(path: &Path) -> Result<Self, Failure> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let temporary = NamedTempFile::new_in(folder).map_err(|e| unsaved(path, &e))?;
        Ok(Self::File {
            temporary,
            path: path.to_owned(),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Stdout(output) => Ok(output.write(bytes)?),
            Self::File { temporary, path } => {
                temporary.write_all(bytes).map_err(|e| unsaved(path, &e))
            }
        }
    }

    /// Gives the file its name, once it is whole and on the disk; says the name on stdout.
    fn finish(self) -> Result<(), Failure> {
        let (temporary, path) = match self {
            Self::Stdout(output) => return Ok(output.end()?),
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
            .map_err(|error| error.after(format_args!("the result is saved as {path}")))
    }
}

fn unsaved(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        EXIT_FAILED,
        format!("the result cannot be saved as {}: {error}", path.display()),
    )
}

/// A temporary file is its owner's alone; what it becomes is as readable as any new file.
fn give_usual_mode(file: &File) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mask = rustix::process::umask(rustix::fs::Mode::empty());
        rustix::process::umask(mask);
        file.set_permissions(std::fs::Permissions::from_mode(0o666 & !mask.bits()))?;
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}
