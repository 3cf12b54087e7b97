//! Each crypto provider against the other, over every algorithm: in connections, and value by value.

mod support;

use std::sync::Arc;

use peers::{Failed, trial};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use ssh_proto::crypto::rustcrypto::PROVIDER as RUSTCRYPTO;
use ssh_proto::crypto::{
    BadTag, CipherKind, CryptoProvider, Exchange, KexMethod, KexRoles, KeyAgreement, SharedSecret,
};
use ssh_proto::wire::Put;
use ssh_transport::aws_lc::PROVIDER as AWS_LC;
use ssh_transport::client::Policy;
use ssh_transport::identity::Identity;
use ssh_transport::server::serve;
use ssh_transport::{Client, server};
use support::handler::{TestHandler, server_policy};
use support::{
    Kind, USER, block_on, client_policy, ensure, equal, host_key_for, identity, pattern, plain, public, select,
    user_key_for,
};

fn main() -> std::process::ExitCode {
    let mut trials = vec![
        plain("the_tables_have_the_same_names_in_the_same_order", same_names),
        plain("what_is_said_to_be_aws_lcs_own_is", own_rows),
        plain("both_ciphers_make_the_same_bytes_of_the_same_packets", same_packets),
        plain("neither_opens_what_was_changed", changed_packets),
        plain("both_macs_make_the_same_tags", same_tags),
        plain("either_half_of_a_key_exchange_agrees_with_the_other", same_secrets),
        plain("both_refuse_bad_public_values", bad_public_values),
        plain("both_verify_the_same_signatures", same_signatures),
        plain("rsa_keys_sign_the_same_by_both", same_rsa_signatures),
        plain("nothing_that_holds_a_key_shows_it", secrets_are_redacted),
    ];
    for (side, client, server) in [
        ("client", &AWS_LC as &'static dyn CryptoProvider, &RUSTCRYPTO as &'static dyn CryptoProvider),
        ("server", &RUSTCRYPTO, &AWS_LC),
    ] {
        for kind in Kind::ALL {
            for name in kind.names().into_iter().filter(|name| has_own_test(name)) {
                let title = format!("aws_lc_is_the_{side}::{}::{name}", kind.option());
                trials.push(trial(&title, &[], move |_| connection((client, server), kind, name)));
            }
        }
    }
    peers::run(trials)
}

/// The arithmetic of certificates is that of the keys in them, and that of security keys is borrowed. Servers of ours
/// leave out what is for clients alone.
fn has_own_test(name: &str) -> bool {
    let for_clients = |row: &KexMethod| row.name == name && row.roles == KexRoles::Client;
    !name.contains("-cert-") && !name.starts_with("sk-") && !RUSTCRYPTO.key_exchanges().iter().any(for_clients)
}

const BOTH: [&dyn CryptoProvider; 2] = [&RUSTCRYPTO, &AWS_LC];

/// A login and 300 KB there and back across a key exchange, by one algorithm.
fn connection(
    (client, server): (&'static dyn CryptoProvider, &'static dyn CryptoProvider),
    kind: Kind,
    name: &'static str,
) -> Result<(), Failed> {
    let host = host_key_for(if kind == Kind::HostKey { name } else { "ssh-ed25519" });
    let user = user_key_for(if kind == Kind::UserKey { name } else { "ssh-ed25519" });
    let (mut there, mut here): (server::Policy, Policy) = (server_policy(), client_policy(USER, &public(host)));
    here.identities = vec![identity(user).with_aws_lc()];
    there.host_keys = there.host_keys.into_iter().map(Identity::with_aws_lc).collect();
    here.config.algorithms = here.config.algorithms.by(client);
    there.config.algorithms = there.config.algorithms.by(server);
    select(&mut here.config.algorithms, kind, name);
    // `select` knows RustCrypto's rows.
    here.config.algorithms = here.config.algorithms.by(client);
    block_on(async {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let served = tokio::spawn(serve(far, Arc::new(there), Arc::new(TestHandler::default())));
        let client = Client::over(near, "memory", 22, &here).await?;
        let negotiated = format!("{:?}", client.negotiated());
        ensure(kind == Kind::UserKey || negotiated.contains(name), || negotiated)?;
        let (mut read, mut write) = tokio::io::split(client.exec("echo").await?);
        let length = 300_000;
        let sent = async {
            pattern::write(&mut write, length / 2).await?;
            client.rekey();
            tokio::io::AsyncWriteExt::shutdown(&mut write).await?;
            Ok::<_, Failed>(())
        };
        tokio::try_join!(sent, pattern::read(&mut read, length / 2))?;
        client.close();
        client.closed().await;
        // The client said good-bye.
        let _ = served.await?;
        Ok(())
    })
}

