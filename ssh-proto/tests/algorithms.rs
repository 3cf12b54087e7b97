//! Every algorithm of the provider's tables, in company: each pair of them meets in one connection at least.

mod pair;

use std::collections::BTreeSet;

use pair::{Pair, Pieces, Setup, ed25519_key, rng, rsa_key};
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::crypto::{CipherKind, CryptoProvider, KexRoles, SignatureMethod, Signers};
use ssh_proto::keys::{Curve, PrivateKey};

const PIECES: [Pieces; 3] = [Pieces::Whole, Pieces::Of(1), Pieces::Of(7)];

/// Rows of indices below `sizes` in which every two columns show every pair: greedily, the row that shows most next.
fn all_pairs(sizes: &[usize]) -> Vec<Vec<usize>> {
    let mut missing = BTreeSet::new();
    for (a, &size_a) in sizes.iter().enumerate() {
        for (b, &size_b) in sizes.iter().enumerate().skip(a + 1) {
            missing.extend((0..size_a).flat_map(|x| (0..size_b).map(move |y| (a, x, b, y))));
        }
    }
    let mut rows = Vec::new();
    while let Some(&(a, x, b, y)) = missing.first() {
        let mut row = vec![None; sizes.len()];
        (row[a], row[b]) = (Some(x), Some(y));
        for column in 0..sizes.len() {
            let shows = |value: &usize| {
                let meets = |(other, chosen): (usize, &Option<usize>)| match (other < column, chosen) {
                    (true, Some(chosen)) => missing.contains(&(other, *chosen, column, *value)),
                    (false, Some(chosen)) => missing.contains(&(column, *value, other, *chosen)),
                    (_, None) => false,
                };
                row.iter().enumerate().filter(|&pair| meets(pair)).count()
            };
            if row[column].is_none() {
                row[column] = (0..sizes[column]).max_by_key(shows);
            }
        }
        let row: Vec<usize> = row.into_iter().flatten().collect();
        missing.retain(|&(a, x, b, y)| (row[a], row[b]) != (x, y));
        rows.push(row);
    }
    rows
}

/// Those that hosts have.
fn host_keys() -> Vec<SignatureMethod> {
    let all = PROVIDER.signatures().iter();
    all.filter(|method| method.signers == Signers::UsersAndHosts).copied().collect()
}

/// Logs in with exactly these, and sends data both ways.
fn check(kex: &str, host_key: &str, cipher: &str, mac: &str, pieces: Pieces) {
    let key = match Curve::ALL.into_iter().find(|curve| curve.key_type() == host_key) {
        Some(curve) => PrivateKey::generate_ecdsa(curve, &mut *rng(1)),
        None if host_key == "ssh-ed25519" => ed25519_key(1),
        None => rsa_key(),
    };
    let mut setup = Setup::default().host_key(key).offer(kex, host_key, cipher, mac).pieces(pieces);
    setup.user_key = if host_key == "ssh-ed25519" { rsa_key() } else { ed25519_key(2) };
    setup.client.algorithms.select_user_keys(&PROVIDER, "rsa-sha2-256,ssh-ed25519").unwrap();
    let mut pair = Pair::connect(setup).unwrap();
    let negotiated = pair.client.connection.negotiated().cloned().unwrap();
    assert_eq!(pair.server.connection.negotiated(), Some(&negotiated));
    assert_eq!((negotiated.kex, negotiated.host_key), (kex, host_key));
    let aead = PROVIDER.ciphers().iter().any(|row| row.name == cipher && matches!(row.kind, CipherKind::Aead { .. }));
    for direction in [&negotiated.client_to_server, &negotiated.server_to_client] {
        assert_eq!((direction.cipher, direction.mac), (cipher, (!aead).then_some(mac)));
    }
    let (here, there) = pair.session();
    let data: Vec<u8> = (0..1000_u32).flat_map(u32::to_be_bytes).collect();
    for length in [1, 2, 15, 16, 17, 255, data.len()] {
        pair.upload(here, &data[..length]);
        pair.download(there, &data[..length]);
        assert!(pair.server.data(there).ends_with(&data[..length]));
        assert!(pair.client.data(here).ends_with(&data[..length]));
    }
}

#[test]
fn every_two_algorithms_work_together_whole_byte_by_byte_and_seven_at_a_time() {
    // A server has none of those for clients alone.
    let kexes = PROVIDER.key_exchanges().iter().filter(|kex| kex.roles == KexRoles::Both);
    let (host_keys, ciphers, macs) = (host_keys(), PROVIDER.ciphers(), PROVIDER.macs());
    // A group of 8192 bits takes its time: it meets every other algorithm in the test below.
    let fast: Vec<_> = kexes.filter(|kex| kex.name != "diffie-hellman-group18-sha512").collect();
    let rows = all_pairs(&[ciphers.len(), macs.len(), fast.len(), host_keys.len(), PIECES.len()]);
    for row in rows {
        let [cipher, mac, kex, host_key, pieces] = row[..] else { unreachable!("five columns") };
        check(fast[kex].name, host_keys[host_key].name, ciphers[cipher].name, macs[mac].name, PIECES[pieces]);
    }
}

#[test]
fn rfc8268_s3_group18_works_with_every_host_key() {
    for (index, host_key) in host_keys().iter().enumerate() {
        let (ciphers, macs) = (PROVIDER.ciphers(), PROVIDER.macs());
        let (cipher, mac) = (&ciphers[(2 * index + 1) % ciphers.len()], &macs[index % macs.len()]);
        check("diffie-hellman-group18-sha512", host_key.name, cipher.name, mac.name, PIECES[index % 3]);
    }
}

#[test]
fn rfc4253_s7_1_each_direction_has_algorithms_of_its_own_and_the_clients_order_wins() {
    let mut setup = Setup::default();
    setup.client.algorithms.select_kex(&PROVIDER, "diffie-hellman-group14-sha256,curve25519-sha256").unwrap();
    setup.client.algorithms.select_ciphers(&PROVIDER, "aes128-ctr,aes256-ctr").unwrap();
    setup.client.algorithms.select_macs(&PROVIDER, "hmac-sha1,hmac-sha2-256").unwrap();
    setup.server.algorithms.select_kex(&PROVIDER, "curve25519-sha256,diffie-hellman-group14-sha256").unwrap();
    setup.server.algorithms.select_ciphers(&PROVIDER, "aes256-ctr,aes128-ctr").unwrap();
    setup.server.algorithms.select_macs(&PROVIDER, "hmac-sha2-256,hmac-sha1").unwrap();
    let pair = Pair::connect(setup).unwrap();
    let negotiated = pair.client.connection.negotiated().unwrap();
    assert_eq!(negotiated.kex, "diffie-hellman-group14-sha256");
    assert_eq!(negotiated.client_to_server.cipher, "aes128-ctr");
    assert_eq!(negotiated.server_to_client.mac, Some("hmac-sha1"));
}

#[test]
fn the_rows_show_every_pair() {
    let rows = all_pairs(&[3, 4, 2]);
    assert!(rows.len() <= 14, "{}", rows.len());
    for (x, y) in (0..3).flat_map(|x| (0..4).map(move |y| (x, y))) {
        assert!(rows.iter().any(|row| row[0] == x && row[1] == y));
    }
}
