//! Results on their way into files: whole, checked, or not at all.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use http_body_util::BodyExt;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::client::{Client, failed};
use super::progress::Show;
use super::{EXIT_FAILED, Failure};

/// Saves a job's result under a temporary name beside its own, checks it, and renames it. Without a name of the
/// caller's it gets its own, here; `-` is stdout.
pub(super) async fn save(
    client: &Client,
    job: &Value,
    to: Option<&Path>,
    show: &mut Show,
) -> Result<(), Failure> {
    let output = &job["output"];
    let mut target = match to {
        Some(path) if path.as_os_str() == "-" => Target::Stdout,
        Some(path) => Target::file(path)?,
        None => Target::file(&free_name(output["filename"].as_str().unwrap_or("result")))?,
    };
    show.begin_download(output["size"].as_u64().unwrap_or_default());
    let path = format!("/v1/downloads/{}", job["id"].as_str().unwrap_or_default());
    let mut body = client.bytes(&path).await?.into_body();
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(failed)?.into_data() else {
            continue;
        };
        digest.update(&data);
        bytes += data.len() as u64;
        target.write(&data)?;
        show.downloaded(bytes);
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

/// Where a result goes.
enum Target {
    Stdout,
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
            Self::Stdout => std::io::stdout()
                .write_all(bytes)
                .map_err(|e| unsaved(Path::new("stdout"), &e)),
            Self::File { temporary, path } => {
                temporary.write_all(bytes).map_err(|e| unsaved(path, &e))
            }
        }
    }

    /// Gives the file its name, once it is whole and on the disk; says the name on stdout.
    fn finish(self) -> Result<(), Failure> {
        let Self::File { temporary, path } = self else {
            return std::io::stdout()
                .flush()
                .map_err(|e| unsaved(Path::new("stdout"), &e));
        };
        give_usual_mode(temporary.as_file()).map_err(|e| unsaved(&path, &e))?;
        temporary
            .as_file()
            .sync_all()
            .map_err(|e| unsaved(&path, &e))?;
        temporary
            .persist(&path)
            .map_err(|e| unsaved(&path, &e.error))?;
        println!("{}", path.display());
        Ok(())
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

/// A name that is not taken: `name (1).ext` where `name.ext` is.
fn free_name(name: &str) -> PathBuf {
    let plain = Path::new(Path::new(name).file_name().unwrap_or(name.as_ref()));
    let (stem, extension) = (plain.file_stem().unwrap_or_default(), plain.extension());
    let numbered = (1..).map(|n| {
        let mut name = stem.to_owned();
        name.push(format!(" ({n})"));
        let name = PathBuf::from(name);
        extension.map_or(name.clone(), |extension| {
            name.with_added_extension(extension)
        })
    });
    let mut names = std::iter::once(plain.to_owned()).chain(numbered);
    names
        .find(|name| !name.exists())
        .expect("there are more numbers than files")
}