fn same_names() -> Result<(), Failed> {
    let names = |provider: &dyn CryptoProvider| {
        let mut names: Vec<_> = provider.key_exchanges().iter().map(|row| (row.name, row.tier)).collect();
        names.extend(provider.ciphers().iter().map(|row| (row.name, row.tier)));
        names.extend(provider.macs().iter().map(|row| (row.name, row.tier)));
        names.extend(provider.signatures().iter().map(|row| (row.name, row.tier)));
        names
    };
    equal(names(&RUSTCRYPTO), names(&AWS_LC))
}

/// The documentation's table, by what shows: type names in debug output, and addresses of functions.
fn own_rows() -> Result<(), Failed> {
    let differs = |kind: Kind, name: &str| match kind {
        Kind::Kex => {
            let exchange = |provider: &dyn CryptoProvider| {
                provider.key_exchanges().iter().find(|row| row.name == name).map(|row| format!("{:?}", row.exchange))
            };
            exchange(&RUSTCRYPTO) != exchange(&AWS_LC)
        }
        Kind::Cipher => {
            let kind = |provider: &dyn CryptoProvider| {
                provider.ciphers().iter().find(|row| row.name == name).map(|row| format!("{:?}", row.kind))
            };
            kind(&RUSTCRYPTO) != kind(&AWS_LC)
        }
        Kind::Mac => {
            let make = |provider: &dyn CryptoProvider| {
                provider.macs().iter().find(|row| row.name == name).map(|row| format!("{:?}", row.make))
            };
            make(&RUSTCRYPTO) != make(&AWS_LC)
        }
        Kind::HostKey | Kind::UserKey => {
            let verifier = |provider: &dyn CryptoProvider| {
                provider.signatures().iter().find(|row| row.name == name).map(|row| format!("{:?}", row.verifier))
            };
            verifier(&RUSTCRYPTO) != verifier(&AWS_LC)
        }
    };
    for (kind, own, borrowed) in [
        (
            Kind::Kex,
            &[
                "curve25519-sha256",
                "ecdh-sha2-nistp256",
                "ecdh-sha2-nistp384",
                "ecdh-sha2-nistp521",
                "mlkem768x25519-sha256",
            ][..],
            &["diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512"][..],
        ),
        (
            Kind::Cipher,
            &[
                "chacha20-poly1305@openssh.com",
                "aes128-gcm@openssh.com",
                "aes256-gcm@openssh.com",
                "aes128-ctr",
                "aes192-ctr",
                "aes256-ctr",
            ],
            &["aes128-cbc", "aes256-cbc"],
        ),
        (
            Kind::Mac,
            &[
                "hmac-sha2-256-etm@openssh.com",
                "hmac-sha2-512-etm@openssh.com",
                "hmac-sha2-256",
                "hmac-sha2-512",
                "hmac-sha1",
            ],
            &["umac-64@openssh.com", "umac-128-etm@openssh.com"],
        ),
        (
            Kind::HostKey,
            &[
                "ssh-ed25519",
                "rsa-sha2-512",
                "rsa-sha2-256",
                "ssh-rsa",
                "ecdsa-sha2-nistp256",
                "ecdsa-sha2-nistp384",
                "ecdsa-sha2-nistp521",
            ],
            &[],
        ),
    ] {
        for name in own {
            ensure(differs(kind, name), || format!("{name} is borrowed"))?;
        }
        for name in borrowed {
            ensure(!differs(kind, name), || format!("{name} is not borrowed"))?;
        }
    }
    Ok(())
}

