//! What every step before a login can do while it waits, whatever it waits for.

/// Gives a step with an `inner` the methods of all waiting steps. `inner` has a `transport`, and says when it wants to be
/// called and does what is due then.
macro_rules! waiting_step {
    ($($step:ident)*) => {$(
        impl $step {
            /// When `handle_timeout` wants to be called, at the latest.
            #[must_use]
            pub fn poll_timeout(&self) -> Option<Instant> {
                self.inner.poll_timeout()
            }

            /// Does what is due at `now`: the login's clock runs while a person, an agent or a service is asked.
            ///
            /// # Errors
            /// When the login took too long.
            pub fn handle_timeout(mut self, now: Instant, out: &mut Vec<u8>) -> Result<Self, Error> {
                self.inner.handle_timeout(now, out)?;
                Ok(self)
            }

            /// The next notice for a log.
            pub fn poll_notice(&mut self) -> Option<Notice> {
                self.inner.transport.notices.pop()
            }

            /// Who the peer says it is, once it has.
            #[must_use]
            pub const fn peer(&self) -> Option<&Identification> {
                self.inner.transport.peer()
            }

            /// What the last key exchange agreed on, once there was one.
            #[must_use]
            pub const fn negotiated(&self) -> Option<&Negotiated> {
                self.inner.transport.negotiated()
            }
        }
    )*};
}

pub(crate) use waiting_step;
