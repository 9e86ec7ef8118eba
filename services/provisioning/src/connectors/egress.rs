//! Which addresses a connector may speak to. What is checked here is what is connected to: names are
//! looked up once, and whoever connects is handed the addresses that passed.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

use super::code;

/// The addresses within reach, besides those of the public internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Egress(Arc<Vec<Allowed>>);

/// An exception: a network, an address, or a host by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Allowed {
    Net(IpNet),
    Host(String),
}

/// An address that nothing allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Barred(Reach);

/// What an address belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Public,
    /// This host, this network, or nobody's.
    Private,
    /// Where clouds tell a machine its credentials.
    Metadata,
}

/// Why a host has no address to connect to.
#[derive(Debug)]
pub(super) enum Unresolved {
    Barred(Barred),
    Lookup(io::Error),
}

/// The services of clouds that tell a machine its credentials; some of them at public addresses.
const METADATA: [IpAddr; 10] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 42, 42)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Networks that are not part of the public internet (RFC 6890 and its registries).
const PRIVATE: [&str; 23] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

impl Egress {
    /// Allows this host, where applications run beside the service.
    #[must_use]
    pub fn loopback() -> Self {
        Self::try_new(["127.0.0.0/8", "::1/128"]).unwrap_or_default()
    }

    /// Allows networks, addresses and hosts.
    ///
    /// # Errors
    /// With the first that is none of them.
    pub fn try_new<'a>(allowed: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let allowed: Result<Vec<Allowed>, String> = allowed.into_iter().map(str::parse).collect();
        allowed.map(|allowed| Self(Arc::new(allowed)))
    }

    /// Checks one address of a host.
    pub(super) fn check(&self, host: &str, address: IpAddr) -> Result<(), Barred> {
        let (reach, inner) = reach(address);
        let named = |allowed: &Allowed| match (allowed, reach) {
            (_, Reach::Public) => true,
            (Allowed::Host(name), Reach::Private) => name.eq_ignore_ascii_case(host),
            (Allowed::Host(_), Reach::Metadata) => false,
            (Allowed::Net(net), Reach::Private) => net.contains(&address) || net.contains(&inner),
            // A network that happens to hold it is not enough.
            (Allowed::Net(net), Reach::Metadata) => {
                net.prefix_len() == net.max_prefix_len() && net.addr() == inner
            }
        };
        match reach == Reach::Public || self.0.iter().any(named) {
            true => Ok(()),
            false => Err(Barred(reach)),
        }
    }

    /// Returns the addresses of a host that may be connected to.
    pub(super) async fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, Unresolved> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_name) => {
                let found = tokio::net::lookup_host((bare, port)).await;
                found.map_err(Unresolved::Lookup)?.collect()
            }
        };
        let mut barred = None;
        let mut admitted = Vec::with_capacity(found.len());
        for address in found {
            match self.check(bare, address.ip()) {
                Ok(()) => admitted.push(address),
                Err(refused) => barred = Some(refused),
            }
        }
        match barred {
            Some(refused) if admitted.is_empty() => Err(Unresolved::Barred(refused)),
            Some(_) | None => Ok(admitted),
        }
    }
}

/// Looks names up for an HTTP client: the one host of its application, and no other.
#[derive(Debug)]
pub(super) struct Resolver {
    pub(super) egress: Egress,
    pub(super) host: String,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let egress = self.egress.clone();
        let ours = name.as_str().eq_ignore_ascii_case(&self.host);
        Box::pin(async move {
            if !ours {
                return Err(Barred(Reach::Private).into());
            }
            match egress.resolve(name.as_str(), 0).await {
                Ok(admitted) => Ok(Box::new(admitted.into_iter()) as Addrs),
                Err(Unresolved::Barred(barred)) => Err(barred.into()),
                Err(Unresolved::Lookup(error)) => Err(error.into()),
            }
        })
    }
}

/// Whether an error came of an address that is not allowed.
pub(super) fn barred(error: &(dyn Error + 'static)) -> Option<Barred> {
    let mut error = Some(error);
    while let Some(this) = error {
        if let Some(barred) = this.downcast_ref::<Barred>() {
            return Some(*barred);
        }
        error = this.source();
    }
    None
}

/// What an address belongs to, and the address that it stands for in the end.
fn reach(address: IpAddr) -> (Reach, IpAddr) {
    let inner = match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => embedded(address).map_or(IpAddr::V6(address), IpAddr::V4),
    };
    if METADATA.contains(&inner) {
        return (Reach::Metadata, inner);
    }
    let is_private = |address: IpAddr| match address {
        IpAddr::V6(v6) if v6.is_loopback() || v6.is_unspecified() => true,
        IpAddr::V4(_) | IpAddr::V6(_) => PRIVATE
            .iter()
            .filter_map(|net| net.parse::<IpNet>().ok())
            .any(|net| net.contains(&address)),
    };
    match is_private(inner) || is_private(address) {
        true => (Reach::Private, inner),
        false => (Reach::Public, inner),
    }
}

/// The IPv4 address that an IPv6 one leads to: mapped, compatible, translated (NAT64) or by 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match [a, b, c, d, e, f] {
        // `::` and `::1` are no IPv4 addresses.
        [0, 0, 0, 0, 0, 0] if g != 0 => Some(v4(g, h)),
        [0, 0, 0, 0, 0, 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => {
            Some(v4(g, h))
        }
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(Self::Net(net.trunc()));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Net(IpNet::from(address)));
        }
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_name = text.bytes().all(is_of_name) && text.contains(|c: char| c.is_alphabetic());
        match is_name {
            true => Ok(Self::Host(text.to_owned())),
            false => Err(format!(
                "`{text}` is no network, address or host; write for instance 10.0.0.0/8 or ldap.city.example"
            )),
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net(net) => net.fmt(f),
            Self::Host(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for Barred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match self.0 {
            Reach::Public | Reach::Private => "is not one of the public internet",
            Reach::Metadata => "is where a cloud tells a machine its credentials",
        };
        write!(f, "{}: the address {whose}, and egress.allow does not name it", code::EGRESS)
    }
}

impl Error for Barred {}

/// A list of texts.
impl Serialize for Egress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

/// A list of texts, or one text with commas, as an environment variable has it.
impl<'de> Deserialize<'de> for Egress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;

        impl<'de> Visitor<'de> for Texts {
            type Value = Egress;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("networks, addresses or hosts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Egress, E> {
                let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
                Egress::try_new(texts).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<Egress, A::Error> {
                let mut allowed = Vec::new();
                while let Some(text) = texts.next_element::<String>()? {
                    allowed.push(text.parse().map_err(de::Error::custom)?);
                }
                Ok(Egress(Arc::new(allowed)))
            }
        }

        deserializer.deserialize_any(Texts)
    }
}

#[cfg(test)]
mod tests;
