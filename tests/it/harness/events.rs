//! A client of server-sent events.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;

use serde_json::Value;

/// An open event stream.
pub(crate) struct Events {
    pub(crate) head: String,
    pub(super) lines: BufReader<TcpStream>,
}

impl Events {
    /// The next event: its name, id and data; `None` at the end of the stream.
    pub(crate) fn next(&mut self) -> Option<(String, String, Value)> {
        let (mut name, mut id) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).expect("a line") == 0 {
                return None;
            }
            // Lines of the chunked coding contain no colon.
            match line.trim_end().split_once(": ") {
                Some(("event", text)) => text.clone_into(&mut name),
                Some(("id", text)) => text.clone_into(&mut id),
                Some(("data", text)) => {
                    return Some((name, id, serde_json::from_str(text).expect("JSON")));
                }
                _ => {}
            }
        }
    }
}
