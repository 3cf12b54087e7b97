//! The byte stream below a connection.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Anything that reads and writes bytes.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A stream, and what it lives by: a connection that it runs through, or a program.
#[derive(Debug)]
pub(crate) struct Kept<S, K> {
    // It goes first.
    stream: S,
    _keeper: K,
}

impl<S, K> Kept<S, K> {
    pub(crate) const fn new(stream: S, keeper: K) -> Self {
        Self { stream, _keeper: keeper }
    }
}

impl<S: AsyncRead + Unpin, K: Unpin> AsyncRead for Kept<S, K> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin, K: Unpin> AsyncWrite for Kept<S, K> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A TCP connection, which anybody may write to, or another stream, which only its driver polls.
pub(crate) enum Io {
    Tcp(TcpStream),
    Other(Mutex<Other>),
}

/// A stream that may hold back what was written until it is flushed.
pub(crate) struct Other {
    stream: Box<dyn Duplex>,
    unflushed: bool,
}

impl std::fmt::Debug for Io {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(stream) => f.debug_tuple("Tcp").field(stream).finish(),
            Self::Other(_) => f.write_str("Other"),
        }
    }
}

impl Io {
    /// Small messages must not wait for the acknowledgement of earlier ones: the paper's 8.1 ms a call became 4.2 when
    /// Nagle's algorithm was turned off.
    pub(crate) fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }

    pub(crate) fn other(stream: impl Duplex + 'static) -> Self {
        Self::Other(Mutex::new(Other { stream: Box::new(stream), unflushed: false }))
    }

    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok(),
            Self::Other(_) => None,
        }
    }

    /// Reads what is there. 0 is the end of the stream.
    pub(crate) fn poll_read(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => loop {
                match stream.try_read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        std::task::ready!(stream.poll_read_ready(context))?;
                    }
                    result => return Poll::Ready(result),
                }
            },
            Self::Other(stream) => {
                let mut stream = lock(stream);
                let mut buffer = ReadBuf::new(buffer);
                std::task::ready!(Pin::new(&mut stream.stream).poll_read(context, &mut buffer))?;
                Poll::Ready(Ok(buffer.filled().len()))
            }
        }
    }

    /// Writes what goes.
    pub(crate) fn poll_write(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => loop {
                match stream.try_write(bytes) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        std::task::ready!(stream.poll_write_ready(context))?;
                    }
                    result => return Poll::Ready(result),
                }
            },
            Self::Other(stream) => {
                let mut other = lock(stream);
                let written = std::task::ready!(Pin::new(&mut other.stream).poll_write(context, bytes))?;
                other.unflushed = true;
                Poll::Ready(Ok(written))
            }
        }
    }

    /// Lets go of what the stream holds back.
    pub(crate) fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self::Other(stream) = self else { return Poll::Ready(Ok(())) };
        let mut other = lock(stream);
        if other.unflushed {
            std::task::ready!(Pin::new(&mut other.stream).poll_flush(context))?;
            other.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what goes at once, whoever asks. Registers nobody: what does not go is the driver's.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Other(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Tells the peer that nothing more will be written. What it writes can still be read.
    pub(crate) fn poll_shut_down_writing(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Poll::Ready(socket2::SockRef::from(stream).shutdown(std::net::Shutdown::Write)),
            Self::Other(stream) => Pin::new(&mut lock(stream).stream).poll_shutdown(context),
        }
    }

    /// Closes the connection, though others may still hold the stream. What was written is delivered first.
    pub(crate) fn shut_down(&self) {
        match self {
            Self::Tcp(stream) => {
                let _ = socket2::SockRef::from(stream).shutdown(std::net::Shutdown::Both);
            }
            Self::Other(stream) => lock(stream).stream = Box::new(tokio::io::empty()),
        }
    }
}

fn lock(stream: &Mutex<Other>) -> std::sync::MutexGuard<'_, Other> {
    stream.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
