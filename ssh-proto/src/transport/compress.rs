//! Compression, [RFC 4253 §6.2](https://www.rfc-editor.org/rfc/rfc4253#section-6.2), by the one method that waits for the
//! login: `zlib@openssh.com` (draft-miller-secsh-compression-delayed-00).
//!
//! RFC 4253's own `zlib` begins with the first NEWKEYS, and so lets everybody in the network feed the decompressor. It is
//! not offered: whoever can compress knows the delayed one.

#[cfg(feature = "zlib")]
mod zlib;
#[cfg(not(feature = "zlib"))]
#[path = "compress/zlib_absent.rs"]
mod zlib;

use alloc::vec::Vec;
use core::fmt;

use zlib::Inflated;
pub(super) use zlib::{Deflater, Inflater};

use super::Phase;
use crate::error::Error;

/// How payloads are compressed. Offered in [`Algorithms::compression`](crate::Algorithms), for both directions; which
/// one a direction gets is negotiated for it alone.
#[derive(Clone, Copy)]
pub struct Compression {
    name: &'static str,
    codec: Option<Codec>,
}

/// How the contexts of both directions are made.
#[derive(Clone, Copy)]
pub(super) struct Codec {
    deflater: fn() -> Deflater,
    inflater: fn() -> Inflater,
}

impl Compression {
    /// `none`: payloads travel as they are.
    pub const NONE: Self = Self { name: "none", codec: None };

    /// `zlib@openssh.com`: from the end of the login on, payloads are compressed. What compresses well tells something
    /// about itself by its length, also to those who cannot read it.
    #[cfg(feature = "zlib")]
    pub const ZLIB: Self =
        Self { name: "zlib@openssh.com", codec: Some(Codec { deflater: Deflater::new, inflater: Inflater::new }) };

    /// All that this build has. Compression depends on the cargo feature `zlib`.
    pub const ALL: &'static [Self] = &[
        Self::NONE,
        #[cfg(feature = "zlib")]
        Self::ZLIB,
    ];

    /// As negotiated.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// As negotiated, unless it is `none`.
    pub(super) fn shown(&self) -> Option<&'static str> {
        self.codec.map(|_| self.name)
    }
}

impl fmt::Debug for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Compression").field(&self.name).finish()
    }
}

/// One direction: what is agreed on, and from the login on its context.
pub(super) struct Delayed<T> {
    method: Compression,
    phase: Phase,
    context: Option<T>,
}

/// What a direction keeps from packet to packet.
pub(super) trait Context: Sized {
    fn of(codec: Codec) -> Self;
}

impl Context for Deflater {
    fn of(codec: Codec) -> Self {
        (codec.deflater)()
    }
}

impl Context for Inflater {
    fn of(codec: Codec) -> Self {
        (codec.inflater)()
    }
}

impl<T: Context> Delayed<T> {
    pub(super) const fn new() -> Self {
        Self { method: Compression::NONE, phase: Phase::BeforeLogin, context: None }
    }

    /// "The compression context is initialized after each key exchange".
    pub(super) fn rekey(&mut self, method: Compression) {
        self.method = method;
        self.context = method.codec.filter(|_| self.phase == Phase::LoggedIn).map(T::of);
    }

    /// The next message is the first one behind SUCCESS: "a server selecting this method MUST compress the first packet
    /// after SSH_MSG_USERAUTH_SUCCESS and all subsequent packets. The client MUST compress all packets it sends after the
    /// time that it receives SSH_MSG_USERAUTH_SUCCESS."
    pub(super) fn logged_in(&mut self) {
        self.phase = Phase::LoggedIn;
        self.rekey(self.method);
    }
}

impl Delayed<Deflater> {
    /// Appends what `write` appends, compressed if that is agreed on.
    pub(super) fn append(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        match &mut self.context {
            None => write(out),
            Some(deflater) => deflater.append(out, write),
        }
    }
}

impl Delayed<Inflater> {
    /// The peer compresses from its next NEWKEYS on.
    const fn logged_in_from_newkeys(&mut self) {
        self.phase = Phase::LoggedIn;
    }

    /// The payload behind `bytes`, if they are compressed: of at most `limit` bytes.
    pub(super) fn expand(&mut self, bytes: &[u8], limit: usize) -> Result<Option<Inflated>, Error> {
        self.context.as_mut().map(|inflater| inflater.expand(bytes, limit)).transpose()
    }

    /// Nobody looks at the payload any more: its memory serves the next one.
    fn recycle(&mut self, payload: Inflated) {
        if let Some(inflater) = &mut self.context {
            inflater.recycle(payload);
        }
    }
}

/// Where the payload of a packet lies until the next turn.
#[derive(Debug)]
pub(crate) enum Payload {
    /// In the input, where it was decrypted.
    InPlace(core::ops::Range<usize>),
    /// Here, because it was compressed.
    Inflated(Inflated),
}

impl Payload {
    pub(crate) const NONE: Self = Self::InPlace(0..0);

    /// The payload, its message number first.
    pub(crate) fn bytes<'a>(&'a mut self, input: &'a mut dyn crate::io::InputBuffer) -> &'a mut [u8] {
        match self {
            Self::InPlace(range) => input.filled().get_mut(range.clone()).unwrap_or_default(),
            Self::Inflated(inflated) => inflated.bytes(),
        }
    }
}

impl super::Transport {
    /// The login is complete. Compression begins with the first message behind SUCCESS, each way.
    ///
    /// A server that exchanges keys meanwhile has SUCCESS wait for its NEWKEYS, and the client has sent its own NEWKEYS
    /// when it hears of it.
    pub(super) fn start_compression(&mut self) {
        let client = self.role() == super::Role::Client;
        if client || self.may_send() {
            self.outbound.compressor.logged_in();
        }
        if client || self.kex.is_complete() {
            self.inbound.expander.logged_in();
        } else {
            self.inbound.expander.logged_in_from_newkeys();
        }
    }

    /// Nobody looks at the payload any more.
    pub(crate) fn recycle(&mut self, payload: Payload) {
        if let Payload::Inflated(inflated) = payload {
            self.inbound.expander.recycle(inflated);
        }
    }

    /// Between SUCCESS and the moment at which we hear of it, whatever we send is taken for compressed: a client that
    /// waits for its login starts no key exchange then.
    pub(super) fn may_cross_success(&self) -> bool {
        self.role() == super::Role::Client
            && self.phase == Phase::BeforeLogin
            && self.outbound.compressor.method.codec.is_some()
    }
}
