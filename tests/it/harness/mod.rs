//! Real servers on their own ports, a client that checks statuses, and checks of the data that servers leave.

mod client;
mod events;
mod gate;
mod invariants;
mod mount;
mod server;
mod site;

use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

pub(crate) use client::{Client, Reply, through};
pub(crate) use events::Events;
pub(crate) use gate::{AtGate, Gate};
pub(crate) use mount::{LoopDevice, Mount, make_image, shut_down};
pub(crate) use server::Server;
pub(crate) use site::{Site, example};

/// Longer than any operation under test takes.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Polls until there is a value; panics after [`TEST_TIMEOUT`].
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + TEST_TIMEOUT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Pseudo-random bytes that cannot be compressed, the same each time (xorshift64).
pub(crate) fn incompressible(bytes: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut words = Vec::with_capacity(bytes + 8);
    while words.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        words.extend_from_slice(&state.to_le_bytes());
    }
    words.truncate(bytes);
    words
}

/// Runs a tool; an error has its error output.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| format!("{name}: {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    output
        .status
        .success()
        .then_some(())
        .ok_or_else(|| format!("{name}: {}", said.trim()))
}

/// Reports that a test is skipped on this machine. Written past the captured output, which is not shown.
pub(crate) fn skipped(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    writeln!(std::io::stderr(), "SKIPPED: {reason} ({test})").expect("stderr is open");
}
