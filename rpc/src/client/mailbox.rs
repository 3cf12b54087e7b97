//! A process on the node that stands for us.

use std::future::poll_fn;
use std::task::{Context, Poll};

use super::caller::{Caller, Waiter};
use super::{Client, Error};
use crate::extended::Request;
use crate::process::Closed;
use crate::term::{Pid, Term};

/// A process on the node that stands for this program: who sends to its [`pid`](Self::pid) reaches
/// [`recv`](Self::recv). It traps exits.
///
/// Its messages are received here in the background of whatever else goes on with the client. What nobody receives is held up
/// to its [limits](crate::process::MailboxLimits); a mailbox for which more comes ends with the reason `system_limit`, so that
/// it holds up nobody else on the connection, and no message is lost without a word.
///
/// Dropped, it ends with the reason `normal`; when the connection ends, with `noconnection`.
///
/// ```
/// # use sshrpc::process::Processes;
/// # use sshrpc::term::Atom;
/// # use sshrpc::{Connect, Identity, Node, PrivateKey, Term};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let mut rng = sshrpc::os_rng()?;
/// # let (host_key, user_key) = (PrivateKey::generate_ed25519(&mut rng), PrivateKey::generate_ed25519(&mut rng));
/// # let node = Node::builder().host_key(host_key.clone()).authorized_key(user_key.public().clone());
/// # let node = node.name(Atom::new("shop@example")?).listen("127.0.0.1:0").bind().await?;
/// # let address = node.local_addr()?.to_string();
/// # tokio::spawn(node.run(std::future::pending()));
/// # let connect = Connect::to(&address)?.host_key(host_key.public().clone()).identity(Identity::from_key(user_key, ""));
/// # let client = connect.connect().await?;
/// let mut mailbox = client.mailbox().await?;
/// client.send(mailbox.pid().clone(), Term::atom("hello")).await?;
/// assert_eq!(mailbox.recv().await?, Term::atom("hello"));
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Debug)]
pub struct Mailbox {
    client: Client,
    caller: Caller,
    pid: Pid,
    /// Whether the node is to be told when this is dropped.
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Closed,
}

impl Mailbox {
    pub(super) const fn new(client: Client, caller: Caller, pid: Pid) -> Self {
        Self { client, caller, pid, state: State::Open }
    }

    /// The process on the node.
    #[must_use]
    pub const fn pid(&self) -> &Pid {
        &self.pid
    }

    /// The next message. Exit signals of linked processes are `{'EXIT',Pid,Reason}`.
    ///
    /// # Errors
    /// [`Closed`], once all messages are received that came before it ended.
    pub async fn recv(&mut self) -> Result<Term, Closed> {
        poll_fn(|task| self.poll_recv(task)).await
    }

    /// The next message, as [`recv`](Self::recv).
    pub fn poll_recv(&mut self, task: &mut Context<'_>) -> Poll<Result<Term, Closed>> {
        let waiter = Waiter::Mailbox(self.pid.clone());
        let mut shared = self.caller.lock();
        if let ready @ Poll::Ready(_) = shared.poll_mailbox(&self.pid) {
            return ready;
        }
        shared.waiters.wait(waiter.clone(), task);
        shared.drive();
        let polled = shared.poll_mailbox(&self.pid);
        if polled.is_ready() {
            shared.waiters.forget(&waiter);
        }
        polled
    }

    /// Links it to a process: when that ends, its exit signal comes as a message, at once `noproc` when it is not there. When
    /// this one ends, the other one gets the exit signal.
    ///
    /// # Errors
    /// When the rules of the node deny it, or the connection breaks; `badarg` when this has ended.
    pub async fn link(&self, to: &Pid) -> Result<(), Error> {
        self.request(Request::Link { mailbox: self.pid.clone(), to: to.clone() }).await
    }

    /// Removes a link.
    ///
    /// # Errors
    /// As for [`link`](Self::link).
    pub async fn unlink(&self, from: &Pid) -> Result<(), Error> {
        self.request(Request::Unlink { mailbox: self.pid.clone(), from: from.clone() }).await
    }

    /// Sends an exit signal to a process, as `erlang:exit/2`. That it is gone is no error.
    ///
    /// # Errors
    /// As for [`link`](Self::link).
    pub async fn exit(&self, to: &Pid, reason: Term) -> Result<(), Error> {
        self.request(Request::Exit { mailbox: self.pid.clone(), to: to.clone(), reason }).await
    }

    /// Ends it with this reason, which those see who are linked to it or watch it.
    ///
    /// # Errors
    /// As for [`link`](Self::link).
    pub async fn close(mut self, reason: Term) -> Result<(), Error> {
        self.state = State::Closed;
        self.request(Request::Close { mailbox: self.pid.clone(), reason }).await
    }

    async fn request(&self, request: Request) -> Result<(), Error> {
        let reply = self.caller.request(request)?;
        self.client.in_time(reply).await.map(drop)
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let mut shared = self.caller.lock();
        let queue = shared.mailboxes.remove(&self.pid);
        shared.waiters.forget(&Waiter::Mailbox(self.pid.clone()));
        drop(shared);
        if self.state == State::Open && queue.is_some_and(|queue| queue.closed().is_none()) {
            self.caller.tell(Request::Close { mailbox: self.pid.clone(), reason: Term::atom("normal") });
        }
    }
}
