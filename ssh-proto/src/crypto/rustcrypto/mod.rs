//! RustCrypto.
