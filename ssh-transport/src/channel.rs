//! A channel as a stream of bytes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ssh_proto::{ChannelId, ChannelRequest, Outcome, Signal, Stream, WantReply};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::ended::Exit;
use crate::link::ChannelOps;
use crate::requests::Requests;

/// A channel of either side: reading reads its data stream, writing writes to it, shutting down sends EOF. Dropped, it
/// closes the channel.
///
/// Data that nobody reads stays within the channel's window and holds up nobody else.
#[derive(Debug)]
pub struct Channel {
    inner: Arc<Inner>,
}

/// Closes the channel when the last handle goes.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) link: Arc<dyn ChannelOps>,
    pub(crate) id: ChannelId,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.link.forget(self.id);
    }
}

/// The error stream of a [`Channel`] (RFC 4254 §5.2, SSH_EXTENDED_DATA_STDERR).
#[derive(Debug)]
pub struct Stderr {
    inner: Arc<Inner>,
}

impl Channel {
    pub(crate) fn new(link: Arc<dyn ChannelOps>, id: ChannelId) -> Self {
        Self { inner: Arc::new(Inner { link, id }) }
    }

    /// The channel's number, for logs.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.inner.id.number()
    }

    /// The error stream: a client reads it, a server writes it. Data on it counts against the channel's window until it
    /// is read.
    #[must_use]
    pub fn stderr(&self) -> Stderr {
        Stderr { inner: self.inner.clone() }
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// When the channel or the connection is gone.
    pub async fn request(&self, request: &ChannelRequest<'_>) -> io::Result<Outcome> {
        let answer = self.inner.link.request(self.inner.id, request, WantReply::Yes)?;
        answer.await.map_err(|_gone| io::ErrorKind::BrokenPipe.into())
    }

    /// Sends a request that wants no answer.
    ///
    /// # Errors
    /// When the channel or the connection is gone.
    pub fn notify(&self, request: &ChannelRequest<'_>) -> io::Result<()> {
        self.inner.link.request(self.inner.id, request, WantReply::No).map(|_no_answer| ())
    }

    /// A server says how the program ended: `exit-status` (RFC 4254 §6.10).
    ///
    /// # Errors
    /// When the channel or the connection is gone.
    pub fn send_exit_status(&self, status: u32) -> io::Result<()> {
        self.notify(&ChannelRequest::ExitStatus(status))
    }

    /// A server says which signal ended the program: `exit-signal` (RFC 4254 §6.10).
    ///
    /// # Errors
    /// When the channel or the connection is gone.
    pub fn send_exit_signal(&self, name: &str, message: &str) -> io::Result<()> {
        let signal = Signal { name, core_dumped: false, message: message.as_bytes() };
        self.notify(&ChannelRequest::ExitSignal(signal))
    }

    /// Waits until the peer said how the program ended, or closed the channel without saying.
    pub async fn exit(&self) -> Option<Exit> {
        std::future::poll_fn(|context| self.inner.link.poll_exit(self.inner.id, context)).await
    }

    /// Everything that came on the data stream and is not read yet, without a copy; waits until something does. Empty at
    /// the end of the stream.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn chunk(&mut self) -> io::Result<Vec<u8>> {
        std::future::poll_fn(|context| self.poll_chunk(context)).await
    }

    /// [`chunk`](Self::chunk), for who polls by hand.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        self.inner.link.poll_chunk(self.inner.id, context)
    }

    /// What the peer asks while a program runs: signals, sizes of the window, breaks.
    #[must_use]
    pub fn requests(&self) -> Requests {
        Requests::new(self.inner.clone())
    }

    /// Another handle to the same channel, for who reads and writes at once.
    pub(crate) fn other_half(&self) -> Self {
        Self { inner: self.inner.clone() }
    }

    /// Waits until the peer has closed the channel, or the connection is gone.
    pub async fn closed(&self) {
        std::future::poll_fn(|context| self.poll_closed(context)).await;
    }

    /// [`closed`](Self::closed), for who polls by hand.
    pub fn poll_closed(&self, context: &mut Context<'_>) -> Poll<()> {
        self.inner.link.poll_closed(self.inner.id, context).map(drop)
    }

    /// Sends EOF: no more data from here; what comes can still be read.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn eof(&self) -> io::Result<()> {
        self.inner.link.eof(self.inner.id)
    }

    /// Reads no more data: what is there and what still comes is dropped. A peer that knows `eow@openssh.com` sends no
    /// more. For sessions: nobody expects this of another channel.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn end_of_write(&self) -> io::Result<()> {
        self.inner.link.end_of_write(self.inner.id)
    }

    /// Closes the channel both ways.
    pub fn close(&self) {
        self.inner.link.close(self.inner.id);
    }
}

fn poll_read(
    inner: &Inner,
    stream: Stream,
    context: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    if buffer.remaining() == 0 {
        return Poll::Ready(Ok(()));
    }
    let length = std::task::ready!(inner.link.poll_read(inner.id, stream, context, buffer.initialize_unfilled()))?;
    buffer.advance(length);
    Poll::Ready(Ok(()))
}

impl AsyncRead for Channel {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        poll_read(&self.inner, Stream::Data, context, buffer)
    }
}

impl AsyncWrite for Channel {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.inner.link.poll_write(self.inner.id, Stream::Data, context, data)
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.eof())
    }
}

impl AsyncRead for Stderr {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        poll_read(&self.inner, Stream::Stderr, context, buffer)
    }
}

impl AsyncWrite for Stderr {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.inner.link.poll_write(self.inner.id, Stream::Stderr, context, data)
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
