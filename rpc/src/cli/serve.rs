//! `sshrpc serve`

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;
use ssh_proto::algorithms::Missing;
use ssh_proto::crypto::Tier;
use ssh_transport::authorized_keys::AuthorizedKeys;
use ssh_transport::files::{FileError, FileProblem};
use ssh_transport::forward::{Allow, Forwarding};
use ssh_transport::identity::{Identity, IdentityError, write_key_pair};
use sshrpc::acl::Acl;
use sshrpc::audit::Audit;
use sshrpc::node::{BertRpc, NodeError};
use sshrpc::term::Atom;
use sshrpc::{Node, PrivateKey, PublicKey, os_rng};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::backend::Executing;
use super::config::{Folder, HOST_KINDS, KINDS, shown};
use super::failure::Failure;
use super::output::{FAINT, Output, STRONG, WARN, styled};
use super::provider::{self, Provider};
use super::settings::{self, Reload};
use super::terminal::Ask;
use super::{log, secret};

/// Answer calls, with the built-in functions or a real Erlang
///
/// Without `--host-key` the node gets an ed25519 and an RSA key in sshrpc's own folder, the first time. Whoever has a key
/// in authorized_keys may log in under any name and call every function, unless sshrpc.toml has rules; SIGHUP makes the
/// node read them anew.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sshrpc serve                                   on 127.0.0.1:2222
  sshrpc serve --listen 0.0.0.0:2222 -v          for every interface, and tell each call
  sshrpc serve --backend beam --allow-all        every function of the Erlang that is installed
  sshrpc serve --backend beam-dist=shop@myhost   what the rules allow, in a running Erlang
  sshrpc serve --tier legacy                     with CBC and SHA-1, for clients of the paper's time

Stop it with Ctrl-C or SIGTERM: calls that run are answered first. A second one stops it at once.")]
pub(crate) struct Serve {
    /// The address and the port; port 0 is a free one [default: 127.0.0.1:2222]
    #[arg(long, short, value_name = "ADDRESS:PORT", value_parser = listen_address)]
    listen: Option<String>,

    /// The node's name, as erlang:node() has it: name@host [default: nonode@nohost; in a cluster
    /// sshrpc- and a random number, with the other node's host]
    #[arg(long, value_name = "NAME@HOST", value_parser = sshrpc::config::node_name)]
    name: Option<Atom>,

    /// What the node does where no option says so, and who may call what [default: sshrpc's own sshrpc.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Carry connections for whoever may log in: local (`ssh -L`, `-D`, `-W`, `-J`), remote (`ssh -R`, on this machine
    /// alone), yes or no [default: no]
    #[arg(
        long, value_name = "WHICH", hide_possible_values = true,
        value_parser = PossibleValuesParser::new(["no", "local", "remote", "yes"]).try_map(|name| allowed(&name)),
    )]
    allow_forwarding: Option<Allow>,

    #[command(flatten, next_help_heading = "Execution")]
    executing: Executing,

    /// Also answer BERT-RPC over plain TCP on an address of this machine alone: everybody on it calls, within the access
    /// rules, as the user bert
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listen_address)]
    bert: Option<String>,

    #[command(flatten, next_help_heading = "Keys")]
    keys: Keys,

    #[command(flatten, next_help_heading = "Algorithms")]
    algorithms: Algorithms,
}

#[derive(Debug, clap::Args)]
struct Keys {
    /// A private key that shows who the node is, and its certificate in FILE-cert.pub; one of each type counts
    #[arg(long = "host-key", value_name = "FILE")]
    host_keys: Vec<PathBuf>,

    /// The public keys that may log in, read at each login [default: sshrpc's own authorized_keys]
    #[arg(long, value_name = "FILE")]
    authorized_keys: Option<PathBuf>,

    /// Public keys, certificates or a key revocation list that let nobody in, read at each login
    #[arg(long, value_name = "FILE")]
    revoked_keys: Option<PathBuf>,
}

