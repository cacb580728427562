//! The command line: arguments become a [`Config`], the parts are put together, and the end becomes an exit code.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::engine::{Engine, StartError};
use crate::http::{App, Server};
use crate::operations::Registry;
use crate::roots::RootSpec;

/// Usage or configuration.
const EXIT_USAGE: u8 = 2;
/// The data is in use or unusable.
const EXIT_DATA: u8 = 3;
/// Cannot listen.
const EXIT_LISTEN: u8 = 4;

#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take jobs over HTTP, run them, keep their results.
    Serve(Serve),
}

#[derive(clap::Args)]
struct Serve {
    /// The folder of everything that the server writes.
    #[arg(
        long,
        value_name = "DIR",
        env = "CLOAKROOM_DATA",
        default_value = "cloakroom-data"
    )]
    data: PathBuf,
    /// Where to listen; port 0 for any. Repeatable.
    #[arg(
        long,
        value_name = "ADDR",
        env = "CLOAKROOM_LISTEN",
        value_delimiter = ',',
        default_value = "127.0.0.1:7070"
    )]
    listen: Vec<SocketAddr>,
    /// A folder that jobs may use; ":ro" for reading only. Repeatable.
    #[arg(
        long,
        value_name = "[NAME=]PATH[:ro]",
        env = "CLOAKROOM_ROOT",
        value_delimiter = ','
    )]
    root: Vec<RootSpec>,
    /// Jobs in flight at once [default: four per core].
    #[arg(long, value_name = "N", env = "CLOAKROOM_WORKERS", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,
    /// How an ended job is forgotten when nobody has touched it for so long.
    #[arg(long, value_name = "TIME", env = "CLOAKROOM_IDLE_TIMEOUT", default_value = "1h", value_parser = humantime::parse_duration)]
    idle_timeout: Duration,
    /// How long running jobs get at a stop.
    #[arg(long, value_name = "TIME", env = "CLOAKROOM_DRAIN_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration)]
    drain_timeout: Duration,
    /// How to say on stdout where the server listens.
    #[arg(
        long,
        value_name = "FORM",
        env = "CLOAKROOM_ANNOUNCE",
        default_value = "text"
    )]
    announce: Announce,
    /// A name that clients call this server by, besides localhost. Repeatable.
    #[arg(
        long,
        value_name = "NAME",
        env = "CLOAKROOM_HOST",
        value_delimiter = ','
    )]
    host: Vec<String>,
    /// Listen beyond loopback although anybody there may then use the server.
    #[arg(long, env = "CLOAKROOM_INSECURE_NO_TOKEN")]
    insecure_no_token: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Announce {
    Text,
    Json,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter =
        EnvFilter::try_from_env("CLOAKROOM_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    let Command::Serve(serve) = arguments.command;
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(1, &format!("no runtime: {error}")),
    };
    let code = runtime.block_on(serve.run());
    // Reads that a slow disk holds up are not waited for: the store is closed already.
    runtime.shutdown_background();
    code
}

impl Serve {
    async fn run(self) -> ExitCode {
        let announce = self.announce;
        let config = match self.config() {
            Ok(config) => config,
            Err(message) => return fail(EXIT_USAGE, &message),
        };
        let mut signals = match Signals::new() {
            Ok(signals) => signals,
            Err(error) => return fail(1, &format!("cannot handle signals: {error}")),
        };
        // The data first: an address that is taken on data that is in use is the latter's fault.
        let engine = match Engine::start(&config, Registry::built_in()).await {
            Ok(engine) => Arc::new(engine),
            Err(error @ StartError::Root { .. }) => return fail(EXIT_USAGE, &error.to_string()),
            Err(error) => return fail(EXIT_DATA, &error.to_string()),
        };
        let server = match Server::bind(&config.listen).await {
            Ok(server) => server,
            Err((address, error)) => {
                engine.drain(Duration::ZERO).await;
                return fail(EXIT_LISTEN, &format!("cannot listen on {address}: {error}"));
            }
        };
        if let Err(error) = announce.say(&server) {
            tracing::warn!(%error, "nobody reads the announcement");
        }
        let mut fatal = engine.fatal();
        let (stop, stopped) = watch::channel(false);
        let app = Arc::new(App::new(Arc::clone(&engine), &config));
        let limits = config.limits.clone();
        let serving = tokio::spawn(async move { server.serve(app, &limits, stopped).await });
        tokio::select! {
            () = signals.next() => {}
            reason = fatal.wait_for(Option::is_some) => {
                let reason = reason.ok().and_then(|reason| reason.clone()).unwrap_or_default();
                return fail(EXIT_DATA, &format!("the database failed: {reason}"));
            }
        }
        tracing::info!("stopping; a second signal stops at once");
        stop.send_replace(true);
        tokio::select! {
            () = async {
                // A panic there has been reported; the jobs still want their end.
                let _ = serving.await;
                engine.drain(config.drain_timeout).await;
            } => ExitCode::SUCCESS,
            () = signals.next() => fail(1, "stopped at once; what ran runs again at the next start"),
        }
    }

    fn config(self) -> Result<Config, String> {
        let beyond = self
            .listen
            .iter()
            .find(|address| !address.ip().is_loopback());
        if let Some(address) = beyond
            && !self.insecure_no_token
        {
            return Err(format!(
                "{address} can be reached from other machines, and there are no tokens: anybody could use the server. \
                 Listen on loopback, or say --insecure-no-token."
            ));
        }
        let defaults = Config::default();
        Ok(Config {
            data: self.data,
            listen: self.listen,
            roots: self.root,
            workers: self.workers.map_or(defaults.workers, usize::from),
            idle_timeout: self.idle_timeout,
            drain_timeout: self.drain_timeout,
            hosts: self.host,
            insecure_no_token: self.insecure_no_token,
            limits: defaults.limits,
        })
    }
}

impl Announce {
    /// The one thing that `serve` writes to stdout.
    fn say(self, server: &Server) -> std::io::Result<()> {
        let urls: Vec<_> = server
            .addresses()?
            .iter()
            .map(|address| format!("http://{address}"))
            .collect();
        let line = match self {
            Self::Text => format!(
                "cloakroom {} listens on {}",
                env!("CARGO_PKG_VERSION"),
                urls.join(" ")
            ),
            Self::Json => serde_json::json!({
                "event": "listening",
                "urls": urls,
                "pid": std::process::id(),
                "version": env!("CARGO_PKG_VERSION"),
                "token": null,
            })
            .to_string(),
        };
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{line}")?;
        stdout.flush()
    }
}

/// Requests to stop.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        // Without a console there is nothing to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn fail(code: u8, message: &str) -> ExitCode {
    eprintln!("cloakroom: {message}");
    code.into()
}
