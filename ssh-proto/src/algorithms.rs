//! Which algorithms a connection offers, in order of preference.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::crypto::{CipherMethod, CryptoProvider, KexMethod, MacMethod, SignatureMethod, Signers, Tier};
pub use crate::transport::Compression;

/// Lists of algorithms in order of preference: what our KEXINIT offers, and which signatures of users and authorities we
/// accept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Algorithms {
    /// Key exchange methods.
    pub kex: Vec<KexMethod>,
    /// Signature algorithms of host keys; of their certificates after [`Self::offer_host_certificates`].
    pub host_keys: Vec<SignatureMethod>,
    /// Ciphers.
    pub ciphers: Vec<CipherMethod>,
    /// MACs.
    pub macs: Vec<MacMethod>,
    /// How payloads are compressed after the login: not at all, unless said otherwise.
    pub compression: Vec<Compression>,
    /// Signature algorithms of user keys and their certificates (a server's `server-sig-algs`, RFC 8308 §3.1).
    pub user_keys: Vec<SignatureMethod>,
    /// Signature algorithms by which authorities may sign certificates.
    pub authorities: Vec<SignatureMethod>,
}

impl Algorithms {
    /// Everything that `provider` has up to `tier`, in its order.
    #[must_use]
    pub fn up_to(tier: Tier, provider: &dyn CryptoProvider) -> Self {
        let signatures: Vec<SignatureMethod> =
            provider.signatures().iter().filter(|method| method.tier <= tier).copied().collect();
        Self {
            kex: provider.key_exchanges().iter().filter(|method| method.tier <= tier).copied().collect(),
            host_keys: signatures.iter().filter(|method| method.signers == Signers::UsersAndHosts).copied().collect(),
            ciphers: provider.ciphers().iter().filter(|method| method.tier <= tier).copied().collect(),
            macs: provider.macs().iter().filter(|method| method.tier <= tier).copied().collect(),
            compression: Vec::from([Compression::NONE]),
            user_keys: signatures
                .iter()
                .filter_map(SignatureMethod::for_certificates)
                .chain(signatures.clone())
                .collect(),
            authorities: signatures,
        }
    }

    /// The same algorithms, calculated by `provider`. Those that it lacks are left out.
    #[must_use]
    pub fn by(&self, provider: &dyn CryptoProvider) -> Self {
        let signatures = with_certificates(provider);
        Self {
            kex: replace(&self.kex, provider.key_exchanges(), |method| method.name),
            host_keys: replace(&self.host_keys, &signatures, |method| method.name),
            ciphers: replace(&self.ciphers, provider.ciphers(), |method| method.name),
            macs: replace(&self.macs, provider.macs(), |method| method.name),
            compression: self.compression.clone(),
            user_keys: replace(&self.user_keys, &signatures, |method| method.name),
            authorities: replace(&self.authorities, &signatures, |method| method.name),
        }
    }

    /// Offers exactly the key exchange methods of the comma-separated `names`, of whatever tier, in that order.
    ///
    /// # Errors
    /// When the provider does not have one of them.
    pub fn select_kex(&mut self, provider: &dyn CryptoProvider, names: &str) -> Result<(), UnknownAlgorithm> {
        self.kex = select(names, provider.key_exchanges(), |method| method.name)?;
        Ok(())
    }

    /// Offers exactly the ciphers of the comma-separated `names`, of whatever tier, in that order.
    ///
    /// # Errors
    /// When the provider does not have one of them.
    pub fn select_ciphers(&mut self, provider: &dyn CryptoProvider, names: &str) -> Result<(), UnknownAlgorithm> {
        self.ciphers = select(names, provider.ciphers(), |method| method.name)?;
        Ok(())
    }

    /// Offers exactly the MACs of the comma-separated `names`, of whatever tier, in that order.
    ///
    /// # Errors
    /// When the provider does not have one of them.
    pub fn select_macs(&mut self, provider: &dyn CryptoProvider, names: &str) -> Result<(), UnknownAlgorithm> {
        self.macs = select(names, provider.macs(), |method| method.name)?;
        Ok(())
    }

    /// Offers exactly the methods of compression of the comma-separated `names`, in that order: `zlib@openssh.com,none`
    /// compresses where the peer can, `none,zlib@openssh.com` where a client asks for it.
    ///
    /// # Errors
    /// When this build does not have one of them.
    pub fn select_compression(&mut self, names: &str) -> Result<(), UnknownAlgorithm> {
        self.compression = select(names, Compression::ALL, Compression::name)?;
        Ok(())
    }

