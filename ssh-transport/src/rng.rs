//! Random numbers.

use std::convert::Infallible;
use std::{fmt, io};

use chacha20::ChaCha20Rng;
use rand_core::{SeedableRng, TryCryptoRng, TryRng};
use zeroize::Zeroizing;

/// A generator for one connection or one key: ChaCha20 with a seed from the operating system, wiped when dropped. The
/// operating system is asked once, here; from then on nothing can fail.
///
/// # Errors
/// When the operating system has no random numbers. There is nothing to fall back to.
pub fn os_rng() -> io::Result<OsSeeded> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed)
        .map_err(|error| io::Error::other(format!("the operating system has no random numbers: {error}")))?;
    Ok(OsSeeded(ChaCha20Rng::from_seed(*seed)))
}

/// What [`os_rng`] makes: a [`CryptoRng`](rand_core::CryptoRng).
pub struct OsSeeded(ChaCha20Rng);

impl TryRng for OsSeeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.try_next_u64()
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(destination)
    }
}

impl TryCryptoRng for OsSeeded {}

impl fmt::Debug for OsSeeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OsSeeded([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use rand_core::{CryptoRng, Rng};

    use super::*;

    #[test]
    fn a_connection_can_own_it_and_no_two_are_alike() {
        let mut first: Box<dyn CryptoRng + Send> = Box::new(os_rng().unwrap());
        let mut second = os_rng().unwrap();
        let mut bytes = [[0; 32]; 3];
        first.fill_bytes(&mut bytes[0]);
        first.fill_bytes(&mut bytes[1]);
        second.fill_bytes(&mut bytes[2]);
        assert!(bytes[0] != bytes[1] && bytes[0] != bytes[2] && bytes[1] != bytes[2]);
        assert_eq!(format!("{second:?}"), "OsSeeded([redacted])");
    }
}
