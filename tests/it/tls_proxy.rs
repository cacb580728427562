//! A proxy between client and server, with optional TLS and a path prefix, that can break connections.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// Where a connection breaks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Break {
    /// Before the request has reached the server.
    Request,
    /// After this number of bytes of the reply.
    Reply(u64),
}

/// The state shared by all connections.
#[derive(Default)]
struct ProxyState {
    /// The server that requests are forwarded to.
    server: Option<SocketAddr>,
    /// The prefix of paths, which is removed.
    prefix: String,
    /// For the next requests whose first line begins like this, in this order.
    breaks: VecDeque<(&'static str, Break)>,
    /// The first lines of all requests.
    seen: Vec<String>,
}

/// A proxy on its own port, until dropped.
pub(crate) struct TlsProxy {
    address: SocketAddr,
    state: Arc<Mutex<ProxyState>>,
    _runtime: tokio::runtime::Runtime,
}

impl TlsProxy {
    /// A proxy that forwards nothing before [`TlsProxy::forward_to`].
    pub(crate) fn new(tls: Option<Arc<ServerConfig>>, prefix: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(Mutex::new(ProxyState {
            prefix: prefix.to_owned(),
            ..ProxyState::default()
        }));
        let shared = Arc::clone(&state);
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let (state, tls) = (Arc::clone(&shared), tls.clone().map(TlsAcceptor::from));
                tokio::spawn(async move {
                    match tls {
                        None => pass(stream, &state).await,
                        // A client that rejects the certificate closes the connection.
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => pass(stream, &state).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self {
            address,
            state,
            _runtime: runtime,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Forwards requests to this server from now on.
    pub(crate) fn forward_to(&self, server: SocketAddr) {
        self.state.lock().expect("no panic").server = Some(server);
    }

    /// Breaks the connections of these requests, each once, in this order.
    pub(crate) fn break_connections(&self, breaks: &[(&'static str, Break)]) {
        self.state.lock().expect("no panic").breaks.extend(breaks);
    }

    /// The first lines of all requests.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.state.lock().expect("no panic").seen.clone()
    }

    /// The number of breaks that have not happened yet.
    pub(crate) fn remaining_breaks(&self) -> usize {
        self.state.lock().expect("no panic").breaks.len()
    }
}

/// Forwards one connection's request with `connection: close`.
async fn pass(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    state: &Mutex<ProxyState>,
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("text");
    let (line, rest) = head.split_once("\r\n").expect("a line");
    let (server, line, cut) = {
        let mut state = state.lock().expect("no panic");
        state.seen.push(line.to_owned());
        let plain = line.replacen(&format!(" {}/", state.prefix), " /", 1);
        let is_hit = state
            .breaks
            .front()
            .is_some_and(|(begin, _)| line.starts_with(begin));
        let cut = if is_hit {
            state.breaks.pop_front()
        } else {
            None
        };
        let is_ours = state.prefix.is_empty() || plain != line;
        (
            state.server.filter(|_| is_ours),
            plain,
            cut.map(|(_, cut)| cut),
        )
    };
    if let Some(Break::Request) = cut {
        return None;
    }
    let connected = match server {
        Some(server) => TcpStream::connect(server).await.ok(),
        None => None,
    };
    let Some(mut server) = connected else {
        let reply = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 5\r\n\r\nnone\n";
        stream.write_all(reply).await.ok()?;
        return stream.shutdown().await.ok();
    };
    let head = format!("{line}\r\nconnection: close\r\n{rest}");
    server.write_all(head.as_bytes()).await.ok()?;
    let (mut down, mut up) = server.split();
    let (mut from, mut to) = tokio::io::split(stream);
    let bytes = match cut {
        Some(Break::Reply(bytes)) => bytes,
        _ => u64::MAX,
    };
    let mut reply = (&mut down).take(bytes);
    tokio::select! {
        _ = tokio::io::copy(&mut reply, &mut to) => {}
        // When the client disconnects, the server sees the end of its request.
        _ = tokio::io::copy(&mut from, &mut up) => {}
    }
    to.shutdown().await.ok()
}
