use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::Decode;
use rsa::BoxedUint;
use rsa::pkcs1::RsaPrivateKeyRef;

use super::KeyFileError;
use super::types::{FileType, RSA_OID};
use crate::keys::PrivateKey;
use crate::keys::public::RSA;
use crate::keys::rsa::from_key;
use crate::wire::{InvalidMessage, Problem, Reader};

pub(super) const TYPE: FileType = FileType { name: RSA, oid: RSA_OID, read_openssh, read_putty, read_pkcs8 };

/// ```text
/// mpint n · mpint e · mpint d · mpint iqmp · mpint p · mpint q
/// ```
fn read_openssh(reader: &mut Reader<'_>) -> Result<PrivateKey, KeyFileError> {
    let n = reader.mpint("ssh-rsa n")?.magnitude();
    let e = reader.mpint("ssh-rsa e")?.magnitude();
    let d = reader.mpint("ssh-rsa d")?.magnitude();
    let coefficient = reader.mpint("ssh-rsa iqmp")?.magnitude();
    let p = reader.mpint("ssh-rsa p")?.magnitude();
    let q = reader.mpint("ssh-rsa q")?.magnitude();
    Ok(Parts { n, e, d, p, q, coefficient }.into_key()?)
}

/// ```text
/// mpint e · mpint n
/// mpint d · mpint p · mpint q · mpint iqmp
/// ```
fn read_putty(public: &mut Reader<'_>, private: &mut Reader<'_>) -> Result<PrivateKey, KeyFileError> {
    let e = public.mpint("ssh-rsa e")?.magnitude();
    let n = public.mpint("ssh-rsa n")?.magnitude();
    let d = private.mpint("ssh-rsa d")?.magnitude();
    let p = private.mpint("ssh-rsa p")?.magnitude();
    let q = private.mpint("ssh-rsa q")?.magnitude();
    let coefficient = private.mpint("ssh-rsa iqmp")?.magnitude();
    Ok(Parts { n, e, d, p, q, coefficient }.into_key()?)
}

fn read_pkcs8(info: &PrivateKeyInfoRef<'_>) -> Result<PrivateKey, KeyFileError> {
    read_pkcs1(info.private_key.as_bytes())
}

pub(super) fn read_pkcs1(der: &[u8]) -> Result<PrivateKey, KeyFileError> {
    let key = RsaPrivateKeyRef::from_der(der).map_err(|_| InvalidMessage::new("RSAPrivateKey", Problem::BadValue))?;
    if key.other_prime_infos.is_some() {
        return Err(InvalidMessage::new("RSAPrivateKey otherPrimeInfos", Problem::BadValue).into());
    }
    let parts = Parts {
        n: key.modulus.as_bytes(),
        e: key.public_exponent.as_bytes(),
        d: key.private_exponent.as_bytes(),
        p: key.prime1.as_bytes(),
        q: key.prime2.as_bytes(),
        coefficient: key.coefficient.as_bytes(),
    };
    Ok(parts.into_key()?)
}

/// The numbers of a key, as big-endian magnitudes without leading zeros.
struct Parts<'a> {
    n: &'a [u8],
    e: &'a [u8],
    d: &'a [u8],
    p: &'a [u8],
    q: &'a [u8],
    /// The inverse of q modulo p.
    coefficient: &'a [u8],
}

