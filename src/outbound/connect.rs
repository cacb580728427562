//! From a name to a connection: resolved once, every address judged, and dialled by address, never again by name.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Error, Target, tls};
use crate::address::Policy;

/// Addresses of one name that are tried; who has more has some that answer among the first.
const ADDRESSES: usize = 8;

/// Work that waits, by name.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Finds a name's addresses.
pub trait Resolve: Send + Sync + 'static {
    /// Every address of `host`, in the order in which to try them.
    fn resolve<'a>(&'a self, host: &'a str) -> Pending<'a, io::Result<Vec<IpAddr>>>;
}

/// Opens connections to addresses that were judged.
pub trait Dial: Send + Sync + 'static {
    /// A connection to `address` itself.
    fn dial(&self, address: SocketAddr) -> Pending<'_, io::Result<TcpStream>>;
}

/// The system's way of doing both.
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

/// A connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// How connections are made.
pub(super) struct Connector {
    pub(super) policy: Policy,
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) dialer: Arc<dyn Dial>,
}

impl Connector {
    /// Connects to a target within `patience`.
    pub(super) async fn connect(
        &self,
        target: &Target,
        patience: Duration,
    ) -> Result<Box<dyn Stream>, Error> {
        let until = Instant::now() + patience;
        let late = |_| Error::TimedOut("the connection was made");
        let addresses = timeout_at(until, self.addresses(target))
            .await
            .map_err(late)??;
        let plain = self.dial(target, &addresses, until).await?;
        // A small request should not wait for an acknowledgement; where that cannot be said, it waits.
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

    /// Every address that the target's host stands for, all of them judged.
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
            return Err(Error::Resolve(host.to_owned(), "it has no address".into()));
        }
        // One that must not be called condemns them all: the next answer might put it first.
        for ip in &found {
            target.judge_address(*ip, &self.policy)?;
        }
        let address = |ip: IpAddr| SocketAddr::new(ip.to_canonical(), target.port());
        Ok(found.into_iter().take(ADDRESSES).map(address).collect())
    }

    /// Dials one after the other, each for its share of the time that is left.
    async fn dial(
        &self,
        target: &Target,
        addresses: &[SocketAddr],
        until: Instant,
    ) -> Result<TcpStream, Error> {
        let mut last = Error::TimedOut("the connection was made");
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
