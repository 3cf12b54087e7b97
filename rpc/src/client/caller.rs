//! Overlapping requests on one channel, without a task of their own.
//!
//! Whoever waits for an answer moves the channel: the future that is polled reads for everybody. The channel wakes all who
//! wait, because any one of them may be held without being polled. No answer takes a detour through a task that only reads.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

use ssh_transport::Channel;
use tokio::io::AsyncWrite;

use super::Error;
use super::flow::Flow;
use super::machine::{Event, Key, Machine};
use super::queue::{Queue, Refused};
use super::reply::{Down, Reply};
use crate::call::{Call, CallError, CallNotSent};
use crate::extended::{CallOptions, Destination, Request};
use crate::process::{Closed, MailboxLimits};
use crate::term::{Pid, Term};

/// A channel that carries calls.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    shared: Arc<Mutex<Shared>>,
}

/// Who waits: the channel wakes them all, each once.
#[derive(Debug, Default)]
pub(super) struct Waiters(Mutex<BTreeMap<Waiter, Waker>>);

/// What somebody waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Waiter {
    /// The answer to a request, or the end of the process that it watches.
    Answer(Key),
    /// A message.
    Mailbox(Pid),
    /// Credit for the input of a call.
    Input(Key),
    /// The output of a call.
    Output(Key),
}

impl Waiters {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Waiter, Waker>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Is to be woken when something moves on the channel.
    pub(super) fn wait(&self, waiter: Waiter, task: &Context<'_>) {
        self.lock().insert(waiter, task.waker().clone());
    }

    pub(super) fn forget(&self, waiter: &Waiter) {
        let forgotten = self.lock().remove(waiter);
        drop(forgotten);
    }

