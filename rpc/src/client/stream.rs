//! Calls with streams: arguments and values larger than memory.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Error;
use super::caller::{Caller, Waiter};
use super::flow::{Over, Receiving, Sending};
use super::machine::Key;
use crate::term::Term;

/// A call that reads a stream and writes one, from [`Client::stream_call`](super::Client::stream_call).
///
/// The three parts are independent, and want to be used at the same time: a function that writes may not read on before
/// its output is taken. Whichever of them is waited for moves the connection for all of them; in memory is what the function may send
/// unasked (1 MiB), and no more.
///
/// ```
/// # use sshrpc::{Connect, Identity, Node, PrivateKey};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let mut rng = sshrpc::os_rng()?;
/// # let (host_key, user_key) = (PrivateKey::generate_ed25519(&mut rng), PrivateKey::generate_ed25519(&mut rng));
/// # let node = Node::builder().host_key(host_key.clone()).authorized_key(user_key.public().clone());
/// # let node = node.listen("127.0.0.1:0").bind().await?;
/// # let address = node.local_addr()?.to_string();
/// # tokio::spawn(node.run(std::future::pending()));
/// # let connect = Connect::to(&address)?.host_key(host_key.public().clone()).identity(Identity::from_key(user_key, ""));
/// # let client = connect.connect().await?;
/// use sshrpc::term::parse_call;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// let mut call = client.stream_call(&parse_call("sshrpc:stream_echo()")?).await?;
/// let send = async {
///     call.input.write_all(b"as much as you like").await?;
///     call.input.shutdown().await
/// };
/// let mut received = String::new();
/// let (sent, read, answer) = tokio::join!(send, call.output.read_to_string(&mut received), call.answer);
/// assert_eq!((read?, answer?), (19, 19.into()));
/// # sent?;
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct StreamCall {
    /// What the function is to read.
    pub input: StreamInput,
    /// What the function writes.
    pub output: StreamOutput,
    /// Its value.
    pub answer: StreamAnswer,
}

impl StreamCall {
    pub(super) fn new(
        caller: &Caller,
        key: Key,
        answer: impl Future<Output = Result<Term, Error>> + Send + 'static,
    ) -> Self {
        let end = || End { caller: caller.clone(), key };
        Self { input: StreamInput(end()), output: StreamOutput(end()), answer: StreamAnswer(Box::pin(answer)) }
    }
}

/// One end of a stream of a call.
#[derive(Debug)]
struct End {
    caller: Caller,
    key: Key,
}

/// The input of a call. Shut it down when that is all: dropped before, it cancels the call, lest half of the
/// input be taken for all of it.
///
/// Writing fails with [`io::ErrorKind::BrokenPipe`] when the function wants no more, or has ended: the answer says how.
#[derive(Debug)]
pub struct StreamInput(End);

/// The output of a call. Dropped, it tells the function to write no more.
///
/// Reading fails with [`io::ErrorKind::UnexpectedEof`] when the call has ended before its output has: the answer says why.
#[derive(Debug)]
pub struct StreamOutput(End);

/// The answer of a call with streams: its value comes behind all of its output. Dropped, it cancels the call.
#[must_use = "a call whose answer is dropped is cancelled"]
pub struct StreamAnswer(Pin<Box<dyn Future<Output = Result<Term, Error>> + Send>>);

impl Future for StreamAnswer {
    type Output = Result<Term, Error>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(task)
    }
}

impl std::fmt::Debug for StreamAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StreamAnswer")
    }
}

impl AsyncWrite for StreamInput {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let End { caller, key } = &self.0;
        let mut shared = caller.lock();
        if octets.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let mut sent = shared.send_data(*key, octets);
        if let Ok(0) = sent {
            shared.waiters.wait(Waiter::Input(*key), task);
            shared.drive();
            sent = shared.send_data(*key, octets);
            if let Ok(0) = sent {
                return Poll::Pending;
            }
            shared.waiters.forget(&Waiter::Input(*key));
        }
        shared.drive();
        Poll::Ready(sent)
    }

    /// Waits until everything was handed to the connection.
    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        let End { caller, key } = &self.0;
        let mut shared = caller.lock();
        shared.waiters.wait(Waiter::Input(*key), task);
        shared.drive();
        if !shared.is_written() {
            return Poll::Pending;
        }
        shared.waiters.forget(&Waiter::Input(*key));
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.caller.lock().end_input(self.0.key);
        self.poll_flush(task)
    }
}

impl AsyncRead for StreamOutput {
    fn poll_read(self: Pin<&mut Self>, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let End { caller, key } = &self.0;
        let mut shared = caller.lock();
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if let ready @ Poll::Ready(_) = shared.read_output(*key, buffer) {
            return ready;
        }
        shared.waiters.wait(Waiter::Output(*key), task);
        shared.drive();
        let read = shared.read_output(*key, buffer);
        if read.is_ready() {
            shared.waiters.forget(&Waiter::Output(*key));
        }
        read
    }
}

impl Drop for StreamInput {
    fn drop(&mut self) {
        let End { caller, key } = &self.0;
        let mut shared = caller.lock();
        shared.waiters.forget(&Waiter::Input(*key));
        let Some(flow) = shared.flows.get_mut(key) else { return };
        let unfinished = flow.sending == Sending::Open && flow.over == Over::No;
        flow.sending = Sending::Ended;
        if unfinished {
            shared.machine.cancel(*key);
            shared.drive();
        }
        shared.forget_flow(*key);
    }
}

impl Drop for StreamOutput {
    fn drop(&mut self) {
        let End { caller, key } = &self.0;
        let mut shared = caller.lock();
        shared.waiters.forget(&Waiter::Output(*key));
        let Some(flow) = shared.flows.get_mut(key) else { return };
        flow.received.clear();
        let unfinished = flow.receiving == Receiving::Open && flow.over == Over::No;
        flow.receiving = Receiving::Dropped;
        if unfinished {
            shared.machine.stop(*key);
            shared.drive();
        }
        shared.forget_flow(*key);
    }
}
