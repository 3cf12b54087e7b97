use std::net::IpAddr;

use ssh_proto::keys::Network;

use crate::files::LineProblem;
use crate::files::pattern::{self, Item, Sign, wildcard};

/// The pattern list of `from`. Names of hosts match nothing: whoever owns an address can give it any name.
#[derive(Clone, Debug)]
pub(super) struct Sources(Vec<Item<Source>>);

impl Sources {
    /// Positive patterns that match nothing are only worth a warning; everything else that is not understood might be
    /// there to keep somebody out.
    pub(super) fn parse(list: &str, problems: &mut Vec<LineProblem>) -> Result<Self, LineProblem> {
        let mut sources = Vec::new();
        for item in pattern::items(list).map(|item| item.map(str::trim)) {
            let (sign, text) = (item.sign, item.what);
            match Source::parse(text) {
                Some(what) => sources.push(Item { sign, what }),
                None if sign == Sign::Plain && is_name(text) => problems.push(LineProblem::SourceName(text.to_owned())),
                None => return Err(LineProblem::Source(text.to_owned())),
            }
        }
        Ok(Self(sources))
    }

    pub(super) fn contain(&self, address: IpAddr) -> bool {
        // An IPv4 address is the same one when it arrives on an IPv6 socket.
        let address = address.to_canonical();
        pattern::admits(&self.0, |source| source.contains(address))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Network(Network),
    /// With wildcards, for an address as text.
    Pattern(String),
}

impl Source {
    fn parse(text: &str) -> Option<Self> {
        if text.contains('/') || text.parse::<IpAddr>().is_ok() {
            return Network::parse(text).map(Self::Network);
        }
        let is_pattern =
            text.contains(['*', '?']) && text.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.*?".contains(&byte));
        is_pattern.then(|| Self::Pattern(text.to_ascii_lowercase()))
    }

    fn contains(&self, address: IpAddr) -> bool {
        match self {
            Self::Network(network) => network.contains(address),
            Self::Pattern(pattern) => wildcard(pattern.as_bytes(), address.to_string().as_bytes()),
        }
    }
}

/// What could be the name of a host, or a pattern of such.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.*?".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(list: &str, address: &str) -> bool {
        Sources::parse(list, &mut Vec::new()).unwrap().contain(address.parse().unwrap())
    }

    #[test]
    fn addresses_networks_and_patterns() {
        for (list, address, expected) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("192.0.2.0/24,10.0.0.0/8", "10.255.1.2", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:DB8:0::1", "2001:db8::1", true),
            ("192.0.2.1/32", "192.0.2.1", true),
            ("192.0.2.?", "192.0.2.7", true),
            ("192.0.2.?", "192.0.2.77", false),
            ("192.0.*", "192.0.2.77", true),
            ("2001:DB8:*", "2001:db8::1", true),
            ("*", "192.0.2.1", true),
            ("*,!192.0.2.0/24", "192.0.2.1", false),
            ("!192.0.2.1,192.0.2.*", "192.0.2.1", false),
            ("!192.0.2.1,192.0.2.*", "192.0.2.2", true),
            ("!192.0.2.1", "192.0.2.2", false),
        ] {
            assert_eq!(contains(list, address), expected, "{list} {address}");
        }
    }

    #[test]
    fn a_name_matches_nothing_and_says_so() {
        let mut problems = Vec::new();
        let sources = Sources::parse("*.example.com, 192.0.2.1", &mut problems).unwrap();
        assert!(sources.contain("192.0.2.1".parse().unwrap()));
        assert_eq!(problems, [LineProblem::SourceName("*.example.com".into())]);
    }

    #[test]
    fn what_might_be_there_to_keep_somebody_out_is_an_error() {
        for list in ["", "!bad.example.com,*", "192.0.2.1/24", "192.0.2.0/33", "::/129", "192.0.2", "a b", "1/", "*,,"]
        {
            assert!(Sources::parse(list, &mut Vec::new()).is_err(), "{list:?}");
        }
    }
}
