//! What the tests over real streams share: keys, a pattern of bytes, policies, an OpenSSH server, a server of ours.

#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod authenticator;
pub(crate) mod authority;
pub(crate) mod handler;
pub(crate) mod pattern;
pub(crate) mod raw;
pub(crate) mod sshd;

use std::fs;
use std::future::Future;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use peers::{Child, Failed, LIMIT, Peers, TempDir, Trial};
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::crypto::{Signers, Tier};
use ssh_proto::keys::{PrivateKey, PublicKey};
use ssh_proto::{Algorithms, client};
use ssh_transport::client::{HostKeys, Policy};
use ssh_transport::identity::Identity;
use ssh_transport::rng::os_rng;

/// A user that everybody may log in as where the test decides; OpenSSH's server knows only the one that runs it.
pub(crate) const USER: &str = "alice";
/// Long enough for a gigabyte on a slow machine.
pub(crate) const LONG: Duration = Duration::from_secs(300);

/// A trial that needs nobody else.
pub(crate) fn plain(name: &str, test: fn() -> Result<(), Failed>) -> Trial {
    peers::trial(name, &[], move |_| test())
}

/// Runs a test's future, for no longer than [`LONG`].
pub(crate) fn block_on<T>(test: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match tokio::time::timeout(LONG, test).await {
            Ok(result) => result,
            Err(_elapsed) => Err("the test did not end".into()),
        }
    })
}

/// Runs a test's future on one thread whose clock jumps to the next deadline whenever nothing can be done: what takes
/// minutes takes no time, and nothing depends on how busy the machine is. For streams in memory only.
pub(crate) fn block_on_paused<T>(test: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(test)
}

/// Waits until something holds.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) -> Result<(), Failed> {
    let mut left = LIMIT;
    while !holds() {
        ensure(!left.is_zero(), || "what was waited for did not happen".to_owned())?;
        let pause = Duration::from_millis(5);
        tokio::time::sleep(pause).await;
        left = left.saturating_sub(pause);
    }
    Ok(())
}

/// Fails the test unless it holds.
pub(crate) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}

/// Fails the test unless the two are equal.
pub(crate) fn equal<T: PartialEq + std::fmt::Debug>(left: T, right: T) -> Result<(), Failed> {
    ensure(left == right, || format!("{left:?} is not {right:?}"))
}

/// Whether the tests run as root.
pub(crate) fn is_root(directory: &TempDir) -> Result<bool, Failed> {
    Ok(directory.path().metadata()?.uid() == 0)
}

/// The name of the user that runs the tests.
pub(crate) fn own_name() -> Result<String, Failed> {
    let name = Child::spawn(Command::new("id").arg("-un"))?.succeed(LIMIT)?;
    Ok(String::from_utf8_lossy(&name).trim().to_owned())
}

/// Puts a key of the vectors into `directory`, for its owner alone.
pub(crate) fn vector_key(directory: &Path, name: &str) -> Result<PathBuf, Failed> {
    let path = directory.join(name);
    private_file(&path, &vectors::bytes(&format!("keys/{name}")))?;
    Ok(path)
}

/// Writes a file that nobody else can read.
pub(crate) fn private_file(path: &Path, content: &[u8]) -> Result<(), Failed> {
    fs::write(path, content)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(())
}

/// A private key of the vectors.
pub(crate) fn identity(name: &str) -> Identity {
    let key = PrivateKey::from_pem(&vectors::bytes(&format!("keys/{name}")), None).expect("a key of the vectors");
    Identity::from_key(key.key, name)
}

/// A new Ed25519 key.
pub(crate) fn new_identity() -> Result<Identity, Failed> {
    Ok(Identity::from_key(PrivateKey::generate_ed25519(&mut os_rng()?), "new"))
}

/// The public half of a key of the vectors.
pub(crate) fn public(name: &str) -> PublicKey {
    PublicKey::from_openssh_line(&vectors::text(&format!("keys/{name}.pub"))).expect("a key of the vectors").0
}

/// The key of the vectors for a signature algorithm of users.
pub(crate) fn user_key_for(algorithm: &str) -> &'static str {
    match algorithm {
        "ecdsa-sha2-nistp256" => "ecdsa",
        "ecdsa-sha2-nistp384" => "ecdsa384",
        "ecdsa-sha2-nistp521" => "ecdsa521",
        rsa if rsa.contains("rsa") => "rsa2048",
        _ => "ed25519",
    }
}

