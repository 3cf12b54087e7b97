//! How much faster the second crypto provider is than the first, on this machine, in this run:
//!
//! ```sh
//! cargo run --release -p ssh-transport --features aws-lc --example providers
//! ```

#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::hint::black_box;
use std::time::Instant;

use ssh_proto::crypto::rustcrypto::PROVIDER as RUSTCRYPTO;
use ssh_proto::crypto::{CipherKind, CipherMethod, CryptoProvider};
use ssh_proto::keys::PrivateKey;
use ssh_transport::aws_lc::PROVIDER as AWS_LC;
use ssh_transport::identity::Identity;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("AWS-LC beside RustCrypto, the best of {ROUNDS} rounds that take turns");
    for name in ["rsa2048", "rsa3072", "rsa4096"] {
        let key = PrivateKey::from_pem(&vectors::bytes(&format!("keys/{name}")), None)?;
        let slow = Identity::from_key(key.key, name);
        let fast = slow.clone().with_aws_lc();
        let (mut ours, mut theirs) = (f64::MAX, f64::MAX);
        for _ in 0..ROUNDS {
            for (identity, best) in [(&slow, &mut ours), (&fast, &mut theirs)] {
                let start = Instant::now();
                for _ in 0..SIGNATURES {
                    black_box(identity.sign("rsa-sha2-256", b"sshrpc").await?);
                }
                *best = best.min(start.elapsed().as_secs_f64());
            }
        }
        tell(&format!("{name}, a signature"), ours / theirs);
    }
    for ours in RUSTCRYPTO.ciphers() {
        let Some(theirs) = AWS_LC.ciphers().iter().find(|row| row.name == ours.name) else { continue };
        let (mut slow, mut fast) = (f64::MAX, f64::MAX);
        for _ in 0..ROUNDS {
            slow = slow.min(seconds_to_encrypt(ours));
            fast = fast.min(seconds_to_encrypt(theirs));
        }
        tell(&format!("{}, 32 KiB packets", ours.name), slow / fast);
    }
    Ok(())
}

const ROUNDS: usize = 9;
const SIGNATURES: usize = 10;
const PACKETS: u32 = 256;

fn tell(what: &str, ratio: f64) {
    println!("{what:46} {ratio:4.1} times as fast");
}

/// What a sender takes for some packets, without their MAC where that is apart.
fn seconds_to_encrypt(cipher: &CipherMethod) -> f64 {
    let (key, iv) = (vec![7; cipher.key_length], vec![9; cipher.iv_length]);
    let mut packet = vec![0; 32 * 1024];
    let start = Instant::now();
    match cipher.kind {
        CipherKind::Aead { tag_length, make } => {
            let (mut aead, mut tag) = (make(&key, &iv), vec![0; tag_length]);
            for number in 0..PACKETS {
                aead.seal(number, &mut packet, &mut tag);
            }
        }
        CipherKind::Blocks { encrypt, .. } => {
            let mut blocks = encrypt(&key, &iv);
            for _ in 0..PACKETS {
                blocks.apply(&mut packet);
            }
        }
        _ => {}
    }
    black_box(&packet);
    start.elapsed().as_secs_f64()
}
