//! The exchange hash H, [RFC 4253 §8](https://www.rfc-editor.org/rfc/rfc4253#section-8), RFC 5656 §4 and RFC 4419 §3.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::Context;
use crate::crypto::{Digest, SharedSecret};
use crate::transport::Identification;
use crate::transport::keys::encode_secret;
use crate::wire::{InvalidMessage, Put, Reader, number};

/// The two messages that carry the public values: their numbers, how a value is written, and what is hashed with them.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) init: u8,
    pub(super) reply: u8,
    encoding: Encoding,
    /// What a group exchange hashes before its public values: what was asked for, and p and g.
    group: Vec<u8>,
}

/// How a public value is written, in messages and in the exchange hash.
#[derive(Clone, Copy, Debug)]
enum Encoding {
    Mpint,
    String,
}

/// The two public values: e and f, or Q_C and Q_S.
pub(super) struct PublicValues<'a> {
    pub(super) client: &'a [u8],
    pub(super) server: &'a [u8],
}

impl Round {
    /// RFC 4253 §8.
    pub(super) const DIFFIE_HELLMAN: Self = Self::fixed(Encoding::Mpint);
    /// RFC 5656 §4 and the hybrids.
    pub(super) const ECDH: Self = Self::fixed(Encoding::String);

    const fn fixed(encoding: Encoding) -> Self {
        Self { init: number::KEXDH_INIT, reply: number::KEXDH_REPLY, encoding, group: Vec::new() }
    }

    /// RFC 4419 §3, after the group was chosen: `group` is hashed before the public values.
    pub(super) const fn in_group(group: Vec<u8>) -> Self {
        let (init, reply) = (number::KEX_DH_GEX_INIT, number::KEX_DH_GEX_REPLY);
        Self { init, reply, encoding: Encoding::Mpint, group }
    }

    pub(super) fn put(&self, out: &mut Vec<u8>, public_value: &[u8]) {
        match self.encoding {
            Encoding::Mpint => out.put_mpint(public_value),
            Encoding::String => out.put_string(public_value),
        }
    }

    pub(super) fn read<'a>(&self, reader: &mut Reader<'a>, field: &'static str) -> Result<&'a [u8], InvalidMessage> {
        match self.encoding {
            Encoding::Mpint => Ok(reader.mpint(field)?.magnitude()),
            Encoding::String => reader.string(field),
        }
    }
}

impl Context {
    /// "H = hash(V_C || V_S || I_C || I_S || K_S || e || f || K)", in a group exchange "hash(V_C || V_S || I_C || I_S ||
    /// K_S || min || n || max || p || g || e || f || K)".
    pub(super) fn exchange_hash(
        &self,
        (client, server): (&Identification, &Identification),
        host_key: &[u8],
        round: &Round,
        values: &PublicValues<'_>,
        secret: &SharedSecret,
    ) -> Digest {
        let mut hashed = Zeroizing::new(Vec::new());
        hashed.put_string(client.as_bytes());
        hashed.put_string(server.as_bytes());
        hashed.put_string(&self.client_init);
        hashed.put_string(&self.server_init);
        hashed.put_string(host_key);
        hashed.put_bytes(&round.group);
        round.put(&mut hashed, values.client);
        round.put(&mut hashed, values.server);
        self.agreement.kex.hash.digest(&[&hashed, &encode_secret(secret)])
    }
}
