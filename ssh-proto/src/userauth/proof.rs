//! The proof of a completed login.

/// A user is logged in: the connection layer exists for the holder of this, and for nobody else.
///
/// It is made in two places: where a server sends USERAUTH_SUCCESS, and where a client reads one that answers its request.
/// (`raw.rs` has none: it owns no connection layer.)
#[derive(Debug)]
pub(crate) struct Authenticated(());

impl Authenticated {
    /// The server sent SUCCESS, or the client read it.
    pub(super) const fn mint() -> Self {
        Self(())
    }
}
