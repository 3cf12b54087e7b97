//! Errors of the library as failures of the command line: which exit code, and what to do next.

use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use ssh_proto::error::{AlgorithmKind, Error as ProtocolError, PeerIncompatible, PeerMisbehaved};
use ssh_transport::Ended;
use ssh_transport::client::{ConnectError as SshError, ProgramError};
use ssh_transport::identity::IdentityError;
use sshrpc::call::{CallError, CallNotSent};
use sshrpc::client::{ConnectError, Error, Mode, Target};
use sshrpc::term::Term;

use super::config::{Folder, KINDS, quoted, shown};
use super::exit::Exit;
use super::failure::Failure;

/// What a failed connection or call was about.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) target: Target,
    pub(crate) mode: Mode,
    pub(crate) known_hosts: Option<PathBuf>,
    /// The files of the keys that were tried, and keys that could not be used.
    pub(crate) tried: Vec<(String, PathBuf)>,
    pub(crate) unusable: Vec<IdentityError>,
    pub(crate) folder: Option<Folder>,
}

impl Attempt {
    /// A call that was not answered with a value.
    pub(crate) fn call_failed(&self, error: &Error) -> Failure {
        match error {
            Error::Call(error) => self.answer(error),
            Error::Name(_) => Failure::usage(error),
            Error::NotSent(CallNotSent::TooLong) => Failure::usage(error),
            Error::NotExpressible => Failure::usage(error).hint(self.again_with("--mode subsystem")),
            Error::Channel(_) => Failure::new(Exit::Protocol, error),
            Error::Program(ProgramError::Refused(request)) => self.no_program(request),
            Error::Program(ProgramError::Ended(ended)) => self.ended(ended),
            Error::Program(ProgramError::Io(error)) | Error::Io(error) => self.broken(error),
            Error::Program(_) => Failure::new(Exit::Protocol, error),
            Error::Plain(_) => Failure::usage(error).hint(self.again_with("--mode subsystem")),
            Error::TimedOut(_) => Failure::new(Exit::Timeout, error),
            Error::Connect(error) => self.not_connected(error),
            _ => Failure::new(Exit::Connection, error),
        }
    }

    /// A connection that could not be had.
    pub(crate) fn not_connected(&self, error: &ConnectError) -> Failure {
        match error {
            ConnectError::Target(_) | ConnectError::Algorithm(_) => Failure::usage(error),
            ConnectError::Ssh(error) => self.ssh(error),
            _ => Failure::local(error),
        }
    }

    fn answer(&self, error: &CallError) -> Failure {
        match error {
            CallError::Failed(failed) => {
                Failure::new(failed_as(failed), error).term(brief(&failed.clone().into_caught()))
            }
            CallError::Refused(reason) => Failure::new(Exit::Protocol, error).term(brief(reason)),
            CallError::BadReply(_) | CallError::Undecodable(_) => {
                let failure = Failure::new(Exit::Protocol, error);
                let ssh = "is an sshrpc node behind this address? An ordinary SSH server runs exec requests in a shell";
                if matches!(self.mode, Mode::Exec | Mode::ExecMod) { failure.hint(ssh) } else { failure }
            }
            CallError::Lost => Failure::new(Exit::Connection, error),
            _ => Failure::new(Exit::Protocol, error),
        }
    }

    fn no_program(&self, request: &str) -> Failure {
        let failure = Failure::new(Exit::Protocol, format!("{} refused the {request} request", self.target));
        match self.mode {
            Mode::Subsystem => failure.hint(format!(
                "it has no subsystem {}: is it an sshrpc node? Other modes: `--mode exec-mod`, `--mode shell`",
                sshrpc::client::SUBSYSTEM
            )),
            _ => failure.hint(self.again_with("--mode subsystem")),
        }
    }