impl Parts<'_> {
    /// Compares all lengths with one another before it calculates with any of them. The rest is checked by arithmetic: n
    /// is p times q, d undoes e, and the coefficient is what it says.
    fn into_key(self) -> Result<PrivateKey, InvalidMessage> {
        if self.n.len() < 1024 / 8 {
            return Err(InvalidMessage::new("ssh-rsa n", Problem::BadLength));
        }
        if self.n.len() > 8192 / 8 {
            return Err(InvalidMessage::new("ssh-rsa n", Problem::TooLong));
        }
        let half = self.n.len().div_ceil(2);
        let n = number(self.n, self.n.len(), "ssh-rsa n")?;
        let e = number(self.e, 8, "ssh-rsa e")?;
        let d = number(self.d, self.n.len(), "ssh-rsa d")?;
        let p = number(self.p, half, "ssh-rsa p")?;
        let q = number(self.q, half, "ssh-rsa q")?;
        let coefficient = number(self.coefficient, half, "ssh-rsa iqmp")?;
        let wrong = InvalidMessage::new("ssh-rsa private key", Problem::Mismatch);
        let key = rsa::PrivateKey::from_components(n, e, d, alloc::vec![p, q]).map_err(|_| wrong)?;
        if key.crt_coefficient().is_none_or(|expected| expected != coefficient) {
            return Err(InvalidMessage::new("ssh-rsa iqmp", Problem::Mismatch));
        }
        from_key(key).ok_or(wrong)
    }
}

/// A number that is stored in `limit` bytes, however short it is.
fn number(magnitude: &[u8], limit: usize, field: &'static str) -> Result<BoxedUint, InvalidMessage> {
    let bits = u32::try_from(limit.saturating_mul(8)).map_err(|_| InvalidMessage::new(field, Problem::TooLong))?;
    BoxedUint::from_be_slice(magnitude, bits).map_err(|_| InvalidMessage::new(field, Problem::TooLong))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use crypto_bigint::ConcatenatingSquare;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;
    use rsa::traits::{PrivateKeyParts, PublicKeyParts};

    use super::*;

    /// n, e, d, p, q, coefficient.
    fn numbers() -> [Vec<u8>; 6] {
        let key = rsa::PrivateKey::new(&mut ChaCha20Rng::from_seed([1; 32]), 2048).unwrap();
        let primes = key.primes();
        let coefficient = key.crt_coefficient().unwrap();
        [key.n().as_ref(), key.e(), key.d(), primes[0].as_ref(), primes[1].as_ref(), &coefficient]
            .map(|number| number.to_be_bytes_trimmed_vartime().into())
    }

    fn read([n, e, d, p, q, coefficient]: &[Vec<u8>; 6]) -> Result<PrivateKey, InvalidMessage> {
        Parts { n, e, d, p, q, coefficient }.into_key()
    }

    #[test]
    fn numbers_that_do_not_belong_together_are_refused() {
        let good = numbers();
        assert!(read(&good).is_ok());
        for index in 0..6 {
            let values = [
                Vec::new(),
                [0].into(),
                [1].into(),
                [2].into(),
                [3].into(),
                [0xff; 2048].into(),
                [0x80; 256].into(),
                good[(index + 1) % 6].clone(),
                good[(index + 3) % 6].clone(),
            ];
            for value in values {
                let mut numbers = good.clone();
                numbers[index] = value;
                assert!(read(&numbers).is_err(), "{index}");
            }
            for bit in [1, 0x80] {
                let mut numbers = good.clone();
                *numbers[index].last_mut().unwrap() ^= bit;
                assert!(read(&numbers).is_err(), "{index}");
            }
        }
        let mut swapped = good;
        swapped.swap(3, 4);
        assert!(read(&swapped).is_err(), "the coefficient is not that of p and q swapped");
    }

    #[test]
    fn equal_primes_are_refused() {
        let [_, e, d, p, _, _] = numbers();
        let prime = BoxedUint::from_be_slice_vartime(&p);
        let n = prime.concatenating_square().to_be_bytes_trimmed_vartime().into();
        assert!(read(&[n, e, d, p.clone(), p, [1].into()]).is_err());
    }

    #[test]
    fn sizes_outside_the_limits_are_refused_before_arithmetic() {
        let mut numbers = numbers();
        numbers[0].truncate(127);
        assert_eq!(read(&numbers).unwrap_err(), InvalidMessage::new("ssh-rsa n", Problem::BadLength));
        numbers[0] = [0xff; 1025].into();
        assert_eq!(read(&numbers).unwrap_err(), InvalidMessage::new("ssh-rsa n", Problem::TooLong));
    }
}
