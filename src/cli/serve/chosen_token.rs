//! The token of this run that the parent process chooses: from a file descriptor (`--token-fd`) or the environment.
//!
//! Other programs of the same user can read the environment with which a process was started. So a server that finds the
//! token there starts itself again, with the token in a pipe.

use std::ffi::OsStr;

use crate::cli::{EXIT_USAGE, Failure};

/// The environment variable with the token.
const VARIABLE: &str = "CLOAKROOM_RUN_TOKEN";

/// Takes the token from its descriptor. Must be called before this process opens files or starts threads: the number then
/// is a descriptor that the process was started with.
///
/// With the token in the environment, this starts the program again without it, and does not return.
///
/// # Errors
/// There are two tokens, the descriptor cannot be read, or the process cannot be started again.
pub(in crate::cli) fn take(descriptor: Option<u16>) -> Result<Option<String>, Failure> {
    let token = std::env::var_os(VARIABLE).filter(|token| !token.is_empty());
    match (descriptor, token) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            let message = format!("--token-fd and {VARIABLE} are both set; choose one");
            Err(Failure::new(EXIT_USAGE, message))
        }
        (Some(descriptor), None) => {
            let refused = |reason| Failure::new(EXIT_USAGE, format!("--token-fd: {reason}"));
            system::read(descriptor).map(Some).map_err(refused)
        }
        (None, Some(token)) => from_environment(&token).map(Some),
    }
}

/// Starts the program again, with the token in a pipe.
#[cfg(unix)]
fn from_environment(token: &OsStr) -> Result<String, Failure> {
    let error = system::start_again(token);
    let message = format!("cannot move {VARIABLE} out of the environment: {error}. Use --token-fd");
    Err(Failure::new(crate::cli::EXIT_FAILED, message))
}

/// Elsewhere the environment of a process cannot be read by others.
#[cfg(not(unix))]
fn from_environment(token: &OsStr) -> Result<String, Failure> {
    let token = token.to_str().map(str::to_owned);
    token.ok_or_else(|| Failure::new(EXIT_USAGE, format!("{VARIABLE} is not UTF-8")))
}

/// Turns the bytes before the first line break into the token.
fn text(line: Vec<u8>) -> Result<String, String> {
    let text = String::from_utf8(line).map_err(|_| "the token is not UTF-8")?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(unix)]
mod system {
    use std::ffi::OsStr;
    use std::io::{self, Write};
    use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::process::CommandExt;
    use std::process::Command;
    use std::time::{Duration, Instant};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::{Errno, FdFlags, fcntl_getfd, fcntl_setfd, read as read_some};

    use super::{VARIABLE, text};
    use crate::tokens::MAX_CHOSEN_CHARS;

    /// How long the parent process may take to write the token.
    const READ_TIMEOUT: Duration = Duration::from_secs(10);

    /// Reads one line. Later bytes stay unread: standard input may go on to watch the parent process.
    pub(super) fn read(descriptor: u16) -> Result<String, String> {
        match descriptor {
            0 => read_line(io::stdin().as_fd()),
            1 | 2 => Err(format!(
                "descriptor {descriptor} is for output; use 0, or 3 and above"
            )),
            _ => read_line(own(descriptor)?.as_fd()),
        }
    }

    /// Takes ownership of a descriptor that this process was started with. It is closed when the token has been read.
    fn own(descriptor: u16) -> Result<OwnedFd, String> {
        let number = i32::from(descriptor);
        #[allow(
            unsafe_code,
            reason = "a number from the command line becomes a descriptor"
        )]
        // SAFETY: it is only asked whether the descriptor is open.
        let is_open = fcntl_getfd(unsafe { BorrowedFd::borrow_raw(number) });
        is_open.map_err(|_| format!("descriptor {descriptor} is not open"))?;
        #[allow(
            unsafe_code,
            reason = "a number from the command line becomes a descriptor"
        )]
        // SAFETY: the descriptor is open, and this process has opened none above 2 yet, so nothing else owns it.
        Ok(unsafe { OwnedFd::from_raw_fd(number) })
    }

    fn read_line(source: BorrowedFd<'_>) -> Result<String, String> {
        let until = Instant::now() + READ_TIMEOUT;
        let mut line = Vec::new();
        loop {
            await_input(source, until)?;
            let mut byte = [0];
            match read_some(source, &mut byte) {
                Ok(1) if byte != *b"\n" => line.push(byte[0]),
                Ok(_) => return text(line),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(format!("cannot read the token: {error}")),
            }
            // The rest of a line that is too long makes no difference.
            if line.len() > MAX_CHOSEN_CHARS + 1 {
                return text(line);
            }
        }
    }

    fn await_input(source: BorrowedFd<'_>, until: Instant) -> Result<(), String> {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec {
            tv_sec: left.as_secs() as i64,
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(&source, PollFlags::IN)], Some(&left)) {
            Ok(0) => Err("the parent process wrote no line within 10 seconds".to_owned()),
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(format!("cannot wait for the token: {error}")),
        }
    }

    /// Replaces this process by the same program with the token in a pipe. Returns only if that fails.
    pub(super) fn start_again(token: &OsStr) -> io::Error {
        fn prepare(token: &OsStr) -> io::Result<(Command, io::PipeReader)> {
            let (reader, mut writer) = io::pipe()?;
            // It fits into the pipe's buffer; of a longer token, the rest would be refused anyway.
            let bytes = token.as_bytes();
            writer.write_all(&bytes[..bytes.len().min(MAX_CHOSEN_CHARS + 2)])?;
            fcntl_setfd(&reader, FdFlags::empty())?;
            let mut arguments = std::env::args_os();
            let mut command = Command::new(std::env::current_exe()?);
            if let Some(name) = arguments.next() {
                command.arg0(name);
            }
            command.args(arguments).env_remove(VARIABLE);
            Ok((command, reader))
        }
        match prepare(token) {
            Ok((mut command, reader)) => {
                use std::os::fd::AsRawFd;
                command.env("CLOAKROOM_TOKEN_FD", reader.as_raw_fd().to_string());
                command.exec()
            }
            Err(error) => error,
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::io::{BufRead, Read};

    use super::text;
    use crate::tokens::MAX_CHOSEN_CHARS;

    /// Reads one line from standard input, the only descriptor with a number that programs agree on here.
    pub(super) fn read(descriptor: u16) -> Result<String, String> {
        if descriptor != 0 {
            return Err("on this platform the token can only be read from descriptor 0".to_owned());
        }
        let mut line = Vec::new();
        let limit = MAX_CHOSEN_CHARS as u64 + 2;
        let read = std::io::stdin()
            .lock()
            .take(limit)
            .read_until(b'\n', &mut line);
        read.map_err(|error| format!("cannot read the token: {error}"))?;
        text(line)
    }
}
