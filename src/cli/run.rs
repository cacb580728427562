//! `cloakroom run`: a server of its own on loopback, one job through HTTP, its result saved.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http_body_util::BodyExt;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::sync::watch;

use super::client::{Client, failed};
use super::params::params;
use super::progress::Show;
use super::signals::Signals;
use super::{EXIT_FAILED, EXIT_USAGE, Failure, serve};
use crate::config::Config;
use crate::http::App;
use crate::roots::RootSpec;
use crate::tokens::Tokens;

/// How long a job that was canceled gets to stop.
const STOP_TIME: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(super) struct Run {
    /// What to do: the name of an operation.
    operation: String,
    /// The operation's params. A name that comes twice is a list.
    #[arg(value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// A document for the operation. Repeatable.
    #[arg(short, long, value_name = "NAME=FILE")]
    input: Vec<String>,
    /// Where to save the result; "-" for stdout [default: the result's own name, here].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Keep the server's data there; it is temporary otherwise.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Show no progress.
    #[arg(short, long)]
    quiet: bool,
}

impl Run {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let signals = Signals::new()
            .map_err(|e| Failure::new(EXIT_FAILED, format!("cannot handle signals: {e}")))?;
        let temporary = match self.data {
            Some(_) => None,
            None => Some(
                tempfile::tempdir()
                    .map_err(|e| Failure::new(EXIT_FAILED, format!("no temporary folder: {e}")))?,
            ),
        };
        let data = match (&self.data, &temporary) {
            (Some(data), _) => data.clone(),
            (None, Some(folder)) => folder.path().join("data"),
            (None, None) => unreachable!("there is a temporary folder where no other was named"),
        };
        let config = Config {
            data,
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 0)).into()],
            // Ordinary paths: the whole file system is the one root.
            roots: vec![RootSpec {
                name: None,
                path: file_system_root()?,
                read_only: false,
            }],
            ..Config::default()
        };
        let engine = serve::start(&config).await?;
        let server = serve::bind(&config, &engine).await?;
        let address = server.addresses().ok().and_then(|all| all.first()?.tcp());
        let address = address.ok_or_else(|| failed("it has no address"))?;
        let (_stop, stopped) = watch::channel(false);
        let app = Arc::new(App::new(
            Arc::clone(&engine),
            &config,
            Arc::new(Tokens::none()),
        ));
        let limits = config.limits.clone();
        let serving = tokio::spawn(async move { server.serve(app, &limits, stopped).await });
        let result = self.one_job(&Client::new(address), signals).await;
        serving.abort();
        engine.drain(Duration::ZERO).await;
        result
    }

    async fn one_job(&self, client: &Client, mut signals: Signals) -> Result<(), Failure> {
        let path = format!("/v1/operations/{}", self.operation);
        let (operation, _) = match client.json(Method::GET, &path, &[], None).await {
            Err(unknown) if unknown.code == EXIT_USAGE => {
                return Err(self.unknown_operation(client).await);
            }
            found => found?,
        };
        let params = params(&self.params, &self.input, &operation["params"])?;
        let (mut job, mut tag) = client.json(Method::POST, &path, &[], Some(&params)).await?;
        let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap_or_default());
        let mut show = Show::new(self.quiet);
        while job["finishedAt"].is_null() {
            let seen = tag.clone().unwrap_or_default();
            let (wait, headers) = (
                format!("{path}?wait=20s"),
                [("if-none-match", seen.as_str())],
            );
            tokio::select! {
                news = client.json(Method::GET, &wait, &headers, None) => {
                    let (news, new_tag) = news?;
                    tag = new_tag;
                    if !news.is_null() {
                        job = news;
                    }
                }
                () = signals.next() => {
                    show.end();
                    return Err(canceled(client, &path).await);
                }
            }
            if job["error"].is_null() {
                show.job(&job);
            }
        }
        let saved = match job["status"].as_str() {
            Some("succeeded") => {
                tokio::select! {
                    saved = self.save(client, &job, &mut show) => saved,
                    () = signals.next() => Err(Failure::new(EXIT_FAILED, "interrupted; nothing was saved")),
                }
            }
            _ => Err(job_failed(&job)),
        };
        show.end();
        saved
    }

    async fn unknown_operation(&self, client: &Client) -> Failure {
        let names: Vec<String> = match client.json(Method::GET, "/v1/operations", &[], None).await {
            Ok((all, _)) => all["operations"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|operation| operation["name"].as_str().map(str::to_owned))
                .collect(),
            Err(failure) => return failure,
        };
        let message = format!(
            "there is no operation {:?}; there are: {}",
            self.operation,
            names.join(", ")
        );
        Failure::new(EXIT_USAGE, message)
    }

    /// Saves the result under a temporary name beside its own, checks it, and renames it.
    async fn save(&self, client: &Client, job: &Value, show: &mut Show) -> Result<(), Failure> {
        let output = &job["output"];
        let mut target = match &self.output {
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

fn job_failed(job: &Value) -> Failure {
    let error = &job["error"];
    let message = match (error["code"].as_str(), error["message"].as_str()) {
        (Some(code), Some(message)) => format!("{message} ({code})"),
        _ => format!("the job is {}", job["status"].as_str().unwrap_or("gone")),
    };
    Failure::new(EXIT_FAILED, message)
}

async fn canceled(client: &Client, path: &str) -> Failure {
    let stop = async {
        client
            .json(Method::POST, &format!("{path}/cancel"), &[], None)
            .await?;
        client
            .json(Method::GET, &format!("{path}?wait=5s"), &[], None)
            .await
    };
    // Whether or not it stopped, it is over for whoever asked.
    let _ = tokio::time::timeout(STOP_TIME, stop).await;
    Failure::new(EXIT_FAILED, "canceled; nothing was saved")
}

/// The root of the file system that we are in.
fn file_system_root() -> Result<PathBuf, Failure> {
    let here = std::env::current_dir()
        .map_err(|e| Failure::new(EXIT_USAGE, format!("no current folder: {e}")))?;
    Ok(here.ancestors().last().unwrap_or(Path::new("/")).to_owned())
}
