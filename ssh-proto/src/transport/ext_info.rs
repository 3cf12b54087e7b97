//! Extensions, [RFC 8308](https://www.rfc-editor.org/rfc/rfc8308).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::messages::{ExtInfo, Extension};
use super::{Phase, Role, Transport};
use crate::crypto::SignatureMethod;
use crate::error::{Error, PeerMisbehaved};
use crate::wire::{Put, number};

const SERVER_SIG_ALGS: &str = "server-sig-algs";
/// Tells the client that logins may be bound to the host key (OpenSSH's PROTOCOL §3.1).
const HOST_BOUND: &str = "publickey-hostbound@openssh.com";
/// Tells the client that the server answers pings (OpenSSH's PROTOCOL §1.8).
const PING: &str = "ping@openssh.com";
/// Tells the server that EXT_INFO may come before USERAUTH_SUCCESS.
const EXT_INFO_IN_AUTH: &str = "ext-info-in-auth@openssh.com";

/// What the peer has told by EXT_INFO, and where it may tell more.
#[derive(Debug, Default)]
pub(super) struct State {
    peer_understands: Understands,
    sent: Understands,
    received: u32,
    /// The next packet is the first after the peer's first NEWKEYS.
    expect_first: bool,
    server_sig_algs: Option<String>,
    host_bound: Understands,
    peer_answers_pings: Understands,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Understands {
    #[default]
    No,
    Yes,
}

impl State {
    pub(super) fn server_sig_algs(&self) -> Option<&str> {
        self.server_sig_algs.as_deref()
    }

    /// The server takes logins that are bound to its host key.
    pub(super) fn takes_host_bound(&self) -> bool {
        self.host_bound == Understands::Yes
    }

    /// The peer's first KEXINIT announces that it understands EXT_INFO.
    pub(super) const fn peer_understands(&mut self) {
        self.peer_understands = Understands::Yes;
    }

    /// We never send EXT_INFO: `raw.rs`.
    pub(super) const fn stay_silent(&mut self) {
        self.sent = Understands::Yes;
    }

    /// The peer's first NEWKEYS has come.
    pub(super) const fn after_first_newkeys(&mut self) {
        self.expect_first = true;
    }

    /// A packet has come: whether it is the one right after the peer's first NEWKEYS.
    pub(super) const fn take_first(&mut self) -> bool {
        core::mem::replace(&mut self.expect_first, false)
    }
}

impl Transport {
    /// Sends EXT_INFO, "as the next packet following the [...] first SSH_MSG_NEWKEYS message" (RFC 8308 §2.4).
    pub(super) fn send_first_ext_info(&mut self, out: &mut Vec<u8>) {
        if self.ext_info.peer_understands == Understands::No || self.ext_info.sent == Understands::Yes {
            return;
        }
        self.ext_info.sent = Understands::Yes;
        // "signature algorithms": that they may be by the key of a certificate does not make others of them.
        let plain = |method: &&SignatureMethod| method.name == method.signature_name;
        let user_keys = self.settings.algorithms.user_keys.iter().filter(plain);
        let user_keys = user_keys.map(|method| method.name).collect::<Vec<_>>().join(",");
        let extensions: &[(&str, &str)] = match self.role() {
            Role::Client => &[(EXT_INFO_IN_AUTH, "0")],
            Role::Server => &[(SERVER_SIG_ALGS, &user_keys), (HOST_BOUND, "0"), (PING, "0")],
        };
        self.send_now(out, |payload| {
            payload.put_u8(number::EXT_INFO);
            payload.put_u32(u32::try_from(extensions.len()).unwrap_or_default());
            for (name, value) in extensions {
                payload.put_string(name.as_bytes());
                payload.put_string(value.as_bytes());
            }
        });
    }

    /// Whether the server said that it answers pings.
    pub(crate) fn peer_answers_pings(&self) -> bool {
        self.ext_info.peer_answers_pings == Understands::Yes
    }

    /// Reads the peer's EXT_INFO. A client's stands right after its first NEWKEYS; a server's stands there, and once more
    /// before USERAUTH_SUCCESS. Anywhere else it may be somebody else's (CVE-2023-46445).
    pub(super) fn receive_ext_info(&mut self, body: &[u8], first: bool) -> Result<(), Error> {
        let during_login = self.role() == Role::Client && self.phase == Phase::BeforeLogin && self.kex.is_complete();
        let allowed = first || (during_login && self.ext_info.received < 2);
        if !allowed {
            return Err(Error::PeerMisbehaved(PeerMisbehaved::MisplacedExtInfo));
        }
        self.ext_info.received = self.ext_info.received.saturating_add(1);
        let invalid = |error| Error::InvalidMessage(crate::wire::MessageNumber(number::EXT_INFO), error);
        let mut message = ExtInfo::decode(body).map_err(invalid)?;
        while let Some(Extension { name, value }) = message.next_extension().map_err(invalid)? {
            // Unknown names and names for the other role are ignored (RFC 8308 §2.5).
            if self.role() == Role::Client && name == SERVER_SIG_ALGS.as_bytes() {
                self.ext_info.server_sig_algs = core::str::from_utf8(value).ok().map(ToOwned::to_owned);
            }
            // The values are versions; there is one of each.
            if self.role() == Role::Client && name == HOST_BOUND.as_bytes() && value == b"0" {
                self.ext_info.host_bound = Understands::Yes;
            }
            if self.role() == Role::Client && name == PING.as_bytes() && value == b"0" {
                self.ext_info.peer_answers_pings = Understands::Yes;
            }
        }
        Ok(())
    }
}
