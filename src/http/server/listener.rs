//! What a server listens on, and the connections that come in there: TCP and Unix domain sockets alike.

use std::io;
use std::net::{IpAddr, SocketAddr};
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
use tokio::net::{TcpListener, TcpStream};

use crate::config::Listen;
use crate::http::server::hangup::Peer;

#[cfg(unix)]
use unix::OwnListener;

/// One open listener.
pub(in crate::http) enum Listener {
    /// An address.
    Tcp(TcpListener, SocketAddr),
    /// A path.
    #[cfg(unix)]
    Unix(OwnListener),
}

impl Listener {
    /// Opens it.
    ///
    /// # Errors
    /// What the system says; `AddrInUse` for a Unix socket that somebody listens on.
    pub(in crate::http) async fn bind(address: &Listen) -> io::Result<Self> {
        match address {
            Listen::Tcp(address) => Self::tcp(TcpListener::bind(address).await?),
            #[cfg(unix)]
            Listen::Unix(path) => OwnListener::bind(path).await.map(Self::Unix),
            #[cfg(not(unix))]
            Listen::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// One that is open already.
    pub(in crate::http) fn of(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Self::tcp(TcpListener::from_std(listener)?)
    }

    fn tcp(listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        Ok(Self::Tcp(listener, address))
    }

    /// Where it is.
    pub(in crate::http) fn address(&self) -> Listen {
        match self {
            Self::Tcp(_, address) => Listen::Tcp(*address),
            #[cfg(unix)]
            Self::Unix(listener) => Listen::Unix(listener.path().to_owned()),
        }
    }

    /// The next connection, and the address that it came in on if it has one.
    pub(in crate::http) async fn accept(&self) -> io::Result<(Stream, Option<IpAddr>)> {
        match self {
            Self::Tcp(listener, _) => {
                let (stream, _) = listener.accept().await?;
                // Small replies must not wait for the acknowledgement of the one before.
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
pub(in crate::http) enum Stream {
    /// Through the network.
    Tcp(TcpStream),
    /// On this machine.
    #[cfg(unix)]
    Unix(UnixStream),
}

/// The same for every kind of connection.
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

    /// Connections that wait to be accepted.
    const BACKLOG: u32 = 1024;
    const OWNER_ONLY: u32 = 0o600;

    /// A listener whose socket goes with it.
    pub(in crate::http) struct OwnListener {
        listener: UnixListener,
        path: PathBuf,
        /// Device and inode: the path may be another's by the time it is removed.
        identity: (u64, u64),
    }

    impl OwnListener {
        pub(in crate::http) async fn bind(path: &Path) -> io::Result<Self> {
            make_way(path).await?;
            let socket = UnixSocket::new_stream()?;
            // Before it has a name: nobody else can connect at any moment. Where sockets without a name have no mode,
            // the folder's has to do for an instant.
            let _ = rustix::fs::fchmod(&socket, Mode::from_raw_mode(OWNER_ONLY));
            socket.bind(path)?;
            fs::set_permissions(path, fs::Permissions::from_mode(OWNER_ONLY))?;
            let metadata = fs::symlink_metadata(path)?;
            Ok(Self {
                listener: socket.listen(BACKLOG)?,
                path: path.to_owned(),
                identity: (metadata.dev(), metadata.ino()),
            })
        }

        pub(in crate::http) fn path(&self) -> &Path {
            &self.path
        }

        pub(in crate::http) async fn accept(&self) -> io::Result<UnixStream> {
            self.listener.accept().await.map(|(stream, _)| stream)
        }
    }

    impl Drop for OwnListener {
        fn drop(&mut self) {
            let is_ours = fs::symlink_metadata(&self.path)
                .is_ok_and(|found| (found.dev(), found.ino()) == self.identity);
            if is_ours {
                // A socket that stays is replaced at the next start.
                let _ = fs::remove_file(&self.path);
            }
        }
    }

    /// Removes a socket that a server left behind that died; anything else stays.
    async fn make_way(path: &Path) -> io::Result<()> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
            Ok(found) if !found.file_type().is_socket() => {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "something else than a socket has this name",
                ));
            }
            Ok(_) => {}
        }
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
            Err(error) => Err(error),
            Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        }
    }
}
