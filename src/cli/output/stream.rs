//! The standard streams without the locks and buffers of the standard library, so that a writer that waits for a slow reader
//! blocks no other writer.

use std::io::{self, Write};

/// A standard stream.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) enum Stream {
    Stdout,
    Stderr,
}

#[cfg(unix)]
impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        use rustix::event::{PollFd, PollFlags, poll};
        use rustix::io::Errno;

        let (stdout, stderr) = (io::stdout(), io::stderr());
        let stream: &dyn std::os::fd::AsFd = match self {
            Self::Stdout => &stdout,
            Self::Stderr => &stderr,
        };
        loop {
            match rustix::io::write(stream, bytes) {
                // Another process that shares the pipe may have made it non-blocking.
                Err(Errno::AGAIN) => {
                    let mut ready = [PollFd::new(&stream, PollFlags::OUT)];
                    match poll(&mut ready, None) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(Errno::INTR) => {}
                written => return Ok(written?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A Windows console can only be written through the standard library.
#[cfg(not(unix))]
impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout();
                let written = stdout.write(bytes)?;
                stdout.flush()?;
                Ok(written)
            }
            Self::Stderr => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
