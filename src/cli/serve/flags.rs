//! The flags of `serve`. Each is declared once, here; [`super::layers`] makes it a variable of the environment and a
//! key of the configuration file as well.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::config::{Config, Dialects, Listen, Origin, PublicUrl};
use crate::roots::RootSpec;

#[derive(Args)]
pub(super) struct Flags {
    /// The folder of everything that the server writes.
    #[arg(long, value_name = "DIR", default_value = "cloakroom-data")]
    data: PathBuf,
    /// Where to listen; port 0 for any, a Unix socket for its owner only. Repeatable.
    #[arg(
        long,
        value_name = "IP:PORT|unix:PATH",
        default_value = "127.0.0.1:7070"
    )]
    listen: Vec<Listen>,
    /// A folder that jobs may use; ":ro" for reading only. Repeatable.
    #[arg(long, value_name = "[NAME=]PATH[:ro]")]
    root: Vec<RootSpec>,
    /// Jobs in flight at once [default: four per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,
    /// How an ended job is forgotten when nobody has touched it for so long.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    idle_timeout: Duration,
    /// How long running jobs get at a stop.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    drain_timeout: Duration,
    /// How to say on stdout where the server listens.
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(super) announce: Announce,
    /// A name that clients call this server by, besides localhost. Repeatable.
    #[arg(long, value_name = "NAME", value_parser = host)]
    host: Vec<String>,
    /// What the server is called from outside, where a proxy stands before it; links begin with it. A path in it is
    /// one that the proxy takes off.
    #[arg(long, value_name = "URL")]
    public_url: Option<PublicUrl>,
    /// An origin whose pages may use this server in a browser; "null" where there are tokens. Repeatable.
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<Origin>,
    /// Make a token for this run, given in the announcement and in the data folder's server.json only.
    #[arg(long)]
    pub(super) token_per_run: bool,
    /// Stop when standard input ends, as it does when the program that started this one dies.
    #[arg(long)]
    pub(super) exit_with_parent: bool,
    /// Other systems' clients to serve: all, none, or some of driveonweb, onedrive, xml-data-compare,
    /// xml-merge, and custom, which is the routes of the configuration file.
    #[arg(long, value_name = "all|none|LIST", default_value = "all")]
    dialects: Dialects,
    /// Listen beyond loopback although anybody there may then use the server.
    #[arg(long)]
    insecure_no_token: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Announce {
    Text,
    Json,
}

impl Flags {
    /// Puts the flags into the settings that they are about.
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

/// A name as it stands in a Host header, without the port.
fn host(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let literal = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .is_some_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
    if literal || !text.is_empty() && text.chars().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("a host is a name or an address, without scheme and port".to_owned())
    }
}
