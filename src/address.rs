//! Which addresses the server may call. Pure: an address is judged by its bits, a name by what it resolved to.
//!
//! The judgement is a list of what is allowed, never one of what is forbidden: an address that is in no range of the
//! public Internet is refused. An address that carries an IPv4 address inside (mapped, NAT64, 6to4, Teredo and their
//! like) is no better than the one inside.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::Deserialize;

/// What jobs and callbacks may reach. The default is the public Internet and nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Loopback and private networks too; see [`may_reach_private`].
    pub private: bool,
    /// What the operator names beyond that.
    pub allow: Vec<Allow>,
}

/// Whether loopback and private targets may be reached: only while nobody but this machine can ask for it. `listen` is
/// every listener that is no unix socket.
pub fn may_reach_private(listen: &[SocketAddr], has_public_url: bool) -> bool {
    !has_public_url && listen.iter().all(|address| address.ip().is_loopback())
}

/// A host or a network that may be reached whatever it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Allow {
    /// A host by its name, in lower case and without a dot at its end. All of its addresses.
    Host(String),
    /// The addresses that begin with the same bits.
    Network {
        /// One of them.
        address: IpAddr,
        /// How many bits.
        bits: u8,
    },
}

/// The text names neither a host nor a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is neither a host's name, an address, nor a network such as 192.168.1.0/24 or fd00::/8"
)]
pub struct NotAllowable(String);

impl FromStr for Allow {
    type Err = NotAllowable;

    fn from_str(text: &str) -> Result<Self, NotAllowable> {
        let wrong = || NotAllowable(text.to_owned());
        if let Some((address, bits)) = text.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| wrong())?;
            let bits = bits.parse().map_err(|_| wrong())?;
            if bits > width(address) {
                return Err(wrong());
            }
            return Ok(Self::Network { address, bits });
        }
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(text).parse::<IpAddr>() {
            let address = address.to_canonical();
            let bits = width(address);
            return Ok(Self::Network { address, bits });
        }
        // As in a URL, so that what is written here and there is compared in the same form.
        match url::Host::parse(text).map_err(|_| wrong())? {
            url::Host::Domain(name) => Ok(Self::Host(plain_name(&name).to_owned())),
            // Digits in one of the old notations: an address, which is to be written plainly.
            _ => Err(wrong()),
        }
    }
}

impl TryFrom<String> for Allow {
    type Error = NotAllowable;

    fn try_from(text: String) -> Result<Self, NotAllowable> {
        text.parse()
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => f.write_str(name),
            Self::Network { address, bits } if *bits == width(*address) => write!(f, "{address}"),
            Self::Network { address, bits } => write!(f, "{address}/{bits}"),
        }
    }
}

impl Allow {
    fn covers(&self, name: &str, ip: IpAddr) -> bool {
        match self {
            Self::Host(host) => host == name,
            Self::Network { address, bits } => match (address, ip) {
                (IpAddr::V4(network), IpAddr::V4(ip)) => {
                    let bits = u32::from(*bits);
                    shared_bits(network.to_bits().into(), ip.to_bits().into(), 32) >= bits
                }
                (IpAddr::V6(network), IpAddr::V6(ip)) => {
                    shared_bits(network.to_bits(), ip.to_bits(), 128) >= u32::from(*bits)
                }
                _ => false,
            },
        }
    }
}

