//! What a node of a cluster can do, as it says in the handshake.

use core::fmt;

/// Capabilities, as a set of bits.
/// [Distribution flags](https://www.erlang.org/doc/apps/erts/erl_dist_protocol#distribution-flags)
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Flags(pub(super) u64);

const EXTENDED_REFERENCES: u64 = 0x4;
const DIST_MONITOR: u64 = 0x8;
const FUN_TAGS: u64 = 0x10;
const DIST_MONITOR_NAME: u64 = 0x20;
const NEW_FUN_TAGS: u64 = 0x80;
const EXTENDED_PIDS_PORTS: u64 = 0x100;
const EXPORT_PTR_TAG: u64 = 0x200;
const BIT_BINARIES: u64 = 0x400;
const NEW_FLOATS: u64 = 0x800;
const SMALL_ATOM_TAGS: u64 = 0x4000;
const UTF8_ATOMS: u64 = 0x1_0000;
const MAP_TAG: u64 = 0x2_0000;
const BIG_CREATION: u64 = 0x4_0000;
const EXIT_PAYLOAD: u64 = 0x40_0000;
const HANDSHAKE_23: u64 = 0x100_0000;
const UNLINK_ID: u64 = 0x200_0000;
/// Stands for all that OTP 25 wants. The manual has another bit for it; this is the one that nodes look at.
const MANDATORY_25_DIGEST: u64 = 0x400_0000;
const SPAWN: u64 = 1 << 32;
const V4_NC: u64 = 1 << 34;

/// What [`MANDATORY_25_DIGEST`] stands for.
const MANDATORY_25: u64 = EXTENDED_REFERENCES
    | FUN_TAGS
    | NEW_FUN_TAGS
    | EXTENDED_PIDS_PORTS
    | EXPORT_PTR_TAG
    | BIT_BINARIES
    | NEW_FLOATS
    | UTF8_ATOMS
    | MAP_TAG
    | BIG_CREATION
    | HANDSHAKE_23;

impl Flags {
    /// What we say of ourselves: what every node from OTP 25 to 27 wants of another, and what we use ourselves.
    ///
    /// Left out: `PUBLISHED`, so that we are hidden; `DIST_HDR_ATOM_CACHE` and `FRAGMENTS`, so that each message is a frame of
    /// its own with its atoms spelled out; `SEND_SENDER`, `ALIAS`, `UNICODE_IO` and `BIG_SEQTRACE_LABELS`, which we would make no
    /// use of.
    pub(super) const OURS: Self = Self(
        MANDATORY_25
            | MANDATORY_25_DIGEST
            | DIST_MONITOR
            | DIST_MONITOR_NAME
            | SMALL_ATOM_TAGS
            | EXIT_PAYLOAD
            | UNLINK_ID
            | SPAWN
            | V4_NC,
    );

    /// What a node must have for us: all that we say, but for what only we want to be sent.
    const WANTED: u64 = MANDATORY_25 | DIST_MONITOR | DIST_MONITOR_NAME | UNLINK_ID | SPAWN;

    /// What we want and this set lacks.
    pub(super) const fn missing(self) -> Self {
        let implied = if self.0 & MANDATORY_25_DIGEST == 0 { 0 } else { MANDATORY_25 };
        Self(Self::WANTED & !(self.0 | implied))
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_have_what_otp_wants_and_want_what_it_has() {
        // `erts_internal:get_dflags/0` of OTP 25: default and mandatory flags; and those that OTP 26 wants on top.
        let (default, mandatory) = (Flags(55_966_662_588), 17_239_956);
        assert_eq!(Flags::OURS.0 & mandatory, mandatory);
        assert_eq!(Flags::OURS.0 & (V4_NC | UNLINK_ID), V4_NC | UNLINK_ID);
        assert_eq!(default.missing(), Flags(0));
        assert_eq!(Flags(mandatory).missing(), Flags(DIST_MONITOR | DIST_MONITOR_NAME | UNLINK_ID | SPAWN));
        assert_eq!(Flags(MANDATORY_25_DIGEST).missing(), Flags(mandatory).missing());
    }

    #[test]
    fn we_are_hidden_and_get_whole_messages() {
        // PUBLISHED, DIST_HDR_ATOM_CACHE, SEND_SENDER, FRAGMENTS, ALIAS
        for flag in [0x1, 0x2000, 0x8_0000, 0x80_0000, 1 << 35] {
            assert_eq!(Flags::OURS.0 & flag, 0, "{flag:#x}");
        }
    }
}