/// Which algorithms are offered.
#[derive(Debug, clap::Args)]
pub(crate) struct Algorithms {
    /// All up to this tier: default, compatible (older), legacy (CBC, SHA-1)
    #[arg(
        long, value_name = "TIER", hide_possible_values = true,
        value_parser = PossibleValuesParser::new(["default", "compatible", "legacy"]).try_map(|name| tier(&name)),
    )]
    pub(crate) tier: Option<Tier>,

    /// These ciphers, comma-separated, of whatever tier
    #[arg(long, value_name = "NAMES")]
    pub(crate) cipher: Option<String>,

    /// These MACs, comma-separated, of whatever tier
    #[arg(long, value_name = "NAMES")]
    pub(crate) mac: Option<String>,

    /// These key exchange methods, comma-separated, of whatever tier
    #[arg(long, value_name = "NAMES")]
    pub(crate) kex: Option<String>,

    /// Compress what travels: a node does so for clients that ask
    #[arg(long, short = 'C')]
    pub(crate) compress: bool,

    /// Whose arithmetic is used: rustcrypto; aws-lc, if it was built in
    #[arg(long, value_name = "NAME", default_value = "rustcrypto", value_parser = provider::parse)]
    pub(crate) provider: Provider,
}

fn allowed(name: &str) -> Result<Allow, &'static str> {
    match name {
        "no" => Ok(Allow::No),
        "local" => Ok(Allow::Local),
        "remote" => Ok(Allow::Remote),
        "yes" => Ok(Allow::Yes),
        _ => Err("there are no, local, remote and yes"),
    }
}

fn tier(name: &str) -> Result<Tier, &'static str> {
    match name {
        "default" => Ok(Tier::Default),
        "compatible" => Ok(Tier::Compatible),
        "legacy" => Ok(Tier::Legacy),
        _ => Err("there are default, compatible and legacy"),
    }
}

/// A port alone is one of this machine.
fn listen_address(text: &str) -> Result<String, &'static str> {
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    port.parse::<u16>().map_err(|_not_one| "the port is missing: 127.0.0.1:2222")?;
    if host.contains(':') && !host.starts_with('[') {
        return Err("an IPv6 address stands in brackets: [::1]:2222");
    }
    Ok(if host.is_empty() { format!("127.0.0.1:{port}") } else { text.to_owned() })
}

impl Serve {
    pub(crate) fn run(mut self, output: &Output, verbose: u8) -> Result<(), Failure> {
        log::start(log::Chatter::Talkative, verbose);
        let folder = Folder::find();
        if let Ok(folder) = &folder {
            // The line that lets a key in must work as it is printed.
            folder.create()?;
        }
        let settings = settings::load(self.config.as_deref(), folder.as_ref().ok())?;
        let (config_file, config) = settings.map_or_else(Default::default, |(path, config)| (Some(path), config));
        self.fill_in(config.serve)?;
        let acl = self.executing.acl(config_file.as_ref().map(|_path| Acl::new(config.policy)))?;
        let rules = Rules { acl, audit: settings::audit(&config.audit)?, file: config_file };
        let host_keys = match self.keys.host_keys.as_slice() {
            [] => own_host_keys(folder.as_ref().map_err(Clone::clone)?)?,
            files => {
                let read: Result<Vec<_>, _> =
                    files.iter().map(|path| secret::read_identities(path, Ask::Somebody)).collect();
                read?.concat()
            }
        };
        let authorized = match (&self.keys.authorized_keys, &folder) {
            (Some(path), _) => path.clone(),
            (None, folder) => folder.as_ref().map_err(Clone::clone)?.authorized_keys(),
        };
        let runtime = tokio::runtime::Runtime::new().map_err(Failure::local)?;
        runtime.block_on(self.serve(output, host_keys, authorized, folder.ok(), rules))
    }

