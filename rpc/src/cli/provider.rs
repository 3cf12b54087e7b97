//! `--provider`: whose arithmetic is used.

use std::fmt;

use ssh_proto::crypto::CryptoProvider;
use ssh_proto::crypto::rustcrypto::PROVIDER as RUSTCRYPTO;
use ssh_transport::identity::Identity;

/// A crypto provider, and what it does for private keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Provider {
    name: &'static str,
    pub(crate) provider: &'static dyn CryptoProvider,
    /// Has the key sign by this provider, where it can.
    pub(crate) sign: fn(Identity) -> Identity,
}

/// All that this program was built with; the first is the default.
const PROVIDERS: &[Provider] = &[
    Provider { name: "rustcrypto", provider: &RUSTCRYPTO, sign: std::convert::identity },
    #[cfg(feature = "aws-lc")]
    Provider { name: "aws-lc", provider: &ssh_transport::aws_lc::PROVIDER, sign: Identity::with_aws_lc },
];

pub(crate) fn parse(name: &str) -> Result<Provider, String> {
    let names: Vec<&str> = PROVIDERS.iter().map(|provider| provider.name).collect();
    let found = PROVIDERS.iter().find(|provider| provider.name == name).copied();
    found.ok_or_else(|| format!("this program was built with {}", names.join(" and ")))
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
