//! Connects to a target: resolves its name once, judges every address, and dials the addresses only.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::address::Policy;
use crate::outbound::error::Error;
use crate::outbound::target::Target;
use crate::outbound::tls;

/// The maximum number of addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// A boxed future.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Resolves host names.
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of `host`, in the order in which to try them.
    fn resolve<'a>(&'a self, host: &'a str) -> Pending<'a, io::Result<Vec<IpAddr>>>;
}

/// Connects to addresses that the policy allows.
pub trait Dial: Send + Sync + 'static {
    /// Connects to `address`.
    fn dial(&self, address: SocketAddr) -> Pending<'_, io::Result<TcpStream>>;
}

/// The system's resolver and TCP.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl Resolve for System {
    fn resolve<'a>(&'a self, host: &'a str) -> Pending<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

impl Dial for System {
    fn dial(&self, address: SocketAddr) -> Pending<'_, io::Result<TcpStream>> {
        Box::pin(TcpStream::connect(address))
    }
}

/// A plain or encrypted connection.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Makes connections that the policy allows.
pub(super) struct Connector {
    pub(super) policy: Policy,
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) dialer: Arc<dyn Dial>,
}

impl Connector {
    /// Connects to a target within `timeout`.
    pub(super) async fn connect(
        &self,
        target: &Target,
        timeout: Duration,
    ) -> Result<Box<dyn Stream>, Error> {
        let until = Instant::now() + timeout;
        let late = |_| Error::TimedOut("while connecting");
        let addresses = timeout_at(until, self.addresses(target))
            .await
            .map_err(late)??;
        let plain = self.dial(target, &addresses, until).await?;
        // A small request should not wait for an acknowledgement. An error only makes it slower.
        let _ = plain.set_nodelay(true);
        if !target.is_https() {
            return Ok(Box::new(plain));
        }
        let distrust = |fault: tls::Fault| Error::Tls(fault.to_string());
        let trust = tls::Trust::machine().map_err(distrust)?;
        let encrypted = timeout_at(until, trust.encrypt(plain, target.host()));
        let encrypted = encrypted.await.map_err(late)?;
        Ok(Box::new(encrypted.map_err(distrust)?))
    }

    /// All addresses of the target's host, judged.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, Error> {
        let host = target.host();
        let found = match host.parse::<IpAddr>() {
            Ok(ip) => vec![ip],
            Err(_) => self
                .resolver
                .resolve(host)
                .await
                .map_err(|error| Error::Resolve(host.to_owned(), error.to_string()))?,
        };
        if found.is_empty() {
            return Err(Error::Resolve(
                host.to_owned(),
                "the name has no address".into(),
            ));
        }
        // One forbidden address forbids the name: the resolver may list it first next time.
        for ip in &found {
            target.judge_address(*ip, &self.policy)?;
        }
        let address = |ip: IpAddr| SocketAddr::new(ip.to_canonical(), target.port());
        Ok(found.into_iter().take(MAX_ADDRESSES).map(address).collect())
    }

    /// Tries the addresses in order, each for its share of the remaining time.
    async fn dial(
        &self,
        target: &Target,
        addresses: &[SocketAddr],
        until: Instant,
    ) -> Result<TcpStream, Error> {
        let mut last = Error::TimedOut("while connecting");
        for (tried, address) in addresses.iter().enumerate() {
            let left = until.saturating_duration_since(Instant::now());
            let share = left / (addresses.len() - tried) as u32;
            match timeout(share, self.dialer.dial(*address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = Error::Connect(target.to_string(), error.to_string()),
                Err(_) => {}
            }
        }
        Err(last)
    }
}