    /// Takes from the file what the command line does not say.
    fn fill_in(&mut self, file: sshrpc::config::Serve) -> Result<(), Failure> {
        let wrong = |key: &str, why: &str| Failure::local(format!("sshrpc.toml: [serve] {key}: {why}"));
        if self.listen.is_none() {
            let listen = file.listen.map(|text| listen_address(&text)).transpose();
            self.listen = listen.map_err(|why| wrong("listen", why))?;
        }
        if self.allow_forwarding.is_none() {
            let which = file.allow_forwarding.map(allowed).transpose();
            self.allow_forwarding = which.map_err(|why| wrong("allow_forwarding", why))?;
        }
        self.name = self.name.take().or(file.name);
        if self.keys.host_keys.is_empty() {
            self.keys.host_keys = file.host_keys;
        }
        self.keys.authorized_keys = self.keys.authorized_keys.take().or(file.authorized_keys);
        self.keys.revoked_keys = self.keys.revoked_keys.take().or(file.revoked_keys);
        let algorithms = &mut self.algorithms;
        if algorithms.tier.is_none() {
            algorithms.tier = file.tier.map(tier).transpose().map_err(|why| wrong("tier", why))?;
        }
        algorithms.cipher = algorithms.cipher.take().or(file.cipher);
        algorithms.mac = algorithms.mac.take().or(file.mac);
        algorithms.kex = algorithms.kex.take().or(file.kex);
        algorithms.compress |= file.compress.unwrap_or_default();
        Ok(())
    }

    async fn serve(
        self,
        output: &Output,
        host_keys: Vec<Identity>,
        authorized: PathBuf,
        folder: Option<Folder>,
        rules: Rules,
    ) -> Result<(), Failure> {
        let plain = host_keys.iter().filter(|identity| identity.certificate().is_none());
        let shown_keys: Vec<PublicKey> = plain.map(|identity| identity.public().clone()).collect();
        let mut builder =
            Node::builder().listen(self.listen.as_deref().unwrap_or(LISTEN)).authorized_keys_file(&authorized);
        let mut forwarding = Forwarding::default();
        forwarding.tcp = self.allow_forwarding.unwrap_or(Allow::No);
        builder = builder.forwarding(forwarding).acl(rules.acl.clone()).audit(rules.audit.clone());
        if let Some(address) = &self.bert {
            builder = builder.bert_rpc(BertRpc::default().listen(address));
        }
        for identity in host_keys {
            builder = builder.host_identity((self.algorithms.provider.sign)(identity));
        }
        if let Some(path) = &self.keys.revoked_keys {
            builder = builder.revoked_keys_file(path);
        }
        let Algorithms { tier, cipher, mac, kex, compress, provider } = &self.algorithms;
        builder = builder.provider(provider.provider).tier(tier.unwrap_or(Tier::Default));
        if let Some(names) = cipher {
            builder = builder.ciphers(names).map_err(Failure::usage)?;
        }
        if let Some(names) = mac {
            builder = builder.macs(names).map_err(Failure::usage)?;
        }
        if let Some(names) = kex {
            builder = builder.kex(names).map_err(Failure::usage)?;
        }
        if *compress {
            builder = builder.compress();
        }
        builder = self.executing.start(builder, self.name.as_ref(), &rules.acl, &rules.audit).await?;
        let mut stop = Stop::new()?;
        if let Some(path) = rules.file {
            Reload { path, acl: rules.acl, audit: rules.audit.clone() }.start()?;
        }
        let node = builder.bind().await.map_err(|error| not_listening(&error))?;
        let address = node.local_addr().map_err(Failure::local)?;
        let bert = node.bert_addr().map_err(Failure::local)?;
        let welcome = Welcome {
            name: self.name.as_ref(),
            address,
            bert,
            host_keys: shown_keys,
            authorized,
            folder,
            executing: &self.executing,
        };
        output.print(|| welcome.text(), || welcome.json())?;
        node.run(stop.first()).await;
        rules.audit.flush();
        tracing::info!("stopped");
        Ok(())
    }
}

const LISTEN: &str = "127.0.0.1:2222";

/// Who may call what, who did, and where that is said.
struct Rules {
    acl: Acl,
    audit: Audit,
    file: Option<PathBuf>,
}

