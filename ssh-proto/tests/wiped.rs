//! What a password leaves behind in the server's input buffer, which its owner uses again.

use std::sync::Arc;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use ssh_proto::crypto::Tier;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::io::{InputBuffer, InputVec};
use ssh_proto::keys::PrivateKey;
use ssh_proto::time::Instant;
use ssh_proto::{Algorithms, Rng, client, server};
use zeroize::Zeroizing;

/// A buffer that forgets nothing: what is discarded stays where it was.
struct Kept {
    bytes: Vec<u8>,
    start: usize,
}

impl InputBuffer for Kept {
    fn filled(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }

    fn discard(&mut self, length: usize) {
        self.start += length;
    }

    fn capacity(&self) -> usize {
        300 * 1024
    }
}

fn rng(seed: u64) -> Rng {
    Box::new(ChaCha20Rng::seed_from_u64(seed))
}

#[test]
fn no_password_stays_in_the_input_buffer() {
    const PASSWORD: &[u8] = b"correct horse battery staple";
    let (now, mut out) = (Instant::default(), Vec::new());
    let host_key = PrivateKey::generate_ed25519(&mut *rng(1));
    let algorithms = || Algorithms::up_to(Tier::Default, &PROVIDER);
    let mut config = server::Config::new(vec![host_key.public().clone()], algorithms());
    config.methods = vec![server::MethodName::Password];
    let mut to_server = Kept { bytes: Vec::new(), start: 0 };
    let mut to_client = InputVec::with_capacity(300 * 1024);
    let mut server = server::Step::Ready(server::start(&Arc::new(config), rng(2), now, &mut out).unwrap());
    to_client.extend(&std::mem::take(&mut out));
    let config = client::Config::new("alice", algorithms());
    let mut client = client::Step::Ready(client::start(&Arc::new(config), rng(3), now, &mut out).unwrap());
    loop {
        to_server.bytes.append(&mut out);
        server = match server {
            server::Step::Ready(ready) => ready.process(now, &mut to_server, &mut out).unwrap(),
            server::Step::Sign(sign) => {
                let signature = host_key.sign(sign.algorithm(), sign.to_sign(), &mut *rng(4)).unwrap();
                server::Step::Ready(sign.complete(&signature, &mut out).unwrap())
            }
            server::Step::Attempt(attempt) => {
                assert!(matches!(attempt.method(), server::Method::Password(given) if given == PASSWORD));
                break;
            }
            step => panic!("{step:?}"),
        };
        to_client.extend(&std::mem::take(&mut out));
        client = match client {
            client::Step::Ready(ready) => ready.process(now, &mut to_client, &mut out).unwrap(),
            client::Step::HostKey(verify) => verify.accept(now, &mut out).unwrap(),
            client::Step::Login(login) => {
                let password = Zeroizing::new(PASSWORD.to_vec());
                client::Step::Ready(login.password(&password, now, &mut out).unwrap())
            }
            step => panic!("{step:?}"),
        };
    }
    assert!(to_server.bytes.windows(PASSWORD.len()).all(|bytes| bytes != PASSWORD));
}
