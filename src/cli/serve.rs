//! `cloakroom serve`.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use tokio::sync::watch;

use super::signals::Signals;
use super::{EXIT_DATA, EXIT_FAILED, EXIT_LISTEN, EXIT_USAGE, Failure};
use crate::config::Config;
use crate::engine::{Engine, StartError};
use crate::http::{App, Server};
use crate::operations::Registry;
use crate::roots::RootSpec;

#[derive(clap::Args)]
pub(super) struct Serve {
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

impl Serve {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let announce = self.announce;
        let config = self
            .config()
            .map_err(|message| Failure::new(EXIT_USAGE, message))?;
        let mut signals = Signals::new().map_err(|error| {
            Failure::new(EXIT_FAILED, format!("cannot handle signals: {error}"))
        })?;
        // The data first: an address that is taken on data that is in use is the latter's fault.
        let engine = start(&config).await?;
        let server = bind(&config, &engine).await?;
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
                return Err(Failure::new(EXIT_DATA, format!("the database failed: {reason}")));
            }
        }
        tracing::info!("stopping; a second signal stops at once");
        stop.send_replace(true);
        tokio::select! {
            () = async {
                // A panic there has been reported; the jobs still want their end.
                let _ = serving.await;
                engine.drain(config.drain_timeout).await;
            } => Ok(()),
            () = signals.next() => {
                let message = "stopped at once; what ran runs again at the next start";
                Err(Failure::new(EXIT_FAILED, message))
            }
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

/// Starts the engine with every operation.
pub(super) async fn start(config: &Config) -> Result<Arc<Engine>, Failure> {
    match Engine::start(config, Registry::built_in()).await {
        Ok(engine) => Ok(Arc::new(engine)),
        Err(error @ StartError::Root { .. }) => Err(Failure::new(EXIT_USAGE, error)),
        Err(error) => Err(Failure::new(EXIT_DATA, error)),
    }
}

/// Opens the listeners; where that fails the engine is stopped.
pub(super) async fn bind(config: &Config, engine: &Engine) -> Result<Server, Failure> {
    match Server::bind(&config.listen).await {
        Ok(server) => Ok(server),
        Err((address, error)) => {
            engine.drain(Duration::ZERO).await;
            Err(Failure::new(
                EXIT_LISTEN,
                format!("cannot listen on {address}: {error}"),
            ))
        }
    }
}