/// What ends a node.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(Failure::local);
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Ready at the first signal; from then on a second one ends the process at once.
    async fn first(&mut self) {
        let (name, _) = self.next().await;
        // Whoever reads that once more stops it at once is to be right.
        let again = Self::new();
        tracing::info!("{name}: stopping when what runs is answered; once more stops at once");
        let Ok(mut again) = again else { return };
        tokio::spawn(async move {
            let (_, number) = again.next().await;
            std::process::exit(128 + number);
        });
    }

    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.interrupt.recv() => ("SIGINT", SignalKind::interrupt().as_raw_value()),
            _ = self.terminate.recv() => ("SIGTERM", SignalKind::terminate().as_raw_value()),
        }
    }
}

/// The node's keys in sshrpc's own folder, made where they are missing.
fn own_host_keys(folder: &Folder) -> Result<Vec<Identity>, Failure> {
    HOST_KINDS.iter().map(|kind| own_host_key(&folder.host_key(kind), kind)).collect()
}

fn own_host_key(path: &Path, kind: &str) -> Result<Identity, Failure> {
    if !path.exists() {
        tracing::info!("making a host key: {}", shown(path));
        let mut rng = os_rng().map_err(Failure::local)?;
        let key = match kind {
            "rsa" => PrivateKey::generate_rsa(RSA_BITS, &mut rng).map_err(Failure::local)?,
            _ => PrivateKey::generate_ed25519(&mut rng),
        };
        match write_key_pair(path, &key, "sshrpc host key", None) {
            // Another node was faster: its key is ours.
            Err(IdentityError::File(FileError { problem: FileProblem::Exists, .. })) => {}
            written => written.map_err(Failure::local)?,
        }
    }
    secret::read_identity(path, Ask::Somebody)
}

const RSA_BITS: usize = 3072;

fn not_listening(error: &NodeError) -> Failure {
    let failure = Failure::local(error);
    let (address, error) = match error {
        NodeError::Listen(address, error) => (address, error),
        NodeError::NotLoopback(_) => {
            return failure.hint(
                "there nobody logs in and nothing is encrypted: `--bert 127.0.0.1:9999`, and for other machines the \
                                 subsystem `bert-rpc`: `ssh -s HOST bert-rpc`",
            );
        }
        NodeError::Nothing(Missing::HostKeys) => return failure.hint("ECDSA keys want `--tier compatible`"),
        NodeError::Nothing(Missing::KeyExchange) => {
            return failure.hint("methods with SHA-1 and less than 2048 bits are for clients of old servers alone");
        }
        _ => return failure,
    };
    match error.kind() {
        ErrorKind::AddrInUse => Failure::local(format!("cannot listen on {address}: somebody else does already"))
            .hint("another node, perhaps; `--listen 127.0.0.1:0` takes a free port"),
        ErrorKind::PermissionDenied => failure.hint("ports below 1024 are for root; 2222 is not"),
        ErrorKind::AddrNotAvailable => failure.hint("this machine has no such address; 0.0.0.0 stands for all it has"),
        _ => failure,
    }
}

/// What a node says when it starts.
struct Welcome<'a> {
    name: Option<&'a Atom>,
    address: std::net::SocketAddr,
    bert: Option<std::net::SocketAddr>,
    host_keys: Vec<PublicKey>,
    authorized: PathBuf,
    folder: Option<Folder>,
    executing: &'a Executing,
}

