use base64ct::{Base64, Encoding};
use hmac::digest::block_api::Block;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::files::pattern::PatternList;

/// A host as the files name it: in lower case, and in brackets when it stands with a port that is not SSH's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostName {
    exact: String,
    /// When it differs.
    without_port: Option<String>,
}

impl HostName {
    pub(super) fn new(host: &str, port: u16) -> Self {
        let host = host.to_ascii_lowercase();
        match port {
            22 => Self { exact: host, without_port: None },
            _ => Self { exact: format!("[{host}]:{port}"), without_port: Some(host) },
        }
    }

    pub(super) fn exact(&self) -> &str {
        &self.exact
    }

    pub(super) fn without_port(&self) -> Option<&str> {
        self.without_port.as_deref()
    }

    /// Both.
    pub(super) fn each(&self) -> impl Iterator<Item = &str> {
        [Some(self.exact()), self.without_port()].into_iter().flatten()
    }
}

/// The field of a line that says which hosts it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hosts {
    Patterns(PatternList),
    Hashed(HashedName),
}

impl Hosts {
    /// Whether it names hosts and no patterns of them.
    pub(super) fn is_literal(&self) -> bool {
        match self {
            Self::Hashed(_) => true,
            Self::Patterns(list) => list.is_literal(),
        }
    }

    pub(super) const fn is_hashed(&self) -> bool {
        matches!(self, Self::Hashed(_))
    }

    pub(super) fn contain(&self, name: &str) -> bool {
        match self {
            Self::Patterns(list) => list.matches(name),
            Self::Hashed(hashed) => *hashed == HashedName::new(hashed.salt, name),
        }
    }
}

/// A name that does not say which host it is: `|1|salt|HMAC-SHA1(salt, name)`, both in base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HashedName {
    salt: [u8; LENGTH],
    hash: [u8; LENGTH],
}

impl HashedName {
    pub(super) fn new(salt: [u8; LENGTH], name: &str) -> Self {
        // RFC 2104 §2: a key shorter than a block is followed by zeros.
        let mut key = Block::<Sha1>::default();
        key.iter_mut().zip(salt).for_each(|(slot, byte)| *slot = byte);
        let mut mac = Hmac::<Sha1>::new(&key);
        mac.update(name.as_bytes());
        Self { salt, hash: mac.finalize().into_bytes().into() }
    }

    /// `None` when it is damaged.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (salt, hash) = text.strip_prefix(PREFIX)?.split_once('|')?;
        let decode = |base64: &str| Base64::decode_vec(base64).ok()?.try_into().ok();
        Some(Self { salt: decode(salt)?, hash: decode(hash)? })
    }
}

impl std::fmt::Display for HashedName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PREFIX}{}|{}", Base64::encode_string(&self.salt), Base64::encode_string(&self.hash))
    }
}

/// Of a salt, and of what SHA-1 gives.
pub(super) const LENGTH: usize = 20;
const PREFIX: &str = "|1|";