/// Bytes that a test chose.
fn bytes(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(197) ^ seed.wrapping_mul(31)).to_le_bytes()[0]).collect()
}

/// A packet of `length` bytes in all.
fn packet(length: usize) -> Vec<u8> {
    let mut packet = bytes(length, 3);
    packet[..4].copy_from_slice(&u32::try_from(length - 4).expect("short").to_be_bytes());
    packet
}

fn same_packets() -> Result<(), Failed> {
    for (one, other) in RUSTCRYPTO.ciphers().iter().zip(AWS_LC.ciphers()) {
        let (key, iv) = (bytes(one.key_length, 1), bytes(one.iv_length, 2));
        // One state each over all packets, of every length about a block and about a piece.
        let lengths = (1..20).chain([255, 256, 257, 511, 512, 513, 2048]).map(|blocks| blocks * 16);
        match (one.kind, other.kind) {
            (CipherKind::Blocks { encrypt: a, .. }, CipherKind::Blocks { encrypt: b, decrypt, .. }) => {
                let (mut a, mut b, mut back) = (a(&key, &iv), b(&key, &iv), decrypt(&key, &iv));
                for length in lengths {
                    let (mut by_one, mut by_other) = (packet(length), packet(length));
                    a.apply(&mut by_one);
                    b.apply(&mut by_other);
                    ensure(by_one == by_other, || format!("{}, {length} bytes", one.name))?;
                    back.apply(&mut by_other);
                    ensure(by_other == packet(length), || format!("{}, {length} bytes back", one.name))?;
                }
            }
            (CipherKind::Aead { make: a, tag_length }, CipherKind::Aead { make: b, .. }) => {
                let (mut a, mut b, mut open_a, mut open_b) = (a(&key, &iv), b(&key, &iv), a(&key, &iv), b(&key, &iv));
                for (sequence, length) in (u32::MAX - 3..=u32::MAX).chain(0..100).zip(lengths.map(|length| length + 4))
                {
                    let (mut by_one, mut by_other) = (packet(length), packet(length));
                    let (mut tag_one, mut tag_other) = (vec![0; tag_length], vec![0; tag_length]);
                    a.seal(sequence, &mut by_one, &mut tag_one);
                    b.seal(sequence, &mut by_other, &mut tag_other);
                    ensure((&by_one, &tag_one) == (&by_other, &tag_other), || format!("{}, {length} bytes", one.name))?;
                    let head = [by_one[0], by_one[1], by_one[2], by_one[3]];
                    equal(open_a.length(sequence, head), open_b.length(sequence, head))?;
                    equal(open_a.open(sequence, &mut by_other, &tag_other), Ok(()))?;
                    equal(open_b.open(sequence, &mut by_one, &tag_one), Ok(()))?;
                    ensure(by_one[4..] == packet(length)[4..] && by_other[4..] == by_one[4..], || one.name.to_owned())?;
                }
            }
            _ => return Err(format!("{} is of two kinds", one.name).into()),
        }
    }
    Ok(())
}

fn changed_packets() -> Result<(), Failed> {
    for row in AWS_LC.ciphers() {
        let CipherKind::Aead { tag_length, make } = row.kind else { continue };
        let (key, iv) = (bytes(row.key_length, 1), bytes(row.iv_length, 2));
        let (mut sealed, mut tag) = (packet(36), vec![0; tag_length]);
        make(&key, &iv).seal(5, &mut sealed, &mut tag);
        let open = |packet: &[u8], tag: &[u8]| make(&key, &iv).open(5, &mut packet.to_vec(), tag);
        equal(open(&sealed, &tag), Ok(()))?;
        for bit in 0..sealed.len() * 8 {
            let mut packet = sealed.clone();
            packet[bit / 8] ^= 1 << (bit % 8);
            equal(open(&packet, &tag), Err(BadTag))?;
        }
        for bit in 0..tag.len() * 8 {
            let mut tag = tag.clone();
            tag[bit / 8] ^= 1 << (bit % 8);
            equal(open(&sealed, &tag), Err(BadTag))?;
        }
        for end in 0..sealed.len() {
            equal(open(&sealed[..end], &tag), Err(BadTag))?;
        }
        for length in [0, 1, 15] {
            equal(open(&sealed, &tag[..length]), Err(BadTag))?;
        }
    }
    Ok(())
}

