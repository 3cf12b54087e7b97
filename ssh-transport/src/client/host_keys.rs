//! Learning a server's further host keys before its old ones go (`hostkeys-00@openssh.com`): OpenSSH's `UpdateHostKeys`.

use std::path::PathBuf;
use std::sync::Arc;

use ssh_proto::keys::PublicKey;
use ssh_proto::{Client as ClientSide, GlobalRequest, KeyBlobs, WantReply};
use tokio::sync::oneshot;

use super::events::{Answer, Expected};
use crate::ended::Ended;
use crate::known_hosts::{self, HashNames, KnownHosts, Learnable};
use crate::link::Link;

/// What a client does with the keys that a server says it has.
#[derive(Clone, Debug, Default)]
pub(crate) enum HostKeyUpdates {
    /// Nothing.
    #[default]
    Ignore,
    /// Those that are new and that the server proves to have are added to a known_hosts file, under this name.
    Write(Learner),
}

/// A file, and whose keys it learns.
#[derive(Clone, Debug)]
pub(crate) struct Learner {
    pub(crate) path: PathBuf,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The key by which the server was recognised.
    pub(crate) recognised: PublicKey,
}

impl HostKeyUpdates {
    /// The most keys of one server that anybody looks at.
    const MAXIMUM: usize = 16;

    /// The server has told its keys.
    pub(super) fn announced(&self, keys: Vec<PublicKey>, link: &Arc<Link<ClientSide>>, expected: &Arc<Expected>) {
        let Self::Write(learner) = self else { return };
        // Who does not show the key that we know tells us about another server.
        if keys.len() > Self::MAXIMUM || !keys.contains(&learner.recognised) {
            return;
        }
        let taken = |key: &PublicKey| link.with(|locked| locked.connection.takes_host_key(key)).unwrap_or(false);
        let keys: Vec<PublicKey> = keys.into_iter().filter(taken).collect();
        let (learner, link, expected) = (learner.clone(), link.clone(), expected.clone());
        // Who runs one short command closes the connection before the proofs have come.
        let hold = link.hold();
        tokio::spawn(async move {
            let _hold = hold;
            let reader = learner.clone();
            // The file may be large, and lie on a disk that is slow: the connection goes on meanwhile.
            let Ok(Some((new, hash))) = tokio::task::spawn_blocking(move || reader.new_ones(keys)).await else {
                return;
            };
            let proved = prove(new, &link, &expected).await;
            if !proved.is_empty() {
                let _ = tokio::task::spawn_blocking(move || learner.write(&proved, hash)).await;
            }
        });
    }
}

impl Learner {
    /// Those of `keys` that the file may learn, if there are any, and whether names in it are hashed.
    fn new_ones(&self, mut keys: Vec<PublicKey>) -> Option<(Vec<PublicKey>, HashNames)> {
        let known = KnownHosts::load([&self.path]).ok()?;
        let Learnable::Yes(hash) = known.learnable(&self.host, self.port, &self.recognised) else { return None };
        keys.retain(|key| known.may_learn(&self.host, self.port, key));
        (!keys.is_empty()).then_some((keys, hash))
    }

    fn write(&self, keys: &[PublicKey], hash: HashNames) {
        let Self { path, host, port, .. } = self;
        for key in keys {
            match known_hosts::append(path, host, *port, key, hash) {
                Ok(()) => tracing::info!(
                    host,
                    key = %key.fingerprint(),
                    kind = key.key_type(),
                    "the server proved to have a further host key; it is written down"
                ),
                Err(error) => tracing::warn!(%error, path = %path.display(), "cannot write a host key down"),
            }
        }
    }
}

/// Those of `keys` that the server proves to have.
async fn prove(keys: Vec<PublicKey>, link: &Arc<Link<ClientSide>>, expected: &Arc<Expected>) -> Vec<PublicKey> {
    let blobs = KeyBlobs::to_data(keys.iter().map(PublicKey::blob));
    let Ok(request) = KeyBlobs::decode(&blobs).map(GlobalRequest::HostKeysProve) else { return Vec::new() };
    let Ok(Some(answer)) = ask(link, expected, &request).await else { return Vec::new() };
    let Ok(signatures) = KeyBlobs::decode(&answer) else { return Vec::new() };
    let signatures: Vec<&[u8]> = signatures.iter().collect();
    let checked = link.with(|locked| {
        // "one signature for each key, in the order of the keys": all of them are right, or none counts.
        signatures.len() == keys.len()
            && keys
                .iter()
                .zip(&signatures)
                .all(|(key, signature)| locked.connection.check_host_key_proof(key, signature).is_ok())
    });
    match checked {
        Ok(true) => keys,
        Ok(false) => {
            tracing::warn!("the server cannot prove that it has the host keys that it tells");
            Vec::new()
        }
        Err(_ended) => Vec::new(),
    }
}

/// A global request and its answer; `None` for a refusal.
pub(super) async fn ask(
    link: &Arc<Link<ClientSide>>,
    expected: &Arc<Expected>,
    request: &GlobalRequest<'_>,
) -> Result<Option<Vec<u8>>, Ended> {
    let (sender, answer) = oneshot::channel();
    link.with(|locked| {
        let asked = locked.connection.global_request(request, WantReply::Yes, locked.now, locked.out);
        asked.map(|id| expected.lock().asks(id, Answer::Plain(sender))).map_err(Ended::Protocol)
    })??;
    answer.await.map_err(|_gone| link.ended())
}
