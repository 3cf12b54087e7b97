use core::fmt;
use core::net::IpAddr;

/// The addresses that begin with the same bits: `192.0.2.0/24`. An IPv4 address that is written as an IPv6 one is the
/// same address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// Reads `address/bits`, or an address, which is a network of one. `None` when it is neither, or when a bit behind
    /// the prefix is set: whoever wrote that meant something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let Some((address, prefix)) = text.split_once('/') else {
            let address = text.parse::<IpAddr>().ok()?.to_canonical();
            return Some(Self { address, prefix: bits(address) });
        };
        // "+8" is a number to the standard library, and no prefix.
        if !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let network = Self { address: address.parse().ok()?, prefix: prefix.parse().ok()? };
        let clean = network.prefix <= bits(network.address) && network.first(network.address) == network.address;
        clean.then_some(network)
    }

    /// Whether `address` is one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.address.is_ipv4() == address.is_ipv4() && self.first(address) == self.address
    }

    /// `address` with nothing behind the prefix.
    fn first(&self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(address) => {
                let host = u32::MAX.checked_shr(self.prefix).unwrap_or(0);
                IpAddr::V4((address.to_bits() & !host).into())
            }
            IpAddr::V6(address) => {
                let host = u128::MAX.checked_shr(self.prefix).unwrap_or(0);
                IpAddr::V6((address.to_bits() & !host).into())
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

const fn bits(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}
