//! Who we are to others: private keys in files and in agents, and what they sign.

mod defaults;
mod error;
mod signer;
mod write;

#[cfg(test)]
mod tests;

pub use defaults::{DefaultIdentities, default_identities};
pub use error::IdentityError;
pub use signer::Identity;
pub use write::write_key_pair;