fn same_tags() -> Result<(), Failed> {
    for (one, other) in RUSTCRYPTO.macs().iter().zip(AWS_LC.macs()) {
        let key = bytes(one.key_length, 4);
        let (a, b) = ((one.make)(&key), (other.make)(&key));
        for (sequence, length) in
            (u32::MAX - 3..=u32::MAX).chain(0..2000).zip((0..300).chain([1023, 1024, 1025, 40_000]))
        {
            let (mut by_one, mut by_other) = (vec![0; one.tag_length], vec![0; one.tag_length]);
            a.sign(sequence, &bytes(length, 5), &mut by_one);
            b.sign(sequence, &bytes(length, 5), &mut by_other);
            ensure(by_one == by_other, || format!("{}, {length} bytes", one.name))?;
        }
    }
    Ok(())
}

/// The arithmetic of the methods that both sides begin alike.
fn agreements(provider: &'static dyn CryptoProvider) -> Vec<(&'static str, &'static dyn KeyAgreement)> {
    let agreement = |row: &'static KexMethod| match row.exchange {
        Exchange::DiffieHellman(agreement) | Exchange::Ecdh(agreement) => Some((row.name, agreement)),
        _ => None,
    };
    provider.key_exchanges().iter().filter_map(agreement).collect()
}

fn secret(secret: &SharedSecret) -> (bool, &[u8]) {
    match secret {
        SharedSecret::Mpint(bytes) => (true, bytes),
        SharedSecret::String(bytes) => (false, bytes),
    }
}

fn same_secrets() -> Result<(), Failed> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for (client, server) in [(BOTH[0], BOTH[1]), (BOTH[1], BOTH[0]), (BOTH[1], BOTH[1])] {
        for ((name, client), (_, server)) in agreements(client).into_iter().zip(agreements(server)) {
            if name.starts_with("diffie-hellman") {
                // Borrowed, and slow.
                continue;
            }
            for _round in 0..20 {
                let initiated = client.initiate(&mut rng);
                let responded = server.respond(initiated.public(), &mut rng).map_err(|_bad| name)?;
                let agreed = initiated.finish(&responded.public).map_err(|_bad| name)?;
                ensure(secret(&agreed) == secret(&responded.secret), || name.to_owned())?;
            }
        }
    }
    Ok(())
}

fn bad_public_values() -> Result<(), Failed> {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    for provider in BOTH {
        for (name, agreement) in agreements(provider) {
            if name.starts_with("diffie-hellman") {
                continue;
            }
            let initiated = agreement.initiate(&mut rng);
            let init = initiated.public().to_vec();
            let reply = agreement.respond(&init, &mut rng).map_err(|_bad| name)?.public;
            let refused = |init: &[u8], reply: &[u8]| {
                let mut rng = ChaCha20Rng::seed_from_u64(3);
                let first = agreement.respond(init, &mut rng).is_err();
                first && agreement.initiate(&mut rng).finish(reply).is_err()
            };
            let zeros = |like: &[u8]| vec![0; like.len()];
            ensure(refused(&zeros(&init), &zeros(&reply)), || format!("{name}: zeros"))?;
            ensure(refused(&init[1..], &reply[1..]), || format!("{name}: one byte less"))?;
            ensure(refused(&[], &[]), || format!("{name}: nothing"))?;
            let longer = |value: &[u8]| [value, &[0]].concat();
            ensure(refused(&longer(&init), &longer(&reply)), || format!("{name}: one byte more"))?;
            if name.contains("nistp") {
                // Compressed, infinity, and not on the curve.
                let half = [&[2][..], &init[1..init.len().div_ceil(2)]].concat();
                let mut off = init.clone();
                *off.last_mut().ok_or(name)? ^= 1;
                for bad in [&half[..], &[0], &off] {
                    ensure(refused(bad, bad), || format!("{name}: {bad:?}"))?;
                }
            }
            if name.starts_with("mlkem") {
                // FIPS 203 §7.2: a coefficient that is not below q.
                let mut unreduced = init.clone();
                unreduced[..3].copy_from_slice(&[0xff; 3]);
                ensure(agreement.respond(&unreduced, &mut rng).is_err(), || format!("{name}: not reduced"))?;
            }
        }
    }
    Ok(())
}

