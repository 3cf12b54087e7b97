//! OpenSSH's server, with a configuration of its own, on a free port.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use peers::{Child, Failed, LIMIT, Peers, TempDir};
use ssh_proto::keys::PublicKey;
use ssh_transport::Client;
use ssh_transport::client::Policy;

use super::{HOST_KEYS, USER_KEYS, client_policy, is_root, own_name, private_file, public, vector_key};

/// A running server. Its host keys are [`HOST_KEYS`] of the vectors, and it lets in who runs it with [`USER_KEYS`].
#[derive(Debug)]
pub(crate) struct Sshd {
    pub(crate) child: Child,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) directory: TempDir,
}

impl Sshd {
    /// Starts it, with further lines of configuration, which come first and so win.
    pub(crate) fn start(peers: &Peers, options: &str) -> Result<Self, Failed> {
        let directory = peers::temp_dir()?;
        if is_root(&directory)? {
            // Its place to be without privileges. A machine on which it never ran lacks it.
            fs::create_dir_all("/run/sshd")?;
        }
        let mut keys = String::new();
        for name in HOST_KEYS {
            writeln!(keys, "HostKey {}", vector_key(directory.path(), name)?.display())?;
        }
        let authorized = directory.path().join("authorized_keys");
        let lines: String = USER_KEYS.iter().map(|name| vectors::text(&format!("keys/{name}.pub"))).collect();
        private_file(&authorized, lines.as_bytes())?;
        let config = directory.path().join("sshd_config");
        // Somebody else may take the port before the server does: then with another one.
        let mut last = Failed::without_message();
        for _attempt in 0..5 {
            let port = peers::free_port()?;
            let text = format!(
                "{options}\nPort {port}\nListenAddress 127.0.0.1\n{keys}AuthorizedKeysFile {}\n{CONFIG}\
                 SetEnv HOME={}\n",
                authorized.display(),
                // What the user's shell reads at home may write, and not the same each time.
                directory.path().display()
            );
            fs::write(&config, text)?;
            let mut command = peers.command("sshd");
            let mut child = Child::spawn(command.args(["-D", "-e", "-f"]).arg(&config))?;
            match child.wait_for("Server listening on", LIMIT) {
                Ok(()) => return Ok(Self { child, port, user: own_name()?, directory }),
                Err(failed) => last = failed,
            }
        }
        Err(last)
    }

    /// Trusts its Ed25519 key, and logs in with the user key `ed25519`.
    pub(crate) fn policy(&self) -> Policy {
        client_policy(&self.user, &Self::host_key())
    }

    /// Its Ed25519 host key.
    pub(crate) fn host_key() -> PublicKey {
        public("ed25519")
    }

    /// A login over TCP.
    pub(crate) async fn connect(&self, policy: &Policy) -> Result<Client, Failed> {
        Client::connect("127.0.0.1", self.port, policy)
            .await
            .map_err(|error| self.child.failed(&format!("cannot log in: {error}")))
    }

    /// A file beside its own.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> Result<PathBuf, Failed> {
        let path = self.directory.path().join(name);
        fs::write(&path, content)?;
        Ok(path)
    }
}

/// Everything on that we have, and nothing that a machine's own configuration could change.
const CONFIG: &str = "
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
PermitUserRC no
PrintMotd no
LogLevel VERBOSE
AcceptEnv LANG LC_*
MaxSessions 100
MaxStartups 100
Subsystem echo /bin/cat
KexAlgorithms +diffie-hellman-group14-sha1,diffie-hellman-group1-sha1,diffie-hellman-group-exchange-sha1
Ciphers +aes128-cbc,aes256-cbc
MACs +hmac-sha1,hmac-sha1-etm@openssh.com
HostKeyAlgorithms +ssh-rsa
PubkeyAcceptedAlgorithms +ssh-rsa
";
