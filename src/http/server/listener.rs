//! Listeners and their connections, for TCP and Unix domain sockets.

use std::io;
use std::net::{IpAddr, SocketAddr};
#[cfg(unix)]
use std::path::PathBuf;
use std::pin::Pin;
#[cfg(unix)]
use std::task::ready;
use std::task::{Context, Poll};

#[cfg(unix)]
use rustix::net::{RecvFlags, recv};
#[cfg(unix)]
use tokio::io::Interest;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::config::Listen;
use crate::http::server::hangup::Peer;

#[cfg(unix)]
use unix::OwnListener;

/// The largest number of connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// One open listener.
pub(crate) enum Listener {
    /// A TCP socket and its address.
    Tcp(TcpListener, SocketAddr),
    /// A Unix domain socket.
    #[cfg(unix)]
    Unix(OwnListener),
}

/// An address that no other process listens on. Until [`Reservation::listen`], clients cannot connect.
pub(crate) enum Reservation {
    /// A TCP socket that is bound to its address.
    Tcp(TcpSocket),
    /// The path of a Unix domain socket. It may exist if its server died.
    #[cfg(unix)]
    Unix(PathBuf),
}

impl Reservation {
    /// Reserves an address without a trace in the file system.
    ///
    /// # Errors
    /// The error of the system; `AddrInUse` for a Unix socket that a process listens on.
    pub(crate) async fn new(address: &Listen) -> io::Result<Self> {
        match address {
            Listen::Tcp(address) => {
                let socket = match address {
                    SocketAddr::V4(_) => TcpSocket::new_v4(),
                    SocketAddr::V6(_) => TcpSocket::new_v6(),
                }?;
                // Connections of an earlier server may linger. Elsewhere, the option would allow to steal the address.
                #[cfg(unix)]
                socket.set_reuseaddr(true)?;
                socket.bind(*address)?;
                Ok(Self::Tcp(socket))
            }
            #[cfg(unix)]
            Listen::Unix(path) => {
                unix::check_free(path).await?;
                Ok(Self::Unix(path.clone()))
            }
            #[cfg(not(unix))]
            Listen::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Opens the listener. A Unix socket without a listening process is replaced.
    ///
    /// # Errors
    /// The error of the system; `AddrInUse` if a process has begun to listen on the address meanwhile.
    pub(crate) async fn listen(self) -> io::Result<Listener> {
        match self {
            Self::Tcp(socket) => Listener::tcp(socket.listen(BACKLOG)?),
            #[cfg(unix)]
            Self::Unix(path) => OwnListener::bind(&path).await.map(Listener::Unix),
        }
    }
}

/// A listener that the caller has opened.
pub(crate) enum OpenListener {
    /// A TCP socket.
    Tcp(std::net::TcpListener),
    /// A Unix domain socket. Its path is left alone.
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

impl OpenListener {
    /// The address.
    ///
    /// # Errors
    /// The error of the system; `InvalidInput` for a Unix socket without a path.
    pub(crate) fn address(&self) -> io::Result<Listen> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Listen::Tcp),
            #[cfg(unix)]
            Self::Unix(listener) => {
                let address = listener.local_addr()?;
                let path = address.as_pathname().ok_or_else(|| {
                    io::Error::new(
                        io::ErrorKind::InvalidInput,
                        "a Unix socket must have a path",
                    )
                })?;
                Ok(Listen::Unix(path.to_owned()))
            }
        }
    }
}

