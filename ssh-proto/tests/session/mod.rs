//! A session with another implementation: the core with a script on top, everything about it settled beforehand, so that
//! the same bytes of the peer always draw the same bytes from us. A live test records such sessions, a hermetic one plays
//! them again.
//!
//! The file of a session is text. First come settings, `name: value`; then, in the order in which it happened, `< ` and
//! what the peer sent, `> ` and what we answered, both in hexadecimal, and `# ` with what it meant to us.

mod client;
mod server;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use ssh_proto::crypto::Tier;
use ssh_proto::crypto::rustcrypto::PROVIDER;
use ssh_proto::keys::PrivateKey;
use ssh_proto::notice::Notice;
use ssh_proto::time::Instant;
use ssh_proto::{Algorithms, Rng};

/// No time passes in a session.
pub(crate) const NOW: Instant = Instant(std::time::Duration::ZERO);
/// Not the software's own name and version: those change.
const SOFTWARE: &str = "sshrpc_recorded";

/// What a session is settled by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings(pub(crate) BTreeMap<String, String>);

impl Settings {
    /// From `name: value` lines.
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once(": "));
        Self(lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("the session has no {name}"))
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.text(name).parse().expect("a number")
    }

    fn algorithms(&self) -> Algorithms {
        let mut algorithms = Algorithms::up_to(Tier::Legacy, &PROVIDER);
        algorithms.select_kex(&PROVIDER, self.text("kex")).unwrap();
        algorithms.select_host_keys(&PROVIDER, self.text("host-key")).unwrap();
        algorithms.select_ciphers(&PROVIDER, self.text("cipher")).unwrap();
        algorithms.select_macs(&PROVIDER, self.text("mac")).unwrap();
        algorithms.select_user_keys(&PROVIDER, self.text("user-key")).unwrap();
        algorithms
    }

    /// Our private key: one of the vectors.
    fn our_key(&self) -> PrivateKey {
        let path = format!("keys/{}", self.text("our-key"));
        PrivateKey::from_pem(&vectors::bytes(&path), None).expect("a key of the vectors").key
    }

    fn rng(&self) -> Rng {
        Box::new(ChaCha20Rng::seed_from_u64(self.number("seed")))
    }

    /// For the arithmetic of RSA, whose results do not depend on it.
    fn blinding() -> Rng {
        Box::new(ChaCha20Rng::seed_from_u64(0))
    }
}

/// A recorded session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) settings: Settings,
    pub(crate) steps: Vec<Step>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The peer sent this, in one piece.
    Theirs(Vec<u8>),
    /// We answered.
    Ours(Vec<u8>),
    /// It meant this.
    Meant(String),
}

impl Session {
    pub(crate) fn parse(text: &str) -> Self {
        let steps = text.lines().filter_map(|line| match line.split_at_checked(2)? {
            ("< ", bytes) => Some(Step::Theirs(vectors::hex(bytes))),
            ("> ", bytes) => Some(Step::Ours(vectors::hex(bytes))),
            ("# ", words) => Some(Step::Meant(words.to_owned())),
            _ => None,
        });
        let (head, _) = text.split_once("\n\n").expect("an empty line after the settings");
        Self { settings: Settings::parse(head), steps: steps.collect() }
    }

    #[allow(dead_code, reason = "only who records writes")]
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.settings.0 {
            let _ = writeln!(text, "{name}: {value}");
        }
        text.push('\n');
        for step in &self.steps {
            let (sign, bytes) = match step {
                Step::Theirs(bytes) => ('<', bytes),
                Step::Ours(bytes) => ('>', bytes),
                Step::Meant(words) => {
                    let _ = writeln!(text, "# {words}");
                    continue;
                }
            };
            text.push(sign);
            text.push(' ');
            for byte in bytes {
                let _ = write!(text, "{byte:02x}");
            }
            text.push('\n');
        }
        text
    }

    /// What everything meant.
    pub(crate) fn meant(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Meant(words) => Some(words.as_str()),
            Step::Theirs(_) | Step::Ours(_) => None,
        })
    }
}

/// Our side of a session.
pub(crate) enum Player {
    Client(Box<client::Client>),
    Server(Box<server::Server>),
}

/// What came of a piece of input.
#[derive(Debug, Default)]
pub(crate) struct Reaction {
    pub(crate) ours: Vec<u8>,
    pub(crate) meant: Vec<String>,
    /// The connection is over for us.
    pub(crate) over: bool,
}

impl Reaction {
    /// Takes notice of all that there is to notice.
    fn notice(&mut self, poll: &mut dyn FnMut() -> Option<Notice>) {
        while let Some(said) = poll() {
            self.meant.extend(notice(&said));
        }
    }
}

impl Player {
    /// Starts a session: our first words come with it.
    pub(crate) fn start(settings: &Settings) -> (Self, Vec<u8>) {
        let mut ours = Vec::new();
        let player = match settings.text("role") {
            "client" => Self::Client(Box::new(client::Client::start(settings, &mut ours))),
            "server" => Self::Server(Box::new(server::Server::start(settings, &mut ours))),
            other => panic!("there is no role {other}"),
        };
        (player, ours)
    }

    /// The peer sent this.
    pub(crate) fn feed(&mut self, theirs: &[u8]) -> Reaction {
        let mut reaction = Reaction::default();
        match self {
            Self::Client(client) => client.feed(theirs, &mut reaction),
            Self::Server(server) => server.feed(theirs, &mut reaction),
        }
        reaction
    }
}

/// `length` bytes that are easy to make.
fn filler(length: u64) -> Vec<u8> {
    (0..length).map(|place| (place % 251).to_le_bytes()[0]).collect()
}

/// Data in few words: what it is, or how much of it.
fn describe(data: &[u8]) -> String {
    match std::str::from_utf8(data) {
        Ok(text) if text.len() < 40 => format!("{text:?}"),
        _ => format!("{} bytes", data.len()),
    }
}

fn notice(notice: &Notice) -> Option<String> {
    match notice {
        Notice::PeerIdentified(peer) => Some(format!("the peer is {peer}")),
        Notice::Negotiated(agreed) => {
            let one_way = |way: &ssh_proto::DirectionAlgorithms| format!("{} {}", way.cipher, way.mac.unwrap_or("-"));
            Some(format!(
                "agreed on {} {} {} {} {:?}",
                agreed.kex,
                agreed.host_key,
                one_way(&agreed.client_to_server),
                one_way(&agreed.server_to_client),
                agreed.strictness
            ))
        }
        Notice::LoginRefused { user, method, .. } => Some(format!("refused {user} by {method}")),
        _ => None,
    }
}