    fn ssh(&self, error: &SshError) -> Failure {
        match error {
            SshError::Connect(address, error) => self.unreachable(address, error),
            SshError::Randomness(_) => Failure::local(error),
            SshError::UnknownHost { key, .. } => {
                Failure::new(Exit::HostKey, format!("the host {} is not known", self.target.host_and_port()))
                    .detail(format!("its {} key is {}", key.key_type(), key.fingerprint()))
                    .hint(format!(
                        "if that is the fingerprint that the node shows when it starts, trust it:\n{}",
                        again("--accept-new")
                    ))
            }
            SshError::HostKeyChanged { host, key, known } => {
                let failure = Failure::new(
                    Exit::HostKey,
                    format!(
                        "the host key of {} has changed: somebody may be listening in",
                        self.target.host_and_port()
                    ),
                )
                .detail(format!("its {} key is now {}", key.key_type(), key.fingerprint()));
                let failure = known.iter().fold(failure, |failure, known| {
                    failure.detail(format!("{} has {}", known.place, known.key.fingerprint()))
                });
                failure.hint(format!("if you know why, forget the old key: {}", self.forget(host)))
            }
            SshError::HostKeyRevoked { .. }
            | SshError::RevokedHostKeys(_)
            | SshError::NotThePinnedKey { .. }
            | SshError::KeyTooSmall { .. } => Failure::new(Exit::HostKey, error),
            SshError::Denied { user, methods, tried, .. } => self.denied(user, methods, tried),
            SshError::Ended(ended) => self.ended(ended),
            _ => Failure::new(Exit::Connection, error),
        }
    }

    fn unreachable(&self, address: &str, error: &io::Error) -> Failure {
        match error.kind() {
            ErrorKind::ConnectionRefused => {
                let failure = Failure::new(Exit::Connection, format!("nobody listens on {address}"));
                match self.target.port {
                    None => failure.hint(format!(
                        "22 is the port of SSH; nodes listen on 2222 by themselves: {}:2222",
                        self.target
                    )),
                    Some(_) => failure.hint(format!("start a node there: sshrpc serve --listen {address}")),
                }
            }
            ErrorKind::TimedOut => Failure::new(Exit::Timeout, format!("{address} does not answer")),
            _ => {
                let text = error.to_string();
                let words = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
                Failure::new(Exit::Connection, format!("cannot connect to {address}: {words}"))
            }
        }
    }

    /// Names the keys by their files, where they have some.
    fn denied(&self, user: &str, methods: &[String], tried: &[String]) -> Failure {
        let mut failure =
            Failure::new(Exit::Denied, format!("{} refused the login of {user:?}", self.target.host_and_port()));
        for fingerprint in tried {
            let file = self.tried.iter().find(|(known, _)| known == fingerprint).map(|(_, path)| shown(path));
            let from = file.unwrap_or_else(|| "from the agent".to_owned());
            failure = failure.detail(format!("tried {fingerprint} {from}"));
        }
        if tried.is_empty() {
            failure = failure.detail("there was no key to try");
        }
        for error in &self.unusable {
            failure = failure.detail(format!("left out {error}"));
        }
        if !methods.is_empty() && !methods.iter().any(|method| method == "publickey") {
            let only = format!("the node takes no keys, only {}", methods.join(", "));
            return match methods.iter().any(|method| method == "password" || method == "keyboard-interactive") {
                true => failure.hint(only).hint("run this at a terminal and without --batch to be asked"),
                false => failure.hint(only),
            };
        }
        if let Some(path) = self.unusable.iter().filter(|error| error.needs_passphrase()).find_map(IdentityError::path)
        {
            failure = failure.hint(format!("a key that needs its passphrase: --identity {}", shown(path)));
        }
        self.authorise(failure, tried)
    }

    fn authorise(&self, failure: Failure, tried: &[String]) -> Failure {
        let Some(folder) = &self.folder else { return failure };
        let tried =
            self.tried.iter().find(|(fingerprint, _)| tried.contains(fingerprint)).map(|(_, path)| path.clone());
        let key = tried.unwrap_or_else(|| folder.user_key(KINDS[0]));
        let line = format!("cat {} >> {}", shown(&public(&key)), shown(&folder.authorized_keys()));
        let make = if key.exists() { "" } else { "sshrpc keygen && " };
        failure
            .hint(format!("to be let in, add a key to the node's authorized_keys; where the node runs:\n{make}{line}"))
    }