impl Listener {
    /// A listener from a socket that is already open.
    ///
    /// # Errors
    /// The error of a socket that cannot be made non-blocking or has no address.
    pub(crate) fn of(listener: OpenListener) -> io::Result<Self> {
        let address = listener.address()?;
        match (listener, address) {
            (OpenListener::Tcp(listener), _) => {
                listener.set_nonblocking(true)?;
                Self::tcp(TcpListener::from_std(listener)?)
            }
            #[cfg(unix)]
            (OpenListener::Unix(listener), Listen::Unix(path)) => {
                listener.set_nonblocking(true)?;
                OwnListener::passed(listener, path).map(Self::Unix)
            }
            #[cfg(unix)]
            (OpenListener::Unix(_), Listen::Tcp(_)) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn tcp(listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        Ok(Self::Tcp(listener, address))
    }

    /// The address, with the port that the system chose.
    pub(crate) fn address(&self) -> Listen {
        match self {
            Self::Tcp(_, address) => Listen::Tcp(*address),
            #[cfg(unix)]
            Self::Unix(listener) => Listen::Unix(listener.path().to_owned()),
        }
    }

    /// The next connection and its local address; a Unix socket has none.
    ///
    /// # Errors
    /// The error of the accept.
    pub(crate) async fn accept(&self) -> io::Result<(Stream, Option<IpAddr>)> {
        match self {
            Self::Tcp(listener, _) => {
                let (stream, _) = listener.accept().await?;
                // A small response must not wait for the acknowledgement of the previous one.
                stream.set_nodelay(true)?;
                let local = stream.local_addr()?.ip().to_canonical();
                Ok((Stream::Tcp(stream), Some(local)))
            }
            #[cfg(unix)]
            Self::Unix(listener) => Ok((Stream::Unix(listener.accept().await?), None)),
        }
    }
}

/// One connection.
pub(crate) enum Stream {
    /// A TCP connection.
    Tcp(TcpStream),
    /// A Unix domain socket connection.
    #[cfg(unix)]
    Unix(UnixStream),
}

/// Evaluates an expression with the inner stream of either kind.
macro_rules! either {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream.get_mut() {
            Stream::Tcp($inner) => $call,
            #[cfg(unix)]
            Stream::Unix($inner) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_shutdown(context))
    }
}

impl Peer for Stream {
    fn poll_closed(&self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut byte = [0];
        match self {
            Self::Tcp(stream) => stream
                .poll_peek(context, &mut ReadBuf::new(&mut byte))
                .map_ok(|bytes| bytes == 0),
            #[cfg(unix)]
            Self::Unix(stream) => loop {
                ready!(stream.poll_read_ready(context))?;
                let peek = || Ok(recv(stream, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT)?.1);
                match stream.try_io(Interest::READABLE, peek) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    peeked => return Poll::Ready(peeked.map(|bytes| bytes == 0)),
                }
            },
        }
    }

    fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            #[cfg(unix)]
            Self::Unix(stream) => stream.try_write(bytes),
        }
    }
}

#[cfg(unix)]
mod unix {
    //! Unix domain sockets that only their owner can connect to.

    use std::fs;
    use std::io;
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
    use std::path::{Path, PathBuf};

    use rustix::fs::Mode;
    use tokio::net::{UnixListener, UnixSocket, UnixStream};

    use super::BACKLOG;

    /// The mode of the socket: only its owner can connect.
    const OWNER_ONLY: u32 = 0o600;

    /// A listener that removes its socket on drop, if it has made it.
    pub(crate) struct OwnListener {
        listener: UnixListener,
        path: PathBuf,
        /// Device and inode, because another socket may have taken the path since.
        /// None for a socket that another process has made.
        identity: Option<(u64, u64)>,
    }

    impl OwnListener {
        pub(crate) async fn bind(path: &Path) -> io::Result<Self> {
            remove_stale_socket(path).await?;
            let socket = UnixSocket::new_stream()?;
            // Set before the socket has a path, so that other users can never connect. On systems that do not support
            // this, the mode of the folder protects the socket until the next line.
            let _ = rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR);
            socket.bind(path)?;
            fs::set_permissions(path, fs::Permissions::from_mode(OWNER_ONLY))?;
            let metadata = fs::symlink_metadata(path)?;
            Ok(Self {
                listener: socket.listen(BACKLOG)?,
                path: path.to_owned(),
                identity: Some((metadata.dev(), metadata.ino())),
            })
        }

        /// A listener on a socket that another process has made.
        pub(crate) fn passed(
            listener: std::os::unix::net::UnixListener,
            path: PathBuf,
        ) -> io::Result<Self> {
            Ok(Self {
                listener: UnixListener::from_std(listener)?,
                path,
                identity: None,
            })
        }

        pub(crate) fn path(&self) -> &Path {
            &self.path
        }

        pub(crate) async fn accept(&self) -> io::Result<UnixStream> {
            self.listener.accept().await.map(|(stream, _)| stream)
        }
    }

    impl Drop for OwnListener {
        fn drop(&mut self) {
            let is_ours = fs::symlink_metadata(&self.path)
                .is_ok_and(|found| Some((found.dev(), found.ino())) == self.identity);
            if is_ours {
                // A socket that cannot be removed is replaced at the next start.
                let _ = fs::remove_file(&self.path);
            }
        }
    }

    /// Removes the socket of a server that died.
    ///
    /// # Errors
    /// As [`check_free`].
    async fn remove_stale_socket(path: &Path) -> io::Result<()> {
        if check_free(path).await? == Free::Stale {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    /// Why a path is free.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) enum Free {
        /// There is nothing.
        Empty,
        /// There is the socket of a server that died.
        Stale,
    }

    /// Checks that no process listens on a path.
    ///
    /// # Errors
    /// `AlreadyExists` if the path is no socket, `AddrInUse` if a process listens on it, or the error of the system.
    pub(super) async fn check_free(path: &Path) -> io::Result<Free> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Free::Empty),
            Err(error) => return Err(error),
            Ok(found) if !found.file_type().is_socket() => {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "the path exists and is not a socket; remove it or choose another path",
                ));
            }
            Ok(_) => {}
        }
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(Free::Stale),
            Err(error) => Err(error),
            Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        }
    }
}
