//! A server of ours, with commands made for tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::SystemTime;

use peers::Failed;
use ssh_proto::keys::{Certificate, PublicKey};
use ssh_transport::authorized_keys::AuthorizedKeys;
use ssh_transport::forward::{ForwardedAgent, ForwardedDisplay, Forwarding};
use ssh_transport::identity::Identity;
use ssh_transport::server::{
    Attempt, Connection, ConnectionRequest, Credential, Decision, Handler, Lent, Peer, Permissions, Policy, Program,
    ProgramRequest,
};
use ssh_transport::{Asked, Channel, ChannelOffer, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{HOST_KEYS, USER_KEYS, algorithms, identity, pattern, public};

/// Lets in who has one of the keys or a certificate that [`Trusted`] lets in, and runs the commands of [`run`].
#[derive(Debug)]
pub(crate) struct TestHandler {
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) trusted: Trusted,
    /// Programs that run now.
    pub(crate) running: Arc<AtomicUsize>,
    /// How many bytes `produce` got rid of.
    pub(crate) produced: Arc<AtomicU64>,
    /// What it carries.
    pub(crate) forwarding: Forwarding,
    /// What a login by a key is worth.
    pub(crate) permissions: Permissions,
}

/// Whose certificates count.
#[derive(Debug, Default)]
pub(crate) struct Trusted {
    /// `TrustedUserCAKeys`
    pub(crate) authorities: Vec<PublicKey>,
    /// authorized_keys, with `cert-authority`.
    pub(crate) lines: AuthorizedKeys,
}

impl Trusted {
    fn decide(&self, certificate: &Certificate, attempt: &Attempt<'_>) -> Decision {
        let trusted = self.authorities.iter().find(|authority| *authority == certificate.authority());
        let permissions = match trusted {
            Some(authority) => {
                attempt.verify(certificate, authority, &[attempt.user]).map_err(|error| error.to_string())
            }
            None => {
                let source = attempt.source.map(|source| source.ip());
                #[expect(clippy::disallowed_methods, reason = "certificates are about the time of day")]
                let now = SystemTime::now();
                let found = self.lines.find_certificate(
                    certificate,
                    attempt.user,
                    source,
                    attempt.authorities,
                    attempt.presence,
                    now,
                );
                found.map(|(_line, permissions)| permissions).map_err(|refused| refused.to_string())
            }
        };
        permissions.map_or(Decision::Refuse, |permissions| Decision::AcceptWith(Box::new(permissions)))
    }
}

impl Default for TestHandler {
    fn default() -> Self {
        let keys = USER_KEYS.map(public).to_vec();
        Self {
            keys,
            trusted: Trusted::default(),
            running: Arc::default(),
            produced: Arc::default(),
            forwarding: Forwarding::default(),
            permissions: Permissions::all(),
        }
    }
}

impl Handler for TestHandler {
    async fn authorize(&self, attempt: &Attempt<'_>) -> Decision {
        match attempt.credential {
            Credential::Offered(key) | Credential::Proven(key) if self.keys.contains(key) => {
                Decision::AcceptWith(Box::new(self.permissions.clone()))
            }
            Credential::OfferedCertificate(certificate)
            | Credential::ProvenCertificate(certificate)
            | Credential::UntouchedCertificate(certificate) => self.trusted.decide(certificate, attempt),
            Credential::Password(b"correct horse") => Decision::Accept,
            _ => Decision::Refuse,
        }
    }

