//! The streams of a call: what a function reads while its caller still writes, and writes while its caller already reads.

use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::call::Failure;
use crate::pieces::Pieces;

/// The streams of a call, for the function that [executes](super::Functions::register_stream) it.
///
/// Neither is held in memory: a caller who sends faster than the function reads waits, as does a function that writes
/// faster than its caller reads. When the call is cancelled or its deadline passes, the function is dropped, and its streams with it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Streams {
    /// What the caller sends; empty for a call that has no stream of input.
    pub input: Input,
    /// What the caller gets; closed for a call that has no stream of output.
    pub output: Output,
}

impl Streams {
    /// Those of a call that has none.
    #[must_use]
    pub fn none() -> Self {
        Self::new(None, None).0
    }

    /// Those of a call, and their other ends. The wakers are called when there is something to be done there.
    pub(crate) fn new(input: Option<Waker>, output: Option<Waker>) -> (Self, Feed, Drain) {
        let pipe = |other: Option<Waker>, absent| {
            let end = if other.is_some() { End::Open } else { absent };
            Pipe(Arc::new(Mutex::new(State { pieces: Pieces::default(), taken: 0, end, task: None, other })))
        };
        let (input, output) = (pipe(input, End::Ended), pipe(output, End::Stopped));
        let (feed, drain) = (Feed(input.clone()), Drain(output.clone()));
        (Self { input: Input(input), output: Output(output) }, feed, drain)
    }
}

/// The octets that a caller sends.
///
/// A function that needs no more of them drops this: the caller is then told to stop.
pub struct Input(Pipe);

/// The way for octets to a caller.
///
/// A function that returns a value has written all of its output, whether it was shut down or not: the call ends once its
/// caller has taken it. What was written before a failure may not arrive. Writing fails with [`io::ErrorKind::BrokenPipe`]
/// when the caller wants no more.
pub struct Output(Pipe);

#[derive(Clone)]
struct Pipe(Arc<Mutex<State>>);

struct State {
    pieces: Pieces,
    /// What the reader took and the writer was not told of.
    taken: usize,
    end: End,
    /// The function, where it waits.
    task: Option<Waker>,
    /// The other end.
    other: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    /// The writer has said that this was all.
    Ended,
    /// The writer is gone, and has not said so.
    Lost,
    /// The reader wants no more.
    Stopped,
}

/// How much of an output waits for the channel at most.
const OUTPUT: usize = 128 << 10;

impl Pipe {
    /// Nothing panics with the lock held.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and wakes the other end.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let value = change(&mut state);
        let other = state.other.clone();
        drop(state);
        other.iter().for_each(Waker::wake_by_ref);
        value
    }

    /// Changes the state, and wakes the function.
    fn tell<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let value = change(&mut state);
        let task = state.task.take();
        drop(state);
        task.into_iter().for_each(Waker::wake);
        value
    }

    /// Waits until everything that was written is taken.
    fn poll_taken(&self, task: &Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state();
        match state.end {
            End::Stopped => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            _ if state.pieces.is_empty() => Poll::Ready(Ok(())),
            _ => {
                state.wait(task);
                Poll::Pending
            }
        }
    }
}

impl State {
    fn wait(&mut self, task: &Context<'_>) {
        if let Some(before) = self.task.replace(task.waker().clone())
            && !before.will_wake(task.waker())
        {
            before.wake();
        }
    }
}

impl AsyncRead for Input {
    fn poll_read(self: Pin<&mut Self>, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.state();
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if !state.pieces.is_empty() {
            drop(state);
            self.0.change(|state| state.taken += state.pieces.read(buffer));
            return Poll::Ready(Ok(()));
        }
        match state.end {
            End::Open => {
                state.wait(task);
                Poll::Pending
            }
            End::Ended => Poll::Ready(Ok(())),
            End::Lost | End::Stopped => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.0.change(|state| {
            state.pieces.clear();
            if state.end == End::Open {
                state.end = End::Stopped;
            }
        });
    }
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.state();
        if state.end != End::Open {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = OUTPUT.saturating_sub(state.pieces.len());
        if room == 0 {
            state.wait(task);
            return Poll::Pending;
        }
        drop(state);
        let piece = octets.get(..room).unwrap_or(octets);
        self.0.change(|state| state.pieces.push(piece));
        Poll::Ready(Ok(piece.len()))
    }

    /// Waits until everything was handed to the channel.
    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_taken(task)
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.0.state().end == End::Open {
            self.0.change(|state| state.end = End::Ended);
        }
        self.0.poll_taken(task)
    }
}

impl Output {
    /// What waits for the output to be taken, when its function has returned.
    pub(crate) fn tail(&self) -> Tail {
        Tail(self.0.clone())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if state.end == End::Open {
            state.end = End::Lost;
        }
    }
}

/// The rest of an output.
pub(crate) struct Tail(Pipe);

impl Tail {
    /// The function has returned: that was all. Waits until it is taken, or not wanted.
    pub(crate) async fn finish(self) {
        self.0.change(|state| {
            if matches!(state.end, End::Open | End::Lost) {
                state.end = End::Ended;
            }
        });
        // An output that is not wanted has come to its end, too.
        let _ = poll_fn(|task| self.0.poll_taken(task)).await;
    }
}

/// The other end of an [`Input`].
pub(crate) struct Feed(Pipe);

impl Feed {
    /// More came from the caller.
    pub(crate) fn push(&self, octets: &[u8]) {
        self.0.tell(|state| {
            if state.end == End::Open {
                state.pieces.push(octets);
            }
        });
    }

    /// That was all.
    pub(crate) fn end(&self) {
        self.0.tell(|state| {
            if state.end == End::Open {
                state.end = End::Ended;
            }
        });
    }

    /// How much the function has read since this was asked.
    pub(crate) fn taken(&self) -> usize {
        core::mem::take(&mut self.0.state().taken)
    }

    /// Whether the function wants no more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.0.state().end == End::Stopped
    }
}

/// The other end of an [`Output`].
pub(crate) struct Drain(Pipe);

impl Drain {
    /// Hands over some of what was written; `take` says how much of it was taken.
    pub(crate) fn take(&self, take: impl FnOnce(&[u8]) -> usize) -> usize {
        let mut state = self.0.state();
        if state.pieces.is_empty() {
            return 0;
        }
        let taken = take(state.pieces.front());
        state.pieces.consume(taken);
        let task = if taken > 0 { state.task.take() } else { None };
        drop(state);
        task.into_iter().for_each(Waker::wake);
        taken
    }

    /// Whether there is more.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.state().pieces.is_empty()
    }

    /// Whether that was all, and it is taken.
    pub(crate) fn is_ended(&self) -> bool {
        let state = self.0.state();
        matches!(state.end, End::Ended | End::Stopped) && state.pieces.is_empty()
    }

    /// The caller wants no more.
    pub(crate) fn stop(&self) {
        self.0.tell(|state| {
            state.pieces.clear();
            state.end = End::Stopped;
        });
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Pipe").field("octets", &state.pieces.len()).field("end", &state.end).finish()
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Input").field(&self.0).finish()
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Output").field(&self.0).finish()
    }
}

/// As Erlang's functions name it: `epipe` where the caller wants no more, `closed` where it has gone, `eio` for anything else.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::of(match error.kind() {
            io::ErrorKind::BrokenPipe => "epipe",
            io::ErrorKind::UnexpectedEof => "closed",
            _ => "eio",
        })
    }
}
