//! Socket activation: listening sockets that systemd has opened, described by `LISTEN_FDS` and `LISTEN_PID`.

use std::net::TcpListener;
#[cfg(unix)]
use std::os::unix::net::UnixListener;

use crate::cli::Failure;
#[cfg(unix)]
use crate::cli::failure::EXIT_LISTEN;
use crate::cloakroom::Builder;

/// The sockets that this process was started with.
#[derive(Default)]
pub(super) struct PassedSockets {
    tcp: Vec<TcpListener>,
    #[cfg(unix)]
    unix: Vec<UnixListener>,
}

impl PassedSockets {
    /// Takes the sockets and removes their variables from the environment. Must be called before this process opens files or
    /// starts threads.
    ///
    /// # Errors
    /// `LISTEN_FDS` is no number, or a descriptor is not a listening TCP socket or a Unix stream socket with a path.
    pub(super) fn take() -> Result<Self, Failure> {
        #[cfg(unix)]
        return unix::take().map_err(|reason| Failure::new(EXIT_LISTEN, reason));
        #[cfg(not(unix))]
        Ok(Self::default())
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        #[cfg(unix)]
        return self.tcp.is_empty() && self.unix.is_empty();
        #[cfg(not(unix))]
        self.tcp.is_empty()
    }

    /// Makes the server serve the sockets.
    pub(super) fn add_to(self, builder: Builder) -> Builder {
        let builder = self.tcp.into_iter().fold(builder, Builder::listener);
        #[cfg(unix)]
        let builder = self.unix.into_iter().fold(builder, Builder::unix_listener);
        builder
    }
}

#[cfg(unix)]
mod unix {
    use std::os::fd::AsFd;

    use listenfd::ListenFd;

    use super::PassedSockets;

    /// The number of the first descriptor.
    const FIRST: usize = 3;

    pub(super) fn take() -> Result<PassedSockets, String> {
        let mut sockets = PassedSockets::default();
        let Some(count) = count()? else {
            return Ok(sockets);
        };
        let mut passed = ListenFd::from_env();
        for index in 0..count {
            let number = FIRST + index;
            let refused = || {
                format!(
                    "descriptor {number}, passed by LISTEN_FDS, is not a listening TCP or Unix stream socket; \
                     use ListenStream= and Accept=no in the .socket unit"
                )
            };
            if let Ok(Some(socket)) = passed.take_tcp_listener(index) {
                require(listens(&socket), refused)?;
                sockets.tcp.push(socket);
            } else if let Ok(Some(socket)) = passed.take_unix_listener(index) {
                require(listens(&socket), refused)?;
                let address = socket.local_addr().map_err(|_| refused())?;
                require(address.as_pathname().is_some(), || {
                    format!(
                        "descriptor {number}, passed by LISTEN_FDS, is a Unix socket without a path; \
                         use ListenStream=/PATH in the .socket unit"
                    )
                })?;
                sockets.unix.push(socket);
            } else {
                return Err(refused());
            }
        }
        Ok(sockets)
    }

    /// The number of descriptors, if they are meant for this process.
    ///
    /// # Errors
    /// `LISTEN_FDS` is not a number.
    fn count() -> Result<Option<usize>, String> {
        let pid = std::env::var("LISTEN_PID").ok();
        // The variables of a parent process can be inherited.
        if pid.and_then(|pid| pid.parse().ok()) != Some(std::process::id()) {
            return Ok(None);
        }
        let Some(count) = std::env::var_os("LISTEN_FDS") else {
            return Ok(None);
        };
        // Bounds the list that listenfd makes of the descriptors before it checks them.
        let number = count.to_str().and_then(|count| count.parse::<u16>().ok());
        number.map(usize::from).map(Some).ok_or_else(|| {
            format!(
                "LISTEN_FDS: expected a number of descriptors, found \"{}\"",
                count.display()
            )
        })
    }

    fn require(holds: bool, refused: impl FnOnce() -> String) -> Result<(), String> {
        if holds { Ok(()) } else { Err(refused()) }
    }

    fn listens(socket: impl AsFd) -> bool {
        #[cfg(not(target_vendor = "apple"))]
        return rustix::net::sockopt::socket_acceptconn(socket).unwrap_or(false);
        // There the system does not tell.
        #[cfg(target_vendor = "apple")]
        {
            let _ = socket;
            true
        }
    }
}