    pub(super) fn notify(&self, waiter: &Waiter) {
        let waker = self.lock().remove(waiter);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Wake for Waiters {
    fn wake(self: Arc<Self>) {
        let waiters = std::mem::take(&mut *self.lock());
        waiters.into_values().for_each(Waker::wake);
    }
}

/// What all who use the channel share.
#[derive(Debug)]
pub(super) struct Shared {
    channel: Channel,
    pub(super) machine: Machine,
    unsent: Vec<u8>,
    /// How much of `unsent` has been sent.
    sent: usize,
    /// Calls whose answers somebody waits for, and the answers that are there.
    pub(super) answers: Awaited,
    /// Processes that somebody watches, and why they ended.
    pub(super) downs: Awaited,
    /// Mailboxes that were asked for, and how much they are to hold.
    opening: BTreeMap<Key, MailboxLimits>,
    pub(super) mailboxes: BTreeMap<Pid, Queue>,
    /// The calls with streams of which somebody holds an end.
    pub(super) flows: BTreeMap<Key, Flow>,
    pub(super) waiters: Arc<Waiters>,
    /// `waiters`, as the channel has it.
    waker: Waker,
    broken: Option<Arc<io::Error>>,
    pub(super) ended: bool,
}

impl Caller {
    pub(super) fn new(channel: Channel, machine: Machine) -> Self {
        let waiters = Arc::new(Waiters::default());
        let shared = Shared {
            channel,
            machine,
            unsent: Vec::new(),
            sent: 0,
            answers: BTreeMap::new(),
            downs: BTreeMap::new(),
            opening: BTreeMap::new(),
            mailboxes: BTreeMap::new(),
            flows: BTreeMap::new(),
            waker: Waker::from(waiters.clone()),
            waiters,
            broken: None,
            ended: false,
        };
        Self { shared: Arc::new(Mutex::new(shared)) }
    }

    /// Whether calls can go this way: the channel has not ended.
    pub(super) fn is_open(&self) -> bool {
        !lock(&self.shared).ended
    }

    /// Puts a call on its way; the future waits for the answer. Dropped, it gives up, and the call is stopped where the node
    /// can do that.
    pub(super) fn call(&self, call: &Call, options: CallOptions) -> Result<Reply, Error> {
        self.ask(|machine, out| machine.call(call, options, out))
    }

    /// Puts a call with streams on its way.
    pub(super) fn stream(&self, call: &Call, options: CallOptions) -> Result<Reply, Error> {
        let request = Request::Call { call: call.clone(), options };
        self.begin(request, |shared, key| drop(shared.flows.insert(key, Flow::new())))
    }

    /// Asks for something else than a call.
    pub(super) fn request(&self, request: Request) -> Result<Reply, Error> {
        self.ask(|machine, _out| machine.request(request))
    }

    /// Watches a process: the first future waits until it is watched, the second until it has ended.
    pub(super) fn monitor(&self, of: Destination) -> Result<(Reply, Down), Error> {
        let reply = self.begin(Request::Monitor { of }, |shared, key| drop(shared.downs.insert(key, None)))?;
        let down = Down { shared: self.shared.clone(), key: reply.key };
        Ok((reply, down))
    }

    /// Asks for a mailbox, which holds so much on this side.
    pub(super) fn mailbox(&self, limits: MailboxLimits) -> Result<Reply, Error> {
        self.begin(Request::Mailbox, |shared, key| {
            shared.opening.insert(key, limits);
        })
    }

    /// Asks for something whose answer nobody waits for.
    pub(super) fn tell(&self, request: Request) {
        let mut shared = self.lock();
        shared.machine.tell(request);
        shared.drive();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }

    /// Asks for something, and notes what it will be.
    fn begin(&self, request: Request, note: impl FnOnce(&mut Shared, Key)) -> Result<Reply, Error> {
        self.put(|shared| {
            let key = shared.machine.request(request)?;
            note(shared, key);
            Ok(key)
        })
    }

    fn ask(&self, ask: impl FnOnce(&mut Machine, &mut Vec<u8>) -> Result<Key, CallNotSent>) -> Result<Reply, Error> {
        self.put(|shared| ask(&mut shared.machine, &mut shared.unsent))
    }

    fn put(&self, ask: impl FnOnce(&mut Shared) -> Result<Key, CallNotSent>) -> Result<Reply, Error> {
        let mut guard = self.lock();
        let shared = &mut *guard;
        let key = ask(shared).map_err(Error::NotSent)?;
        shared.answers.insert(key, None);
        // What is answered here is known at once; the rest goes when somebody waits.
        shared.take_events();
        drop(guard);
        Ok(Reply { shared: self.shared.clone(), key })
    }
}

/// After so many octets, either way, those are told whose answers have come, whatever else is to be moved.
const TURN: usize = 128 << 10;
/// The room that is kept for requests between two of them.
const KEPT: usize = 32 * 1024;

pub(super) fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What somebody waits for, once it is there.
pub(super) type Awaited = BTreeMap<Key, Option<Result<Term, CallError>>>;

impl Shared {
    /// Waits for what one of the two tables will have.
    pub(super) fn poll(
        &mut self,
        key: Key,
        table: impl Fn(&mut Self) -> &mut Awaited,
        context: &Context<'_>,
    ) -> Poll<Result<Term, Error>> {
        if let Some(None) = table(self).get(&key) {
            self.waiters.wait(Waiter::Answer(key), context);
            self.drive();
        }
        let answer = match table(self).get_mut(&key) {
            Some(None) => return Poll::Pending,
            Some(answer) => answer.take().unwrap_or(Err(CallError::Lost)),
            None => Err(CallError::Lost),
        };
        table(self).remove(&key);
        self.waiters.forget(&Waiter::Answer(key));
        Poll::Ready(answer.map_err(|error| match (error, &self.broken) {
            (CallError::Lost, Some(broken)) => Error::Io(io::Error::new(broken.kind(), broken.clone())),
            (error, _) => Error::Call(error),
        }))
    }

    /// Nobody waits for this request any more, whose answer may be there.
    pub(super) fn give_up(&mut self, key: Key, answer: Option<Result<Term, CallError>>) {
        self.machine.give_up(key);
        self.over(key);
        self.opening.remove(&key);
        if let Some(Ok(Term::Pid(mailbox))) = answer
            && self.mailboxes.remove(&mailbox).is_some()
        {
            self.machine.tell(Request::Close { mailbox, reason: Term::atom("normal") });
        }
        self.waiters.forget(&Waiter::Answer(key));
        self.drive();
    }

    /// Writes and reads as far as the channel goes now, and wakes those whose answers came.
    pub(super) fn drive(&mut self) {
        if let Err(error) = self.try_drive() {
            self.broken = Some(Arc::new(error));
            self.end();
        }
        self.take_events();
    }

    fn take_events(&mut self) {
        while let Some(event) = self.machine.next_event() {
            match event {
                Event::Answer(key, answer) => {
                    self.opened(key, &answer);
                    self.over(key);
                    self.settle(key, answer, |shared| &mut shared.answers);
                }
                Event::Down(key, reason) => self.settle(key, reason, |shared| &mut shared.downs),
                Event::Message(mailbox, message) => self.message(mailbox, message),
                Event::Closed(mailbox, reason) => self.closed(mailbox, reason),
                Event::Data(call, octets) => self.data(call, octets.as_bytes()),
                Event::Eof(call) => self.eof(call),
                Event::Stop(call) => self.stopped(call),
            }
        }
    }

    fn settle(&mut self, key: Key, answer: Result<Term, CallError>, table: impl Fn(&mut Self) -> &mut Awaited) {
        if let Some(slot) = table(self).get_mut(&key) {
            *slot = Some(answer);
            self.waiters.notify(&Waiter::Answer(key));
        }
    }

    /// Where a mailbox was asked for, it is there before its first message.
    fn opened(&mut self, key: Key, answer: &Result<Term, CallError>) {
        if let (Some(limits), Ok(Term::Pid(mailbox))) = (self.opening.remove(&key), answer) {
            self.mailboxes.insert(mailbox.clone(), Queue::new(limits));
        }
    }

    /// One that nobody reads ends, so that it neither grows nor holds up the others on the channel.
    fn message(&mut self, mailbox: Pid, message: Term) {
        let Some(queue) = self.mailboxes.get_mut(&mailbox) else { return };
        if let Err(Refused) = queue.push(message) {
            let reason = Term::atom("system_limit");
            queue.close(reason.clone());
            self.machine.tell(Request::Close { mailbox: mailbox.clone(), reason });
        }
        self.waiters.notify(&Waiter::Mailbox(mailbox));
    }

    /// The next message of a mailbox, or why none will come.
    pub(super) fn poll_mailbox(&mut self, mailbox: &Pid) -> Poll<Result<Term, Closed>> {
        let queue = self.mailboxes.get_mut(mailbox);
        match queue.map(|queue| (queue.pop(), queue.closed())) {
            Some((Some(message), _)) => Poll::Ready(Ok(message)),
            Some((None, Some(reason))) => Poll::Ready(Err(Closed { reason: reason.clone() })),
            Some((None, None)) => Poll::Pending,
            None => Poll::Ready(Err(Closed { reason: Term::atom("noproc") })),
        }
    }

    fn closed(&mut self, mailbox: Pid, reason: Term) {
        if let Some(queue) = self.mailboxes.get_mut(&mailbox) {
            queue.close(reason);
            self.waiters.notify(&Waiter::Mailbox(mailbox));
        }
    }

    fn try_drive(&mut self) -> io::Result<()> {
        if self.ended {
            self.end();
            return Ok(());
        }
        let waker = self.waker.clone();
        let mut context = Context::from_waker(&waker);
        let mut moved = 0;
        while moved < TURN {
            moved += self.write(&mut context)?;
            match self.channel.poll_chunk(&mut context)? {
                Poll::Pending if moved < TURN => return Ok(()),
                Poll::Pending => break,
                Poll::Ready(chunk) if chunk.is_empty() => {
                    self.end();
                    return Ok(());
                }
                Poll::Ready(chunk) => {
                    moved += chunk.len();
                    self.machine.receive(&chunk)?;
                }
            }
        }
        // There may be more, after those who can go on now.
        waker.wake();
        Ok(())
    }

    /// Hands over to the channel what it takes now, and says how much; a turn ends when that is enough.
    fn write(&mut self, context: &mut Context<'_>) -> io::Result<usize> {
        let mut written = 0;
        while written < TURN {
            if self.sent == self.unsent.len() {
                self.sent = 0;
                self.unsent.clear();
                // A long request is no reason to keep as much room for the next one.
                self.unsent.shrink_to(KEPT);
                self.machine.fill(&mut self.unsent);
            }
            let rest = self.unsent.get(self.sent..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            match Pin::new(&mut self.channel).poll_write(context, rest)? {
                Poll::Ready(taken) => {
                    self.sent += taken;
                    written += taken;
                }
                Poll::Pending => break,
            }
        }
        Ok(written)
    }

    /// Whether everything that was to be sent has been handed to the channel; or there is no channel any more.
    pub(super) fn is_written(&self) -> bool {
        self.ended || (self.sent == self.unsent.len() && !self.machine.has_output())
    }

    /// No answer will come any more: each call that waits is lost, once.
    fn end(&mut self) {
        self.ended = true;
        self.machine.end();
    }
}
