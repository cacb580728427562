//! Decides which addresses the server may connect to. Pure: judges an address by its bits, a name by its resolved address.
//!
//! The rules list what is allowed, not what is forbidden: an address outside every range of the public Internet is
//! refused. An address that embeds an IPv4 address (mapped, NAT64, 6to4, Teredo and similar) is judged by that address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::Deserialize;

/// What jobs and callbacks may connect to. By default only the public Internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Loopback and private networks are allowed too; see [`may_reach_private`].
    pub private: bool,
    /// Hosts and networks that the operator allows in addition.
    pub allow: Vec<Allow>,
}

/// Whether loopback and private targets may be reached: only if nothing but this machine can send requests. `listen`
/// holds every listener except Unix sockets.
pub fn may_reach_private(listen: &[SocketAddr], has_public_url: bool) -> bool {
    !has_public_url && listen.iter().all(|address| address.ip().is_loopback())
}

/// A host or a network that is always allowed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Allow {
    /// A host name, in lower case and without a trailing dot, with all of its addresses.
    Host(String),
    /// The addresses that share a prefix.
    Network {
        /// An address in the network.
        address: IpAddr,
        /// The length of the prefix in bits.
        bits: u8,
    },
}

/// The text is neither a host nor a network.
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
        // Parsed like the host of a URL, so that both compare equal.
        match url::Host::parse(text).map_err(|_| wrong())? {
            url::Host::Domain(name) => Ok(Self::Host(plain_name(&name).to_owned())),
            // An IPv4 address in an obsolete notation; it has to be written in the usual one.
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

/// How many leading bits of the lowest `width` bits are equal.
fn shared_bits(a: u128, b: u128, width: u32) -> u32 {
    (a ^ b).leading_zeros() - (128 - width)
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// A host name without its trailing dot, which only disables the resolver's search list.
pub(crate) fn plain_name(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

impl Policy {
    /// Checks `ip`, an address of `host`, which is a name or an address itself.
    ///
    /// # Errors
    /// The class of the address, if it is not allowed.
    pub fn check(&self, host: &str, ip: IpAddr) -> Result<(), Class> {
        // The operating system treats IPv4-mapped addresses as IPv4.
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

/// The class of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// On the public Internet.
    Public,
    /// This machine.
    Loopback,
    /// A private network (RFC 1918, RFC 4193).
    Private,
    /// Between a provider and its customers (RFC 6598).
    Shared,
    /// On the local link only; cloud metadata services use such addresses.
    LinkLocal,
    /// A multicast group.
    Multicast,
    /// The unspecified address, which systems take for this machine.
    Unspecified,
    /// Embeds an IPv4 address that is not public.
    Disguised,
    /// Reserved for documentation, tests, future use, or a cloud's internal services.
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
            // "This network", protocol assignments, documentation, 6to4 relays, benchmarks, future use, broadcast, and the
            // address at which Azure serves each of its machines.
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

    // IANA's registry of special-purpose addresses, IPv6. Only 2000::/3 is allocated for public use.
    fn of_v6(ip: Ipv6Addr) -> Self {
        let part = ip.segments();
        if inside(part).is_some_and(|inside| inside.map(Self::of_v4) != [Self::Public; 2]) {
            return Self::Disguised;
        }
        match part {
            [0, 0, 0, 0, 0, 0, 0, 0] => Self::Unspecified,
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            // The private addresses at which AWS and Google Cloud serve metadata, including secrets, to their machines. Then
            // protocol assignments, including the obsolete Teredo, and the two documentation prefixes.
            [0xfd00, 0x0ec2, ..]
            | [0xfd20, 0x00ce, ..]
            | [0x2001, 0..=0x01ff | 0x0db8, ..]
            | [0x3fff, 0..=0x0fff, ..] => Self::Reserved,
            [0xfc00..=0xfdff, ..] => Self::Private,
            [0xfe80..=0xfebf, ..] => Self::LinkLocal,
            [0xff00..=0xffff, ..] => Self::Multicast,
            // The last pattern is NAT64 (RFC 6052), with which IPv6-only networks reach public addresses. Its other prefix
            // (RFC 8215) is local to a network, with an unknown layout.
            [0x2000..=0x3fff, ..] | [0x0064, 0xff9b, 0, 0, 0, 0, ..] => Self::Public,
            _ => Self::Reserved,
        }
    }
}

/// The IPv4 addresses that an IPv6 address embeds.
fn inside(part: [u16; 8]) -> Option<[Ipv4Addr; 2]> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match part {
        // The unspecified and the loopback address match the next pattern but embed no IPv4 address.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // IPv4-compatible (RFC 4291, 2.5.5.1); translated (RFC 2765); NAT64 (RFC 6052); ISATAP (RFC 5214); 6to4 (RFC 3056).
        [0, 0, 0, 0, 0 | 0xffff, 0, high, low]
        | [0x0064, 0xff9b, 0, 0, 0, 0, high, low]
        | [_, _, _, _, 0 | 0x0200, 0x5efe, high, low]
        | [0x2002, high, low, ..] => Some([v4(high, low); 2]),
        // Teredo (RFC 4380): the server's address, and the client's address with every bit inverted.
        [0x2001, 0, high, low, _, _, client_high, client_low] => {
            Some([v4(high, low), v4(!client_high, !client_low)])
        }
        _ => None,
    }
}
