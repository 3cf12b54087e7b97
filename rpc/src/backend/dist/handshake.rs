//! The handshake of version 6, which OTP 23 and later speak, as a machine without sockets.
//!
//! ```text
//!   we                                        they
//!   send_name 'N' ───────────────────────────►
//!   ◄─────────────────────────────────────────  send_status 's'
//!   ◄─────────────────────────────────────────  send_challenge 'N'
//!   send_challenge_reply 'r' ────────────────►
//!   ◄─────────────────────────────────────────  send_challenge_ack 'a'
//! ```
//!
//! Either end proves that it has the cookie, by a digest over it and the other's challenge.
//! [Distribution handshake](https://www.erlang.org/doc/apps/erts/erl_dist_protocol#distribution-handshake)

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use super::cookie::Cookie;
use super::flags::Flags;

/// The longest message of a handshake that we read: two octets say its length, and names are far shorter.
pub(super) const MAX_MESSAGE: usize = 4096;

/// A handshake that we have begun.
#[derive(Debug)]
pub(super) struct Handshake {
    cookie: Cookie,
    /// The node that is dialled.
    peer: String,
    /// What they have to prove the cookie with.
    challenge: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    ExpectStatus,
    ExpectChallenge,
    ExpectChallengeAck,
    Done,
}

/// What comes of a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// To be sent; then the next message is awaited.
    Send(Vec<u8>),
    /// The next message is awaited.
    Wait,
    /// Both ends have proved what they had to.
    Connected,
}

impl Handshake {
    /// Begins: with the node `peer`, as the node `name`, of the incarnation `creation`. The challenge is random, and not
    /// used twice. Gives the first message.
    ///
    /// ```text
    /// 1 'N' · 8 Flags · 4 Creation · 2 Nlen · Nlen Name
    /// ```
    pub(super) fn begin(peer: &str, name: &str, creation: u32, cookie: Cookie, challenge: u32) -> (Self, Vec<u8>) {
        let mut message = Vec::from(*b"N");
        message.extend_from_slice(&Flags::OURS.0.to_be_bytes());
        message.extend_from_slice(&creation.to_be_bytes());
        message.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
        message.extend_from_slice(name.as_bytes());
        (Self { cookie, peer: peer.into(), challenge, state: State::ExpectStatus }, message)
    }

    /// Takes the next message from them.
    pub(super) fn process(&mut self, message: &[u8]) -> Result<Step, HandshakeError> {
        match self.state {
            State::ExpectStatus => self.status(message),
            State::ExpectChallenge => self.challenge(message),
            State::ExpectChallengeAck => self.challenge_ack(message),
            State::Done => Err(HandshakeError::Malformed("a message after the last")),
        }
    }

    /// They have closed the connection instead of saying more: what that means.
    pub(super) const fn closed(&self) -> HandshakeError {
        match self.state {
            // They say nothing of it but in their own log.
            State::ExpectChallengeAck => HandshakeError::Cookie,
            _ => HandshakeError::Closed,
        }
    }

    /// ```text
    /// 1 's' · Slen Status
    /// ```
    fn status(&mut self, message: &[u8]) -> Result<Step, HandshakeError> {
        let status = message.strip_prefix(b"s").ok_or(HandshakeError::Malformed("no status"))?;
        match status {
            b"ok" | b"ok_simultaneous" => {
                self.state = State::ExpectChallenge;
                Ok(Step::Wait)
            }
            // They have a connection with our name. Ours is gone, or we would not dial: "the connection is to continue".
            b"alive" => {
                self.state = State::ExpectChallenge;
                Ok(Step::Send(b"strue".to_vec()))
            }
            b"nok" => Err(HandshakeError::Simultaneous),
            b"not_allowed" => Err(HandshakeError::NotAllowed),
            // We have a name, and did not ask for one.
            _ => Err(HandshakeError::Malformed("a status that is not known")),
        }
    }

    fn challenge(&mut self, message: &[u8]) -> Result<Step, HandshakeError> {
        let (flags, challenge, name) = challenge(message).ok_or(HandshakeError::Malformed("no challenge"))?;
        if name != self.peer.as_bytes() {
            return Err(HandshakeError::OtherNode(String::from_utf8_lossy(name).into_owned()));
        }
        let missing = flags.missing();
        if missing != Flags(0) {
            return Err(HandshakeError::Lacks(missing.0));
        }
        self.state = State::ExpectChallengeAck;
        let digest = digest(&self.cookie, challenge);
        Ok(Step::Send([&b"r"[..], &self.challenge.to_be_bytes(), &digest].concat()))
    }

    /// ```text
    /// 1 'a' · 16 Digest
    /// ```
    fn challenge_ack(&mut self, message: &[u8]) -> Result<Step, HandshakeError> {
        let proof = message.strip_prefix(b"a").ok_or(HandshakeError::Malformed("no proof of the cookie"))?;
        match bool::from(proof.ct_eq(&digest(&self.cookie, self.challenge))) {
            true => {
                self.state = State::Done;
                Ok(Step::Connected)
            }
            false => Err(HandshakeError::Cookie),
        }
    }
}

/// ```text
/// 1 'N' · 8 Flags · 4 Challenge · 4 Creation · 2 Nlen · Nlen Name
/// ```
/// "Any extra data after the node Name must be accepted and ignored."
fn challenge(message: &[u8]) -> Option<(Flags, u32, &[u8])> {
    let (flags, rest) = message.strip_prefix(b"N")?.split_first_chunk()?;
    let (challenge, rest) = rest.split_first_chunk()?;
    let (_creation, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk()?;
    let name = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    Some((Flags(u64::from_be_bytes(*flags)), u32::from_be_bytes(*challenge), name))
}

/// "a (16 bytes) MD5 hash of the cookie (as text) concatenated with the challenge (as text)"
fn digest(cookie: &Cookie, challenge: u32) -> [u8; 16] {
    let mut hash = Md5::new();
    hash.update(cookie.as_bytes());
    hash.update(alloc::format!("{challenge}"));
    hash.finalize().into()
}

/// Why a handshake failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The other node has another cookie. It says so in its own log, and closes the connection.
    Cookie,
    /// The other node does not allow a node of our name.
    NotAllowed,
    /// The other node is just dialling us.
    Simultaneous,
    /// It is another node, by this name.
    OtherNode(String),
    /// It lacks what these distribution flags stand for, as releases before OTP 23.3 do.
    Lacks(u64),
    /// It said something else than the handshake has in this place.
    Malformed(&'static str),
    /// It closed the connection.
    Closed,
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie => f.write_str("the cookies differ"),
            Self::NotAllowed => f.write_str("it does not allow our name (`net_kernel:allow/1`)"),
            Self::Simultaneous => f.write_str("it is just dialling us"),
            Self::OtherNode(name) => write!(f, "it is another node, `{}`", name.escape_debug()),
            Self::Lacks(flags) => write!(f, "it is older than OTP 23.3: it lacks the distribution flags {flags:#x}"),
            Self::Malformed(what) => write!(f, "its handshake is malformed: {what}"),
            Self::Closed => f.write_str("it closed the connection within the handshake"),
        }
    }
}

impl core::error::Error for HandshakeError {}

#[cfg(test)]
mod tests;
