//! Our algorithms, from the provider's tables.

use ssh_proto::Algorithms;
use ssh_proto::algorithms::Compression;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::crypto::{KexMethod, KexRoles, Tier};

use crate::kexinit::Offer;
use crate::report::Role;
use crate::table::Key;

/// What is negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Kex,
    HostKey,
    Cipher,
    Mac,
    Compression,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Kex, Self::HostKey, Self::Cipher, Self::Mac, Self::Compression];

    /// For the matrix.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Kex => "key exchange",
            Self::HostKey => "host key",
            Self::Cipher => "cipher",
            Self::Mac => "MAC",
            Self::Compression => "compression",
        }
    }

    /// All that we have against a peer in this role, in our order of preference. Certificates and keys in security keys are
    /// not among the host keys: the former need an authority, the latter a hand.
    pub(crate) fn names(self, peer: Role) -> Vec<&'static str> {
        let all = everything();
        let is_ours = |method: &&KexMethod| peer == Role::Server || method.roles == KexRoles::Both;
        match self {
            Self::Kex => all.kex.iter().filter(is_ours).map(|method| method.name).collect(),
            Self::HostKey => all.host_keys.iter().map(|method| method.name).filter(|name| is_plain(name)).collect(),
            Self::Cipher => all.ciphers.iter().map(|method| method.name).collect(),
            Self::Mac => all.macs.iter().map(|method| method.name).collect(),
            Self::Compression => {
                Compression::ALL.iter().map(Compression::name).filter(|name| *name != "none").collect()
            }
        }
    }

    /// Whether the peer has it, both ways.
    pub(crate) fn is_offered(self, name: &str, offer: &Offer) -> bool {
        let lists: &[&Vec<String>] = match self {
            Self::Kex => &[&offer.kex],
            Self::HostKey => &[&offer.host_keys],
            Self::Cipher => &[&offer.ciphers_to_server, &offer.ciphers_to_client],
            Self::Mac => &[&offer.macs_to_server, &offer.macs_to_client],
            Self::Compression => &[&offer.compression_to_server, &offer.compression_to_client],
        };
        let offered = lists.iter().all(|list| list.iter().any(|offered| offered == name));
        // A MAC beside nothing but ciphers that authenticate is never used.
        let ciphers = everything().ciphers;
        let used =
            || ciphers.iter().any(|method| needs_mac(method.name) && Self::Cipher.is_offered(method.name, offer));
        offered && (self != Self::Mac || used())
    }

    /// Leaves one algorithm of the kind.
    pub(crate) fn limit(self, algorithms: &mut Algorithms, name: &str) {
        match self {
            Self::Kex => algorithms.kex.retain(|method| method.name == name),
            Self::HostKey => algorithms.host_keys.retain(|method| method.name == name),
            Self::Cipher => algorithms.ciphers.retain(|method| method.name == name),
            Self::Compression => {
                algorithms.compression =
                    Compression::ALL.iter().copied().filter(|method| method.name() == name).collect();
            }
            Self::Mac => {
                algorithms.macs.retain(|method| method.name == name);
                // A cipher that authenticates needs no MAC: none would be agreed on.
                algorithms.ciphers.retain(|method| needs_mac(method.name));
            }
        }
    }
}

fn needs_mac(cipher: &str) -> bool {
    cipher.ends_with("-ctr") || cipher.ends_with("-cbc")
}

fn is_plain(name: &str) -> bool {
    !name.contains("-cert-v0") && !name.starts_with("sk-") && !name.starts_with("webauthn-sk-")
}

/// Everything that we have, of every tier.
pub(crate) fn everything() -> Algorithms {
    let mut all = Algorithms::up_to(Tier::Legacy, &PROVIDER);
    all.host_keys.retain(|method| is_plain(method.name));
    all
}

/// The types of user keys that we can use and let in.
pub(crate) fn user_keys() -> Vec<Key> {
    let all = everything();
    Key::ALL.into_iter().filter(|key| all.user_keys.iter().any(|method| method.key_type == key.wire())).collect()
}
