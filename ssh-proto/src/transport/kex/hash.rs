//! The exchange hash H, [RFC 4253 §8](https://www.rfc-editor.org/rfc/rfc4253#section-8) and RFC 5656 §4.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::Context;
use crate::crypto::{Digest, Exchange, SharedSecret};
use crate::transport::Identification;
use crate::transport::keys::encode_secret;
use crate::wire::Put;

/// The two public values: e and f, or Q_C and Q_S.
pub(super) struct PublicValues<'a> {
    pub(super) client: &'a [u8],
    pub(super) server: &'a [u8],
}

impl Context {
    /// "H = hash(V_C || V_S || I_C || I_S || K_S || e || f || K)".
    pub(super) fn exchange_hash(
        &self,
        client: &Identification,
        server: &Identification,
        host_key: &[u8],
        values: &PublicValues<'_>,
        secret: &SharedSecret,
    ) -> Digest {
        let mut hashed = Zeroizing::new(Vec::new());
        hashed.put_string(client.as_bytes());
        hashed.put_string(server.as_bytes());
        hashed.put_string(&self.client_init);
        hashed.put_string(&self.server_init);
        hashed.put_string(host_key);
        let exchange = &self.agreement.kex.exchange;
        put_public_value(&mut hashed, exchange, values.client);
        put_public_value(&mut hashed, exchange, values.server);
        self.agreement.kex.hash.digest(&[&hashed, &encode_secret(secret)])
    }
}

/// A public value as its method has it in messages and in the exchange hash.
pub(super) fn put_public_value(out: &mut Vec<u8>, exchange: &Exchange, value: &[u8]) {
    match exchange {
        Exchange::DiffieHellman(_) => out.put_mpint(value),
        Exchange::Ecdh(_) => out.put_string(value),
    }
}
