//! The HTTP client: which addresses it calls, and its timeouts.

mod addresses;
mod exchange;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use cloakroom::address::Policy;
use cloakroom::outbound::{Client, Dial, Error, Pending, Reply, Request, Resolve, Timeouts};
use tokio::net::TcpStream;

use crate::harness::TEST_TIMEOUT;

/// A simulated network: names resolve to the given addresses, each time to the next answer, and all connections lead to
/// one server, if any.
#[derive(Default)]
struct Net {
    names: HashMap<String, Vec<Vec<IpAddr>>>,
    server: Option<SocketAddr>,
    resolved: Mutex<Vec<String>>,
    dialled: Mutex<Vec<SocketAddr>>,
}

impl Net {
    fn new(names: &[(&str, &[&[&str]])], server: Option<SocketAddr>) -> Arc<Self> {
        let ip = |text: &&str| text.parse().expect("an address");
        let answers = |answers: &[&[&str]]| {
            let answers = answers.iter().map(|one| one.iter().map(ip).collect());
            answers.collect()
        };
        let names = names.iter();
        Arc::new(Self {
            names: names
                .map(|(name, all)| ((*name).to_owned(), answers(all)))
                .collect(),
            server,
            ..Self::default()
        })
    }

    fn client(self: &Arc<Self>, policy: &Policy) -> Client {
        let (resolver, dialer) = (Arc::clone(self), Arc::clone(self));
        Client::with(policy.clone(), resolver, dialer)
    }

    fn resolved(&self) -> usize {
        self.resolved.lock().expect("no panic").len()
    }

    fn dialled(&self) -> Vec<SocketAddr> {
        self.dialled.lock().expect("no panic").clone()
    }
}

impl Resolve for Net {
    fn resolve<'a>(&'a self, host: &'a str) -> Pending<'a, io::Result<Vec<IpAddr>>> {
        let mut resolved = self.resolved.lock().expect("no panic");
        let before = resolved.iter().filter(|name| *name == host).count();
        resolved.push(host.to_owned());
        let answers = self.names.get(host);
        let answer = answers.and_then(|answers| answers.get(before.min(answers.len() - 1)));
        let answer = answer.cloned().ok_or(io::ErrorKind::NotFound.into());
        Box::pin(async { answer })
    }
}

impl Dial for Net {
    fn dial(&self, address: SocketAddr) -> Pending<'_, io::Result<TcpStream>> {
        self.dialled.lock().expect("no panic").push(address);
        Box::pin(async {
            match self.server {
                Some(server) => TcpStream::connect(server).await,
                None => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        })
    }
}

/// Only public addresses.
fn public_only() -> Policy {
    Policy::default()
}

/// Private addresses as well.
fn private_too() -> Policy {
    Policy {
        private: true,
        ..Policy::default()
    }
}

/// Private addresses, and these hosts.
fn allowing(names: &[&str]) -> Policy {
    let allow = names.iter().map(|name| name.parse().expect("a name"));
    Policy {
        allow: allow.collect(),
        ..Policy::default()
    }
}

/// Sends a GET.
async fn get(client: &Client, url: &str) -> Result<Reply, Error> {
    let target = client.check(url)?;
    client
        .send(Request::get(target), Timeouts::within(TEST_TIMEOUT))
        .await
}