    /// Offers exactly the host key algorithms of the comma-separated `names`, of whatever tier, in that order.
    ///
    /// # Errors
    /// When the provider does not have one of them.
    pub fn select_host_keys(&mut self, provider: &dyn CryptoProvider, names: &str) -> Result<(), UnknownAlgorithm> {
        let mut methods = with_certificates(provider);
        methods.retain(|method| method.signers == Signers::UsersAndHosts);
        self.host_keys = select(names, &methods, |method| method.name)?;
        Ok(())
    }

    /// Accepts exactly the user key algorithms of the comma-separated `names`, of whatever tier.
    ///
    /// # Errors
    /// When the provider does not have one of them.
    pub fn select_user_keys(&mut self, provider: &dyn CryptoProvider, names: &str) -> Result<(), UnknownAlgorithm> {
        self.user_keys = select(names, &with_certificates(provider), |method| method.name)?;
        Ok(())
    }

    /// Accepts certificates whose authorities signed by exactly the algorithms of the comma-separated `names`, of whatever
    /// tier.
    ///
    /// # Errors
    /// When the provider does not have one of them.
    pub fn select_authorities(&mut self, provider: &dyn CryptoProvider, names: &str) -> Result<(), UnknownAlgorithm> {
        self.authorities = select(names, provider.signatures(), |method| method.name)?;
        Ok(())
    }

    /// Puts before the host key algorithms those for certificates of the same keys. A client does so when it knows an
    /// authority for the host, a server when it has a certificate.
    pub fn offer_host_certificates(&mut self) {
        let (mut offered, plain): (Vec<_>, Vec<_>) =
            self.host_keys.drain(..).partition(|method| method.name != method.signature_name);
        for method in plain.iter().filter_map(SignatureMethod::for_certificates) {
            if !offered.iter().any(|other| other.name == method.name) {
                offered.push(method);
            }
        }
        offered.extend(plain);
        self.host_keys = offered;
    }

    /// Puts the host key algorithms for keys of `key_types` first, the others behind them: a client that knows a host
    /// asks it for the key that it knows.
    pub fn prefer_host_key_types(&mut self, key_types: &[&str]) {
        self.host_keys.sort_by_key(|method| !key_types.contains(&method.key_type));
    }

    /// A list without which no connection can be made, and in which there is nothing.
    #[must_use]
    pub const fn missing(&self) -> Option<Missing> {
        if self.kex.is_empty() {
            Some(Missing::KeyExchange)
        } else if self.host_keys.is_empty() {
            Some(Missing::HostKeys)
        } else if self.ciphers.is_empty() {
            Some(Missing::Ciphers)
        } else if self.compression.is_empty() {
            Some(Missing::Compression)
        } else {
            None
        }
    }
}

/// A list of which nothing would be offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// Key exchange methods.
    KeyExchange,
    /// Signature algorithms of host keys: a server's keys may all be of types that are off.
    HostKeys,
    /// Ciphers.
    Ciphers,
    /// Methods of compression, of which `none` is one.
    Compression,
}

/// The signature algorithms of the provider, and those for certificates of their keys.
fn with_certificates(provider: &dyn CryptoProvider) -> Vec<SignatureMethod> {
    let plain = provider.signatures();
    plain.iter().filter_map(SignatureMethod::for_certificates).chain(plain.iter().copied()).collect()
}

fn replace<T: Copy>(rows: &[T], table: &[T], name_of: fn(&T) -> &'static str) -> Vec<T> {
    let same = |row: &T| table.iter().find(|method| name_of(method) == name_of(row)).copied();
    rows.iter().filter_map(same).collect()
}

fn select<T: Copy>(names: &str, table: &[T], name_of: fn(&T) -> &'static str) -> Result<Vec<T>, UnknownAlgorithm> {
    names
        .split(',')
        .map(str::trim)
        .map(|name| {
            table
                .iter()
                .find(|method| name_of(method) == name)
                .copied()
                .ok_or_else(|| UnknownAlgorithm { name: name.to_owned(), known: table.iter().map(name_of).collect() })
        })
        .collect()
}

/// A name that the provider's table does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownAlgorithm {
    /// The name that was asked for.
    pub name: String,
    /// The names that there are.
    pub known: Vec<&'static str>,
}

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no algorithm is named {:?}; there are:", self.name)?;
        self.known.iter().try_for_each(|name| write!(f, " {name}"))
    }
}

impl core::error::Error for UnknownAlgorithm {}
