//! The flags of `serve`. [`super::layers`] makes each of them an environment variable and a key of the configuration file as
//! well.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tracing_subscriber::filter::Targets;

use crate::cli::log::{LogFormat, LogSettings, parse_filter};
use crate::config::{Config, Dialects, Listen, Origin, PublicUrl, data_folder, host_name};
use crate::roots::RootSpec;

#[derive(Args)]
pub(super) struct Flags {
    /// Folder for the database with all jobs and results; created if missing. "auto": the folder cloakroom where the
    /// platform keeps the data of programs (~/.local/share on Linux).
    #[arg(long, value_name = "DIR|auto", default_value = "cloakroom-data", value_parser = data_folder)]
    data: PathBuf,
    /// Address to listen on. Port 0 picks a free port; only its owner can connect to a Unix socket. Repeatable.
    #[arg(
        long,
        value_name = "IP:PORT|unix:PATH",
        default_value = "127.0.0.1:7070"
    )]
    listen: Vec<Listen>,
    /// Folder that jobs may read and write, or only read with ":ro". Repeatable.
    #[arg(long, value_name = "[NAME=]PATH[:ro]")]
    root: Vec<RootSpec>,
    /// Maximum number of jobs that run at the same time [default: 4 per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,
    /// Delete finished jobs that no client has accessed for this long.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    idle_timeout: Duration,
    /// How long running jobs may continue when the server stops.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    drain_timeout: Duration,
    /// Format of the line on stdout that announces the addresses of the server.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) announce: Announce,
    /// How much to log on stderr: off, error, warn, info, debug, trace, or levels by module like "info,hyper=debug".
    /// At debug, each request is one line.
    #[arg(long, value_name = "FILTER", default_value = "info", value_parser = parse_filter)]
    log: Targets,
    /// Format of the log: text, or one JSON object per line with timestamp, level, message and fields. With json,
    /// nothing else is written to stderr.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// Additional host name of this server. Requests to other names are rejected. Repeatable.
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    host: Vec<String>,
    /// URL of the server behind a reverse proxy, used in links. The proxy must remove the path of this URL.
    #[arg(long, value_name = "URL")]
    public_url: Option<PublicUrl>,
    /// Origin of pages that may use this server, like `https://example.org` or `tauri://localhost`; "null" requires tokens.
    /// Repeatable.
    #[arg(long, value_name = "SCHEME://HOST[:PORT]|null")]
    allow_origin: Vec<Origin>,
    /// Create a token for this run. It is written to server.json in the data folder and to the JSON announcement.
    #[arg(long)]
    pub(super) token_per_run: bool,
    /// Read the token for this run, which the parent process chooses, from this open file descriptor: one line of at least
    /// 22 characters. It is written nowhere. The environment variable CLOAKROOM_RUN_TOKEN does the same without a descriptor.
    #[arg(long, value_name = "FD")]
    pub(super) token_fd: Option<u16>,
    /// Stop when standard input is closed, which happens when the parent process exits.
    #[arg(long)]
    pub(super) exit_with_parent: bool,
    /// APIs of other systems to serve: all, none, or a list of driveonweb, onedrive, xml-data-compare, xml-merge and
    /// custom (the routes of the configuration file).
    #[arg(long, value_name = "all|none|LIST", default_value = "all")]
    dialects: Dialects,
    /// Accept requests from other machines without a token, which gives every client full access.
    #[arg(long)]
    insecure_no_token: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Announce {
    Text,
    Json,
}

impl Flags {
    /// How the server logs.
    pub(super) fn log_settings(&self) -> LogSettings {
        LogSettings {
            filter: self.log.clone(),
            format: self.log_format,
        }
    }

    /// The settings that are not part of the configuration, by key, for comparison.
    pub(super) fn process_settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("announce", format!("{:?}", self.announce)),
            ("log", self.log.to_string()),
            ("log-format", format!("{:?}", self.log_format)),
            ("token-per-run", self.token_per_run.to_string()),
            ("token-fd", format!("{:?}", self.token_fd)),
            ("exit-with-parent", self.exit_with_parent.to_string()),
        ]
    }

    /// Copies the flags to the configuration.
    pub(super) fn fill(self, config: &mut Config) {
        config.data = self.data;
        config.listen = self.listen;
        config.roots = self.root;
        if let Some(workers) = self.workers {
            config.workers = workers.into();
        }
        config.idle_timeout = self.idle_timeout;
        config.drain_timeout = self.drain_timeout;
        config.hosts = self.host;
        config.public_url = self.public_url;
        config.allow_origins = self.allow_origin;
        config.dialects = self.dialects;
        config.insecure_no_token = self.insecure_no_token;
    }
}