    fn program(&self, request: ProgramRequest) {
        let command = match request.program() {
            Program::Exec(command) => String::from_utf8_lossy(command).into_owned(),
            Program::Shell => "shell".to_owned(),
            Program::Subsystem(name) if name == "echo" => "echo".to_owned(),
            _ => return request.reject(),
        };
        if command == "no such command" {
            return request.reject();
        }
        let (running, produced) = (self.running.clone(), self.produced.clone());
        running.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            let lent = (request.agent().cloned(), request.display().cloned());
            let about = format!("{:?} {:?}\n", request.terminal(), request.environment());
            if let Ok(mut channel) = request.accept() {
                let status = run(&command, &about, &mut channel, &produced, lent).await.unwrap_or(255);
                let _ = match status {
                    SIGNAL => channel.send_exit_signal("TERM", "as was asked"),
                    status => channel.send_exit_status(status),
                };
            }
            running.fetch_sub(1, Ordering::SeqCst);
        });
    }

    fn channel(&self, offer: ChannelOffer, connection: &Connection) {
        self.forwarding.channel(offer, connection);
    }

    fn request(&self, request: ConnectionRequest) {
        self.forwarding.request(request);
    }

    fn borrows(&self, _lent: Lent, _peer: &Peer) -> bool {
        true
    }
}

/// The first message of a program to a display, which authenticates it.
fn x11_setup(protocol: &str, cookie: &str) -> Result<Vec<u8>, Failed> {
    let cookie: Result<Vec<u8>, _> =
        (0..cookie.len() / 2).map(|at| u8::from_str_radix(&cookie[2 * at..2 * at + 2], 16)).collect();
    let cookie = cookie?;
    let mut setup = vec![b'l', 0, 11, 0, 0, 0];
    setup.extend(u16::try_from(protocol.len())?.to_le_bytes());
    setup.extend(u16::try_from(cookie.len())?.to_le_bytes());
    setup.extend([0, 0]);
    for part in [protocol.as_bytes(), &cookie] {
        setup.extend(part);
        setup.resize(setup.len().next_multiple_of(4), 0);
    }
    Ok(setup)
}

/// Stands for an end by a signal.
const SIGNAL: u32 = u32::MAX;

/// The commands, with their numbers:
/// `produce N` writes so many bytes of the pattern, `consume N` reads to the end and compares, `echo` copies,
/// `status N` ends so, `signal` ends by one, `stderr TEXT` and `stdout TEXT` say it, `about` tells what the client asked
/// for before, `requests` tells what the client asks meanwhile, `flood` writes until nobody reads, `agent` lists the
/// client's keys, `display` greets its display, `both N` writes as much to both streams, `last N` writes and ends its output before it reads, `hang` reads and writes nothing until the channel closes.
async fn run(
    command: &str,
    about: &str,
    channel: &mut Channel,
    produced: &AtomicU64,
    (agent, display): (Option<ForwardedAgent>, Option<ForwardedDisplay>),
) -> Result<u32, Failed> {
    let (verb, argument) = command.split_once(' ').unwrap_or((command, ""));
    let number = argument.parse().unwrap_or(0);
    match verb {
        "produce" => {
            let mut pattern = pattern::Pattern::default();
            let mut left = number;
            while left > 0 {
                let written = channel.write(pattern.next(left)).await?;
                pattern.skip(written);
                left -= written as u64;
                produced.fetch_add(written as u64, Ordering::SeqCst);
            }
        }
        "consume" => {
            let words = match pattern::read(channel, number).await {
                Ok(()) => "same\n".to_owned(),
                Err(error) => format!("{error:?}\n"),
            };
            channel.write_all(words.as_bytes()).await?;
        }
        "echo" | "shell" => {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let length = channel.read(&mut buffer).await?;
                if length == 0 {
                    break;
                }
                channel.write_all(&buffer[..length]).await?;
            }
        }
        "both" => {
            let mut stderr = channel.stderr();
            // In a task of its own, as whoever runs a real program would do it.
            let writing = tokio::spawn(async move { pattern::write(&mut stderr, number).await });
            pattern::write(channel, number).await?;
            writing.await??;
        }
        "last" => {
            channel.write_all(b"first").await?;
            channel.shutdown().await?;
            pattern::read(channel, number).await?;
        }
        "status" => return Ok(u32::try_from(number)?),
        "signal" => return Ok(SIGNAL),
        "stderr" => channel.stderr().write_all(argument.as_bytes()).await?,
        "stdout" => channel.write_all(argument.as_bytes()).await?,
        "about" => channel.write_all(about.as_bytes()).await?,
        "requests" => {
            let mut requests = channel.requests();
            channel.write_all(b"ready\n").await?;
            while let Some(request) = requests.next().await {
                let last = *request.asked() == Asked::Signal("QUIT".to_owned());
                channel.write_all(format!("{:?}\n", request.asked()).as_bytes()).await?;
                match request.asked() {
                    Asked::Other { .. } => drop(request),
                    _ => request.accept(),
                }
                if last {
                    break;
                }
            }
        }
        "flood" => while channel.write_all(&[b'y'; 1000]).await.is_ok() {},
        "agent" => {
            let socket = agent.ok_or("no agent is lent")?.listen()?;
            let mut list = tokio::process::Command::new("ssh-add");
            let listed = list.arg("-l").env("SSH_AUTH_SOCK", socket.path()).output().await?;
            channel.write_all(&listed.stdout).await?;
            channel.stderr().write_all(&listed.stderr).await?;
        }
        "display" => {
            let socket = display.as_ref().ok_or("no display is lent")?;
            let (listening, cookie) = (socket.listen().await?, socket.cookie());
            let number = listening.display().trim_start_matches("localhost:").split('.').next().unwrap_or_default();
            let mut program = TcpStream::connect(("127.0.0.1", 6000 + number.parse::<u16>()?)).await?;
            program.write_all(&x11_setup(socket.protocol(), cookie)?).await?;
            let mut said = Vec::new();
            program.read_to_end(&mut said).await?;
            channel.write_all(&said).await?;
        }
        "hang" => drop(channel.exit().await),
        _ => return Ok(127),
    }
    Ok(0)
}

