//! The flags of `serve`. [`super::layers`] makes each of them an environment variable and a key of the configuration file as
//! well.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::config::{Config, Dialects, Listen, Origin, PublicUrl};
use crate::roots::RootSpec;

#[derive(Args)]
pub(super) struct Flags {
    /// The data folder; the server writes nowhere else except below --root.
    #[arg(long, value_name = "DIR", default_value = "cloakroom-data")]
    data: PathBuf,
    /// Address to listen on. Port 0 picks a free port; a Unix socket is private to its owner. Repeatable.
    #[arg(
        long,
        value_name = "IP:PORT|unix:PATH",
        default_value = "127.0.0.1:7070"
    )]
    listen: Vec<Listen>,
    /// Folder that jobs may access; ":ro" makes it read-only. Repeatable.
    #[arg(long, value_name = "[NAME=]PATH[:ro]")]
    root: Vec<RootSpec>,
    /// Maximum number of jobs that run at the same time [default: four per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,
    /// Delete finished jobs after they have been idle this long.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    idle_timeout: Duration,
    /// How long running jobs may take to finish when the server stops.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    drain_timeout: Duration,
    /// Format of the line on stdout that says where the server listens.
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(super) announce: Announce,
    /// Host name that clients may use for this server, besides localhost. Repeatable.
    #[arg(long, value_name = "NAME", value_parser = host)]
    host: Vec<String>,
    /// Public URL of the server behind a proxy; links start with it. The proxy must remove the URL's path from
    /// requests.
    #[arg(long, value_name = "URL")]
    public_url: Option<PublicUrl>,
    /// Web origin whose pages may use this server; "null" requires tokens. Repeatable.
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<Origin>,
    /// Create a token for this run, published only in the JSON announcement and in server.json in the data folder.
    #[arg(long)]
    pub(super) token_per_run: bool,
    /// Stop when standard input is closed, as it is when the parent process exits.
    #[arg(long)]
    pub(super) exit_with_parent: bool,
    /// Dialects for clients of other systems: all, none, or a list of driveonweb, onedrive, xml-data-compare, xml-merge
    /// and custom (the routes of the configuration file).
    #[arg(long, value_name = "all|none|LIST", default_value = "all")]
    dialects: Dialects,
    /// Allow listening on other addresses than loopback without tokens: every client there has full access.
    #[arg(long)]
    insecure_no_token: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Announce {
    Text,
    Json,
}

impl Flags {
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

/// Parses a host as in a `Host` header, without the port.
fn host(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let literal = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .is_some_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
    if literal || !text.is_empty() && text.chars().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("expected a name or an address, without scheme or port".to_owned())
    }
}
