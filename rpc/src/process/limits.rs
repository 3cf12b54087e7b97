//! How much a mailbox holds.

/// The bound of a mailbox: what its process has not received yet.
///
/// A message that does not fit is refused, and its sender told. What nobody can be told was refused (exit signals that are
/// trapped, `'DOWN'`) has the same room once more; a process that leaves none of it either ends with the reason
/// `system_limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailboxLimits {
    /// Messages. Default: 8192.
    pub messages: usize,
    /// Octets of memory that the messages take, [about](crate::Term::size_within). Default: 128 MiB; above
    /// [`MAX_OCTETS`](Self::MAX_OCTETS) no single message is taken.
    pub octets: usize,
}

impl MailboxLimits {
    /// The octets that no message may exceed.
    pub const MAX_OCTETS: usize = 1 << 30;

    /// These limits.
    #[must_use]
    pub const fn new(messages: usize, octets: usize) -> Self {
        Self { messages, octets }
    }
}

impl Default for MailboxLimits {
    fn default() -> Self {
        Self::new(8192, 128 << 20)
    }
}

/// What is in a mailbox.
#[derive(Clone, Copy, Default)]
pub(super) struct Load {
    pub(super) messages: usize,
    octets: usize,
}

impl Load {
    pub(super) const NONE: Self = Self { messages: 0, octets: 0 };

    /// Whether a message fits.
    pub(super) const fn fits(self, octets: usize, limits: MailboxLimits) -> bool {
        self.messages < limits.messages && self.octets.saturating_add(octets) <= limits.octets
    }

    /// Whether a signal fits.
    pub(super) const fn fits_signal(self, octets: usize, limits: MailboxLimits) -> bool {
        let MailboxLimits { messages, octets: most } = limits;
        self.fits(octets, MailboxLimits::new(messages.saturating_mul(2), most.saturating_mul(2)))
    }

    pub(super) const fn add(&mut self, octets: usize) {
        self.messages = self.messages.saturating_add(1);
        self.octets = self.octets.saturating_add(octets);
    }

    pub(super) const fn remove(&mut self, octets: usize) {
        self.messages = self.messages.saturating_sub(1);
        self.octets = self.octets.saturating_sub(octets);
    }
}