fn same_signatures() -> Result<(), Failed> {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    for (one, other) in RUSTCRYPTO.signatures().iter().zip(AWS_LC.signatures()) {
        if one.name.starts_with("sk-") {
            continue;
        }
        let pem = vectors::bytes(&format!("keys/{}", user_key_for(one.name)));
        let key = ssh_proto::keys::PrivateKey::from_pem(&pem, None)?.key;
        let blob = key.public().blob();
        for round in 0..5_u8 {
            let message = bytes(100, usize::from(round));
            let signature = key.sign(one.name, &message, &mut rng)?.blob;
            for row in [one, other] {
                equal(row.verifier.check_key(blob), Ok(()))?;
                ensure(row.verifier.verify(blob, &message, &signature).is_ok(), || format!("{row:?}"))?;
                ensure(row.verifier.verify(blob, b"another", &signature).is_err(), || format!("{row:?}"))?;
                for bit in (0..signature.len() * 8).step_by(7) {
                    let mut changed = signature.clone();
                    changed[bit / 8] ^= 1 << (bit % 8);
                    ensure(row.verifier.verify(blob, &message, &changed).is_err(), || format!("{row:?} bit {bit}"))?;
                }
                for end in [0, 1, signature.len() / 2, signature.len() - 1] {
                    ensure(row.verifier.verify(blob, &message, &signature[..end]).is_err(), || {
                        format!("{row:?} {end}")
                    })?;
                }
                let longer = [&signature[..], &[0]].concat();
                ensure(row.verifier.verify(blob, &message, &longer).is_err(), || format!("{row:?} longer"))?;
                // A key of another type, and half of one.
                let mut wrong = Vec::new();
                wrong.put_string(b"ssh-dss");
                for bad in [&wrong[..], &blob[..blob.len() - 1], &[]] {
                    ensure(row.verifier.verify(bad, &message, &signature).is_err(), || format!("{row:?} bad key"))?;
                }
            }
        }
    }
    Ok(())
}

/// RSASSA-PKCS1-v1_5 is deterministic.
fn same_rsa_signatures() -> Result<(), Failed> {
    block_on(async {
        for name in ["rsa2048", "rsa3072", "rsa4096"] {
            let (one, other) = (identity(name), identity(name).with_aws_lc());
            equal(one.public(), other.public())?;
            for algorithm in one.algorithms() {
                let (one, other) = (one.sign(algorithm, b"message").await?, other.sign(algorithm, b"message").await?);
                ensure(one == other, || format!("{name} {algorithm}"))?;
            }
            ensure(other.sign("ssh-ed25519", b"message").await.is_err(), || "a wrong algorithm".to_owned())?;
        }
        // Others go on as before.
        let other = identity("ed25519").with_aws_lc();
        ensure(other.sign("ssh-ed25519", b"message").await.is_ok(), || "no signature".to_owned())
    })
}

fn secrets_are_redacted() -> Result<(), Failed> {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let mut shown = Vec::new();
    for (_, agreement) in agreements(&AWS_LC) {
        shown.push(format!("{:?}", agreement.initiate(&mut rng)));
    }
    for row in AWS_LC.ciphers() {
        let (key, iv) = (bytes(row.key_length, 1), bytes(row.iv_length, 2));
        shown.push(match row.kind {
            CipherKind::Blocks { encrypt, .. } => format!("{:?}", encrypt(&key, &iv)),
            CipherKind::Aead { make, .. } => format!("{:?}", make(&key, &iv)),
            _ => continue,
        });
    }
    for row in AWS_LC.macs() {
        shown.push(format!("{:?}", (row.make)(&bytes(row.key_length, 1))));
    }
    ensure(shown.iter().all(|shown| shown.ends_with("([redacted])")), || format!("{shown:?}"))?;
    let identity = format!("{:?}", identity("rsa2048").with_aws_lc());
    ensure(identity.contains("RsaSigner([redacted])"), || identity)
}
