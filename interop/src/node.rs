//! A server of ours in this process, with commands made for the matrix.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use peers::Failed;
use ssh_proto::keys::PublicKey;
use ssh_transport::server::{Attempt, Credential, Decision, Handler, Policy, Program, ProgramRequest};
use ssh_transport::{Channel, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use crate::exchanges::Exchanges;
use crate::pattern;

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    /// Counts its key exchanges.
    pub(crate) exchanges: Exchanges,
    /// The types of the keys that clients offered or proved.
    pub(crate) seen: Seen,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The types of keys that somebody offered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn add(&self, key: &PublicKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(key.key_type().to_owned());
    }

    /// Whether somebody offered a key of this type.
    pub(crate) fn has(&self, key_type: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|seen| seen == key_type)
    }
}

impl Node {
    /// Starts one that lets in whoever has one of `keys`, in a thread of its own.
    pub(crate) fn start(policy: Policy, keys: Vec<PublicKey>) -> Result<Self, Failed> {
        let (exchanges, seen) = (Exchanges::default(), Seen::default());
        let handler = Commands { keys, seen: seen.clone() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let server = runtime.block_on(Server::bind("127.0.0.1:0", policy, handler))?;
        let address = server.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let watching = exchanges.clone();
        let thread = thread::spawn(move || {
            let _watch = watching.watch();
            runtime.block_on(server.run(async {
                let _ = stopped.await;
            }));
        });
        Ok(Self { address, exchanges, seen, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[derive(Debug)]
struct Commands {
    keys: Vec<PublicKey>,
    seen: Seen,
}

impl Handler for Commands {
    async fn authorize(&self, attempt: &Attempt<'_>) -> Decision {
        match attempt.credential {
            Credential::Offered(key) | Credential::Proven(key) => {
                self.seen.add(key);
                if self.keys.contains(key) { Decision::Accept } else { Decision::Refuse }
            }
            _ => Decision::Refuse,
        }
    }

    fn program(&self, request: ProgramRequest) {
        let command = match request.program() {
            Program::Exec(command) => String::from_utf8_lossy(command).into_owned(),
            Program::Subsystem(name) if name == "echo" => "echo 0".to_owned(),
            _ => return request.reject(),
        };
        tokio::spawn(async move {
            if let Ok(mut channel) = request.accept() {
                let status = run(&command, &mut channel).await.unwrap_or(255);
                let _ = channel.send_exit_status(status);
            }
        });
    }
}

/// The commands: `echo STATUS` copies its input and ends so, `produce BYTES STATUS` writes so much of the pattern and
/// ends so, `consume BYTES` reads to the end and says `same` if that was the pattern.
async fn run(command: &str, channel: &mut Channel) -> Result<u32, Failed> {
    let mut words = command.split_whitespace();
    let verb = words.next().unwrap_or_default();
    let numbers = words.map(str::parse).collect::<Result<Vec<u64>, _>>()?;
    match (verb, numbers.as_slice()) {
        ("echo", &[status]) => {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let length = channel.read(&mut buffer).await?;
                if length == 0 {
                    return Ok(u32::try_from(status)?);
                }
                channel.write_all(&buffer[..length]).await?;
            }
        }
        ("produce", &[length, status]) => {
            pattern::write(channel, length).await?;
            Ok(u32::try_from(status)?)
        }
        ("consume", &[length]) => {
            let words = match pattern::read(channel, length).await {
                Ok(()) => "same\n".to_owned(),
                Err(error) => format!("{error:?}\n"),
            };
            channel.write_all(words.as_bytes()).await?;
            Ok(0)
        }
        _ => Ok(127),
    }
}