/// How many of the highest of `width` bits are the same.
fn shared_bits(a: u128, b: u128, width: u32) -> u32 {
    (a ^ b).leading_zeros() - (128 - width)
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// A host's name without the dot at its end, which only says that no search list is wanted.
pub(crate) fn plain_name(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

impl Policy {
    /// Judges an address that `host`, a name or an address itself, stands for.
    ///
    /// # Errors
    /// What kind of address it is that may not be reached.
    pub fn judge(&self, host: &str, ip: IpAddr) -> Result<(), Class> {
        // What the system itself takes for an IPv4 address is one.
        let ip = ip.to_canonical();
        let class = Class::of(ip);
        let is_allowed = class == Class::Public
            || (self.private && matches!(class, Class::Loopback | Class::Private))
            || self
                .allow
                .iter()
                .any(|allow| allow.covers(plain_name(host), ip));
        if is_allowed { Ok(()) } else { Err(class) }
    }
}

/// What kind of address it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// On the public Internet.
    Public,
    /// This machine.
    Loopback,
    /// A network of somebody's own: RFC 1918, and RFC 4193.
    Private,
    /// Between a provider and its customers (RFC 6598).
    Shared,
    /// On this cable only; where clouds keep their secrets.
    LinkLocal,
    /// Many at once.
    Multicast,
    /// None at all, which systems take for this machine.
    Unspecified,
    /// Another address in disguise, and not a public one.
    Disguised,
    /// For documentation, for tests, for the future, or of a cloud's own inner workings.
    Reserved,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "a public address",
            Self::Loopback => "a loopback address",
            Self::Private => "an address of a private network",
            Self::Shared => "an address of a provider's shared network",
            Self::LinkLocal => "a link-local address",
            Self::Multicast => "a multicast address",
            Self::Unspecified => "the unspecified address",
            Self::Disguised => "another address in disguise",
            Self::Reserved => "a reserved address",
        })
    }
}

impl Class {
    /// The class of an address.
    pub fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::of_v4(ip),
            IpAddr::V6(ip) => Self::of_v6(ip),
        }
    }

    // IANA's registry of special-purpose addresses, IPv4.
    fn of_v4(ip: Ipv4Addr) -> Self {
        match ip.octets() {
            [0, 0, 0, 0] => Self::Unspecified,
            [127, ..] => Self::Loopback,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Self::Private,
            [100, 64..=127, ..] => Self::Shared,
            [169, 254, ..] => Self::LinkLocal,
            [224..=239, ..] => Self::Multicast,
            // "This network", protocol assignments, documentation, 6to4 relays, measurements, the future, everybody;
            // and the address at which one cloud answers each of its machines.
            [0 | 240..=255, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [168, 63, 129, 16] => Self::Reserved,
            _ => Self::Public,
        }
    }

    // IANA's registry of special-purpose addresses, IPv6. Only 2000::/3 was ever given out to be public.
    fn of_v6(ip: Ipv6Addr) -> Self {
        let part = ip.segments();
        if inside(part).is_some_and(|inside| inside.map(Self::of_v4) != [Self::Public; 2]) {
            return Self::Disguised;
        }
        match part {
            [0, 0, 0, 0, 0, 0, 0, 0] => Self::Unspecified,
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            // What two clouds tell their machines, secrets among it, is told at private addresses. Protocol assignments,
            // among them Teredo, which is no more; documentation, twice.
            [0xfd00, 0x0ec2, ..]
            | [0xfd20, 0x00ce, ..]
            | [0x2001, 0..=0x01ff | 0x0db8, ..]
            | [0x3fff, 0..=0x0fff, ..] => Self::Reserved,
            [0xfc00..=0xfdff, ..] => Self::Private,
            [0xfe80..=0xfebf, ..] => Self::LinkLocal,
            [0xff00..=0xffff, ..] => Self::Multicast,
            // And NAT64 (RFC 6052), how networks without IPv4 reach a public address. Another prefix of it is somebody's
            // own (RFC 8215), with addresses put in as only they know.
            [0x2000..=0x3fff, ..] | [0x0064, 0xff9b, 0, 0, 0, 0, ..] => Self::Public,
            _ => Self::Reserved,
        }
    }
}

/// The IPv4 addresses that an IPv6 address stands for, somewhere on the way.
fn inside(part: [u16; 8]) -> Option<[Ipv4Addr; 2]> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match part {
        // These two look like what comes next, and are not.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // IPv4-compatible (RFC 4291, 2.5.5.1); translated (RFC 2765); NAT64 (RFC 6052); ISATAP (RFC 5214); 6to4 (RFC 3056).
        [0, 0, 0, 0, 0 | 0xffff, 0, high, low]
        | [0x0064, 0xff9b, 0, 0, 0, 0, high, low]
        | [_, _, _, _, 0 | 0x0200, 0x5efe, high, low]
        | [0x2002, high, low, ..] => Some([v4(high, low); 2]),
        // Teredo (RFC 4380): its server, and its client with every bit turned.
        [0x2001, 0, high, low, _, _, client_high, client_low] => {
            Some([v4(high, low), v4(!client_high, !client_low)])
        }
        _ => None,
    }
}
