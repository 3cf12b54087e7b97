//! A security key in software, and an agent that has it: OpenSSH's PROTOCOL.u2f and draft-miller-ssh-agent.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use peers::Failed;
use sha2::{Digest, Sha256};
use ssh_proto::keys::{Curve, Presence, PrivateKey, PublicKey, Signature};
use ssh_proto::wire::{Put, Reader};
use ssh_transport::rng::os_rng;

/// What signs. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Authenticator {
    key: PrivateKey,
    pub(crate) public: PublicKey,
    /// What it says of its owner from now on.
    pub(crate) flags: Arc<AtomicU8>,
    counter: Arc<AtomicU32>,
}

impl Authenticator {
    /// One that signs by Ed25519, and one that signs by ECDSA.
    pub(crate) fn both() -> Result<[Self; 2], Failed> {
        let mut rng = os_rng()?;
        let ecdsa = PrivateKey::generate_ecdsa(Curve::Nistp256, &mut rng);
        Ok([Self::new(PrivateKey::generate_ed25519(&mut rng))?, Self::new(ecdsa)?])
    }

    fn new(key: PrivateKey) -> Result<Self, Failed> {
        let mut fields = Reader::new(key.public().blob());
        let mut blob = Vec::new();
        blob.put_string(format!("sk-{}@openssh.com", fields.utf8("key type")?).as_bytes());
        blob.put_bytes(fields.rest());
        blob.put_string(APPLICATION);
        let public = PublicKey::from_blob(&blob)?;
        Ok(Self { key, public, flags: Arc::new(AtomicU8::new(1)), counter: Arc::default() })
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, Failed> {
        let counter = self.counter.fetch_add(1, Ordering::SeqCst);
        let presence = Presence::new(self.flags.load(Ordering::SeqCst), counter);
        let mut signed = Sha256::digest(APPLICATION).to_vec();
        signed.put_u8(presence.flags);
        signed.put_u32(presence.counter);
        signed.put_bytes(&Sha256::digest(message));
        let signature = self.key.sign(self.key.algorithms()[0], &signed, &mut os_rng()?)?;
        Ok(Signature::new(self.public.key_type(), signature.blob).with_presence(presence))
    }

    /// Listens as an agent, until the process ends.
    pub(crate) fn listen(&self, path: &Path) -> Result<(), Failed> {
        let listener = UnixListener::bind(path)?;
        let key = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let key = key.clone();
                std::thread::spawn(move || key.serve(stream));
            }
        });
        Ok(())
    }

    /// Answers until the other side hangs up.
    fn serve(&self, mut stream: UnixStream) -> Result<(), Failed> {
        loop {
            let mut length = [0; 4];
            stream.read_exact(&mut length)?;
            let mut request = vec![0; usize::try_from(u32::from_be_bytes(length))?];
            stream.read_exact(&mut request)?;
            let mut framed = Vec::new();
            framed.put_string(&self.answer(&request)?);
            stream.write_all(&framed)?;
        }
    }

    fn answer(&self, request: &[u8]) -> Result<Vec<u8>, Failed> {
        let mut reader = Reader::new(request);
        let mut answer = Vec::new();
        match reader.u8("message number")? {
            REQUEST_IDENTITIES => {
                answer.put_u8(IDENTITIES_ANSWER);
                answer.put_u32(1);
                answer.put_string(self.public.blob());
                answer.put_string(b"in software");
            }
            SIGN_REQUEST if reader.string("key blob")? == self.public.blob() => {
                let signature = self.sign(reader.string("data")?)?;
                answer.put_u8(SIGN_RESPONSE);
                answer.put_nested(|nested| signature.to_wire(nested));
            }
            _ => answer.put_u8(FAILURE),
        }
        Ok(answer)
    }
}

const APPLICATION: &[u8] = b"ssh:";
const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