/// A running server of ours, with `ed25519` and `rsa3072` of the vectors as host keys.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) programs: Arc<AtomicUsize>,
    pub(crate) produced: Arc<AtomicU64>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// A server's policy with the usual host keys and every algorithm.
pub(crate) fn server_policy() -> Policy {
    Policy::new(host_keys(), algorithms())
}

pub(crate) fn host_keys() -> Vec<Identity> {
    HOST_KEYS.map(identity).to_vec()
}

impl Running {
    /// Listens on a port of 127.0.0.1.
    pub(crate) async fn start(policy: Policy) -> Result<Self, Failed> {
        Self::listen("127.0.0.1:0", policy).await
    }

    /// Listens on a port of 127.0.0.1, and carries that.
    pub(crate) async fn forwarding(policy: Policy, forwarding: Forwarding) -> Result<Self, Failed> {
        Self::serve("127.0.0.1:0", policy, TestHandler { forwarding, ..TestHandler::default() }).await
    }

    /// Listens on an address.
    pub(crate) async fn listen(address: &str, policy: Policy) -> Result<Self, Failed> {
        Self::serve(address, policy, TestHandler::default()).await
    }

    /// The same for who may do no more than this.
    pub(crate) async fn permitting(forwarding: Forwarding, permissions: Permissions) -> Result<Self, Failed> {
        let handler = TestHandler { forwarding, permissions, ..TestHandler::default() };
        Self::serve("127.0.0.1:0", server_policy(), handler).await
    }

    /// Listens on a port of 127.0.0.1, and lets in who has one of the keys.
    pub(crate) async fn with_keys(policy: Policy, keys: Vec<PublicKey>) -> Result<Self, Failed> {
        Self::serve("127.0.0.1:0", policy, TestHandler { keys, ..TestHandler::default() }).await
    }

    /// By that handler.
    pub(crate) async fn serve(address: &str, policy: Policy, handler: TestHandler) -> Result<Self, Failed> {
        let (programs, produced) = (handler.running.clone(), handler.produced.clone());
        let server = Server::bind(address, policy, handler).await?;
        let address = server.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Ok(Self { address, programs, produced, stop, task })
    }

    /// Shuts it down, and waits until it has.
    pub(crate) async fn stop(self) -> Result<(), Failed> {
        let _ = self.stop.send(());
        Ok(self.task.await?)
    }
}
