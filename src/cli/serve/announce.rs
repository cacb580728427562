//! The one thing that `serve` writes to stdout.

use std::io::Write;

use super::flags::Announce;
use crate::http::Server;

impl Announce {
    /// Says where the server listens.
    pub(super) fn say(self, server: &Server) -> std::io::Result<()> {
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