/// The key of the vectors that is the host's for a signature algorithm.
pub(crate) fn host_key_for(algorithm: &str) -> &'static str {
    match user_key_for(algorithm) {
        "rsa2048" => "rsa3072",
        other => other,
    }
}

/// The names of the host keys: one of each type.
pub(crate) const HOST_KEYS: [&str; 5] = ["ed25519", "rsa3072", "ecdsa", "ecdsa384", "ecdsa521"];
/// The names of the keys that may log in.
pub(crate) const USER_KEYS: [&str; 7] = ["ed25519", "rsa2048", "rsa3072", "rsa4096", "ecdsa", "ecdsa384", "ecdsa521"];

/// All algorithms that we have.
pub(crate) fn algorithms() -> Algorithms {
    Algorithms::up_to(Tier::Legacy, &PROVIDER)
}

/// Trusts `host_key` alone, and logs in with the Ed25519 key of the vectors.
pub(crate) fn client_policy(user: &str, host_key: &PublicKey) -> Policy {
    let mut policy = Policy::new(client::Config::new(user, algorithms()), HostKeys::Pinned(host_key.clone()));
    policy.identities.push(identity("ed25519"));
    policy
}

/// Offers exactly one algorithm of a kind.
pub(crate) fn select(algorithms: &mut Algorithms, kind: Kind, name: &str) {
    match kind {
        Kind::Kex => algorithms.select_kex(&PROVIDER, name),
        Kind::HostKey => algorithms.select_host_keys(&PROVIDER, name),
        Kind::Cipher => algorithms.select_ciphers(&PROVIDER, name),
        Kind::Mac => {
            // An AEAD needs no MAC, so that none would be agreed on.
            algorithms.ciphers.retain(|cipher| cipher.name.ends_with("-ctr"));
            algorithms.select_macs(&PROVIDER, name)
        }
        Kind::UserKey => algorithms.select_user_keys(&PROVIDER, name),
    }
    .expect("the name is from the table");
}

/// The kinds of algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Kex,
    HostKey,
    Cipher,
    Mac,
    UserKey,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Kex, Self::HostKey, Self::Cipher, Self::Mac, Self::UserKey];

    /// All names of our tables. Certificates and security keys have tests of their own (`certificates`, `security_keys`).
    pub(crate) fn names(self) -> Vec<&'static str> {
        let all = algorithms();
        match self {
            Self::Kex => all.kex.iter().map(|method| method.name).collect(),
            Self::HostKey => all.host_keys.iter().map(|method| method.name).collect(),
            Self::Cipher => all.ciphers.iter().map(|method| method.name).collect(),
            Self::Mac => all.macs.iter().map(|method| method.name).collect(),
            Self::UserKey => {
                let plain = all.user_keys.iter().filter(|method| method.name == method.signature_name);
                plain.filter(|method| method.signers == Signers::UsersAndHosts).map(|method| method.name).collect()
            }
        }
    }

    /// What OpenSSH calls the option, on the command line and in files.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Self::Kex => "KexAlgorithms",
            Self::HostKey => "HostKeyAlgorithms",
            Self::Cipher => "Ciphers",
            Self::Mac => "MACs",
            Self::UserKey => "PubkeyAcceptedAlgorithms",
        }
    }

    /// What the installed OpenSSH has of it.
    pub(crate) fn of_openssh(self) -> Vec<String> {
        let Some(ssh) = Peers::find("ssh") else { return Vec::new() };
        let listed = Child::spawn(Command::new(ssh).args(["-Q", self.option()]))
            .and_then(|mut child| child.succeed(LIMIT).map_err(|_failed| std::io::ErrorKind::Other.into()));
        let listed = listed.unwrap_or_default();
        String::from_utf8_lossy(&listed).lines().map(str::to_owned).collect()
    }
}

/// A trial for every algorithm of every table: ignored, with the reason, where the installed OpenSSH lacks it.
pub(crate) fn algorithm_trials(
    peer: &'static str,
    test: fn(&Peers, Kind, &'static str) -> Result<(), Failed>,
) -> Vec<Trial> {
    let mut trials = Vec::new();
    for kind in Kind::ALL {
        let theirs = kind.of_openssh();
        for name in kind.names() {
            let title = format!("{}::{name}", kind.option());
            let missing = !theirs.is_empty() && !theirs.iter().any(|their| their == name);
            trials.push(if missing {
                peers::unsupported(&title, &format!("this OpenSSH has no {name}"))
            } else {
                peers::trial(&title, &[peer], move |peers| test(peers, kind, name))
            });
        }
    }
    trials
}
