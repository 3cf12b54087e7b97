use alloc::vec::Vec;
use core::fmt;

use crate::wire::{InvalidMessage, Put, Reader};

/// What a security key (FIDO) says of its owner in each signature. The signature covers it.
///
/// ```text
/// byte flags · uint32 counter
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Presence {
    /// Who was there: see the methods. The other bits mean nothing to SSH.
    pub flags: u8,
    /// How often the key has signed, as far as it counts.
    pub counter: u32,
}

impl Presence {
    /// What the key said.
    #[must_use]
    pub const fn new(flags: u8, counter: u32) -> Self {
        Self { flags, counter }
    }

    /// Somebody touched the key. A program alone cannot.
    #[must_use]
    pub const fn user_present(self) -> bool {
        self.flags & 1 != 0
    }

    /// The key knew its owner, by a PIN or a finger.
    #[must_use]
    pub const fn user_verified(self) -> bool {
        self.flags & 4 != 0
    }

    /// What is left behind a signature: these two fields, or nothing.
    pub(super) fn from_wire(reader: &mut Reader<'_>) -> Result<Option<Self>, InvalidMessage> {
        if reader.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { flags: reader.u8("signature flags")?, counter: reader.u32("signature counter")? }))
    }

    pub(crate) fn to_wire(self, out: &mut Vec<u8>) {
        out.put_u8(self.flags);
        out.put_u32(self.counter);
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Presence(flags {:#04x}, counter {})", self.flags, self.counter)
    }
}