    fn ended(&self, ended: &Ended) -> Failure {
        match ended {
            Ended::Protocol(error) => self.protocol(error),
            Ended::Lost(error) => self.broken(error),
            _ => Failure::new(Exit::Connection, ended),
        }
    }

    fn protocol(&self, error: &ProtocolError) -> Failure {
        match error {
            ProtocolError::PeerIncompatible(PeerIncompatible::NoCommonAlgorithm(kind)) => {
                let option = match kind {
                    AlgorithmKind::KeyExchange => "--kex",
                    AlgorithmKind::CipherClientToServer | AlgorithmKind::CipherServerToClient => "--cipher",
                    AlgorithmKind::MacClientToServer | AlgorithmKind::MacServerToClient => "--mac",
                    _ => "--tier",
                };
                let hint = format!("`{option}` says what we offer; `--tier legacy`, on both sides, is for old peers");
                Failure::new(Exit::Protocol, error).hint(hint)
            }
            ProtocolError::PeerMisbehaved(PeerMisbehaved::NotSsh) => {
                Failure::new(Exit::Protocol, format!("{} does not speak SSH", self.target.host_and_port()))
            }
            ProtocolError::TimedOut(_) => Failure::new(Exit::Timeout, error),
            ProtocolError::Disconnected(said) if said.description.to_lowercase().contains("authentication") => {
                Failure::new(Exit::Denied, error).hint("too many keys, perhaps: `--identity FILE` tries this one alone")
            }
            ProtocolError::Disconnected(_) => Failure::new(Exit::Connection, error),
            _ => Failure::new(Exit::Protocol, error),
        }
    }

    fn broken(&self, error: &io::Error) -> Failure {
        if let Some(ended) = error.get_ref().and_then(|inner| inner.downcast_ref::<Ended>()) {
            // Lost over lost would say it twice.
            return match ended {
                Ended::Protocol(error) => self.protocol(error),
                ended => Failure::new(Exit::Connection, ended),
            };
        }
        match error.kind() {
            ErrorKind::UnexpectedEof => {
                Failure::new(Exit::Connection, format!("{} closed the connection", self.target.host_and_port()))
            }
            ErrorKind::InvalidData => Failure::new(Exit::Protocol, error),
            _ => Failure::new(Exit::Connection, format!("the connection broke: {error}")),
        }
    }

    fn forget(&self, host: &str) -> String {
        let file = self.known_hosts.as_ref().map(|path| format!(" -f {}", shown(path))).unwrap_or_default();
        format!("ssh-keygen{file} -R {}", quoted(host))
    }

    fn again_with(&self, option: &str) -> String {
        format!("try {}", again(option))
    }
}

/// The command that was typed, with one option more.
fn again(option: &str) -> String {
    let mut words: Vec<String> = std::env::args().skip(1).map(|word| quoted(&word)).collect();
    let command = words.iter().position(|word| CONNECTING.contains(&word.as_str()));
    let behind = command.map_or(0, |position| position + 1);
    words.insert(behind, option.to_owned());
    format!("sshrpc {}", words.join(" "))
}

/// The commands that connect.
const CONNECTING: [&str; 6] = ["call", "send", "shell", "ping", "nodes", "top"];

fn public(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

/// A deadline that passed is one, whoever watched it.
fn failed_as(failure: &sshrpc::call::Failure) -> Exit {
    match failure.reason().as_tuple() {
        Some([tag, what]) if failure.is_erpc() && tag.is_atom("erpc") && what.is_atom("timeout") => Exit::Timeout,
        _ => Exit::Failed,
    }
}

/// A term beneath an error, cut where it would be a page.
fn brief(term: &Term) -> impl Display {
    let text = term.to_string();
    match text.char_indices().nth(MAXIMUM) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

const MAXIMUM: usize = 2000;