impl Welcome<'_> {
    fn text(&self) -> String {
        let mut lines = vec![match self.name {
            Some(name) => format!("{} is listening on {}", styled(STRONG, name), styled(STRONG, self.address)),
            None => format!("Listening on {}", styled(STRONG, self.address)),
        }];
        if let Some(address) = self.bert {
            lines.push(format!("  BERT-RPC  {} for everybody on this machine", styled(STRONG, address)));
        }
        for key in &self.host_keys {
            lines.push(format!("  host key  {:<12} {}", key.key_type(), key.fingerprint()));
        }
        lines.push(String::new());
        lines.extend(self.executing.lines());
        let (admitted, key) = self.who_may_log_in();
        lines.extend(admitted);
        lines.extend([String::new(), "Try it from another terminal:".to_owned()]);
        lines.extend(self.examples(key.as_deref()).map(|line| format!("  {}", styled(STRONG, line))));
        lines.push(String::new());
        lines.push(styled(FAINT, "Ctrl-C stops it. What happens from here on is logged."));
        lines.join("\n")
    }

    /// Lines about who may log in, and the file of an authorized key of the person who reads this.
    fn who_may_log_in(&self) -> (Vec<String>, Option<PathBuf>) {
        let file = shown(&self.authorized);
        let keys = match AuthorizedKeys::load(&self.authorized) {
            Ok(keys) => keys,
            Err(error) => return (vec![format!("{} {error}", styled(WARN, "Nobody may log in:"))], None),
        };
        let own = self.own_keys();
        if keys.entries().is_empty() {
            let made = || self.folder.as_ref().map(|folder| folder.user_key(KINDS[0])).unwrap_or_default();
            let (make, path) = match own.into_iter().next() {
                Some((path, _)) => ("", path),
                None => ("sshrpc keygen && ", made()),
            };
            let lines = vec![
                format!("{} {file} has no keys. To let yours in, at any time:", styled(WARN, "Nobody may log in yet:")),
                format!("  {}", styled(STRONG, format!("{make}cat {} >> {file}", shown(&public(&path))))),
            ];
            return (lines, Some(path));
        }
        let count = match keys.entries().len() {
            1 => "1 key".to_owned(),
            count => format!("{count} keys"),
        };
        let admitted = own.into_iter().find(|(_, key)| keys.entries().iter().any(|entry| entry.key == *key));
        (vec![format!("Whoever has a key in {file} may log in ({count}).")], admitted.map(|(path, _)| path))
    }

    /// Keys of whoever started the node.
    fn own_keys(&self) -> Vec<(PathBuf, PublicKey)> {
        let Some(folder) = &self.folder else { return Vec::new() };
        let usual = KINDS.iter().map(|kind| folder.home().join(format!(".ssh/id_{kind}")));
        let paths = usual.chain(KINDS.iter().map(|kind| folder.user_key(kind)));
        let with_key = |path: PathBuf| {
            let line = std::fs::read_to_string(public(&path)).ok()?;
            let (key, _) = PublicKey::from_openssh_line(line.trim()).ok()?;
            Some((path, key))
        };
        paths.filter_map(with_key).collect()
    }

    fn examples(&self, key: Option<&Path>) -> impl Iterator<Item = String> {
        let host = match self.address.ip() {
            ip if ip.is_unspecified() => if ip.is_ipv6() { "::1" } else { "127.0.0.1" }.to_owned(),
            ip => ip.to_string(),
        };
        let port = self.address.port();
        let identity = match (key, &self.folder) {
            (Some(key), Some(folder)) if !key.starts_with(folder.home().join(".ssh")) => format!(" -i {}", shown(key)),
            _ => String::new(),
        };
        let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        [
            format!("sshrpc call --accept-new {target} lists reverse '[[1,2,3]]'"),
            format!("ssh -p {port}{identity} {host} 'text lists:seq(1,5).'"),
        ]
        .into_iter()
    }

    fn json(&self) -> serde_json::Value {
        let key = |key: &PublicKey| json!({ "type": key.key_type(), "fingerprint": key.fingerprint().to_string() });
        let authorized = AuthorizedKeys::load(&self.authorized).map(|keys| keys.entries().len()).unwrap_or_default();
        json!({
            "listening": self.address,
            "name": self.name.map_or("nonode@nohost", Atom::as_str),
            "bert": self.bert,
            "backends": self.executing.json(),
            "host_keys": self.host_keys.iter().map(key).collect::<Vec<_>>(),
            "authorized_keys": { "file": self.authorized, "keys": authorized },
        })
    }
}

fn public(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.pub", path.display()))
}
