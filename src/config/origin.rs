//! Origins of web pages.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// The origin of a page, as browsers write it: scheme, host, and port unless it is the scheme's own; or `null`.
///
/// Besides websites, these are the pages of desktop and mobile programs (`tauri://localhost`, `app://.`) and of browser
/// extensions (`chrome-extension://ID`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The origin that browsers send for sandboxed pages and pages from files.
    pub const NULL: &'static str = "null";

    /// The origin as browsers write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the origin is `null`.
    pub fn is_null(&self) -> bool {
        self.0 == Self::NULL
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected SCHEME://HOST[:PORT] or null".to_owned();
        if text == Self::NULL {
            return Ok(Self(text.to_owned()));
        }
        let (_, authority) = text.split_once("://").ok_or_else(expected)?;
        // The parser ignores tabs and line breaks, and takes user names and paths.
        let is_odd = |c: char| c.is_control() || c.is_whitespace() || "/\\?#@".contains(c);
        if authority.is_empty() || authority.contains(is_odd) {
            return Err(expected());
        }
        if authority.contains('*') {
            return Err("an origin has no wildcards; allow each origin by itself".to_owned());
        }
        // Browsers lower the case of hosts for the schemes of the web only.
        let url = Url::parse(text).map_err(|_| expected())?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let (scheme, host) = (url.scheme(), host.ok_or_else(expected)?);
        if matches!(scheme, "file" | "data" | "blob" | "about" | "javascript") {
            return Err(format!(
                "browsers send the origin \"null\" for pages from {scheme}: URLs"
            ));
        }
        Ok(Self(match url.port() {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_is_normalized_as_browsers_write_it() {
        let check = |text: &str, shown: &str| {
            let origin: Result<Origin, _> = text.parse();
            assert_eq!(origin.expect(text).as_str(), shown);
        };
        check("http://a.example:80", "http://a.example");
        check("https://a.example:80", "https://a.example:80");
        check("HTTPS://A.example", "https://a.example");
        check("http://[::1]:81", "http://[::1]:81");
        check("null", "null");
        for same in [
            "tauri://localhost",
            "app://.",
            "app://-",
            "capacitor://localhost",
            "ionic://localhost:8100",
            "vscode-webview://1gs3v5",
            "chrome-extension://cjpalhdlnbpafiamejdnhcphjbkeiagm",
            "moz-extension://d5ef2a5c-8d5d-4b4c-9d32-b5f4bd0f1b23",
            "custom://Host",
        ] {
            check(same, same);
        }
        check("Tauri://localhost", "tauri://localhost");
        for bad in [
            "a.example",
            "http://a.example/",
            "http://a.example?x",
            "http://a.example#x",
            "http://",
            "app://",
            "app:///",
            "app:.",
            "tauri:localhost",
            "tauri://localhost/",
            "tauri://local host",
            "tauri://local\thost",
            "tauri://localhost:99999",
            "://localhost",
            "1://localhost",
            "*",
            "https://*.example",
            "file://x",
            "http://u@a",
            "NULL",
            "",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }
}
