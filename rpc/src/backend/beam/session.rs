//! One connection with a BEAM: the hello, what is written, what is read.

use core::fmt;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

use super::link::Link;
use super::table::Unasked;
use crate::call::{Answer, Failure, Framing, Status, append};
use crate::extended::{Accepted, Id, Limits, Malformed, Offer, ServerMessage};
use crate::term::{DecodeLimits, Emit, Term, decode_exact_with, decode_with};

/// How long a BEAM may take from its start to its answer to our hello.
const PATIENCE: Duration = Duration::from_secs(30);
/// Frames are written together up to about this many octets.
const TOGETHER: usize = 64 * 1024;

/// Why there is no connection any more, or none came about.
#[derive(Debug)]
pub(super) enum Ended {
    /// The stream has ended.
    Closed,
    /// Reading or writing failed.
    Io(io::Error),
    /// The BEAM did not answer the hello in time.
    Silent,
    /// What answered the hello is not our module, or of another version.
    Stranger(Term),
    /// A frame is longer than the BEAM was told that it may be.
    TooLong(u32),
    /// A frame has no term that could be read.
    Undecodable,
    /// A term is no message of a node.
    NoMessage(Term),
    /// An answer to nothing.
    Unasked(Id),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("it closed the connection"),
            Self::Io(error) => write!(f, "the connection failed: {error}"),
            Self::Silent => write!(f, "it said nothing for {} s", PATIENCE.as_secs()),
            Self::Stranger(term) => write!(f, "it does not speak version 1 of the protocol: {term:.200}"),
            Self::TooLong(octets) => write!(f, "it announced a frame of {octets} octets"),
            Self::Undecodable => f.write_str("it sent octets that are no term"),
            Self::NoMessage(term) => write!(f, "it sent what is no message: {term:.200}"),
            Self::Unasked(id) => write!(f, "it answered request {id}, which is not under way"),
        }
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

/// A connection whose BEAM has answered the hello. From then on the link leads to it, until this is dropped, however that
/// comes: everybody who waits then knows.
#[derive(Debug)]
pub(super) struct Session<R, W> {
    reader: BufReader<R>,
    writer: W,
    link: Link,
    outgoing: mpsc::UnboundedReceiver<Vec<u8>>,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Session<R, W> {
    /// Says hello, behind what the other end must have first.
    pub(super) async fn open(reader: R, mut writer: W, first: &[u8], link: Link) -> Result<Self, Ended> {
        let limits = link.bounds().terms;
        let mut reader = BufReader::new(reader);
        let opening = async {
            writer.write_all(first).await?;
            writer.write_all(&hello(&limits)?).await?;
            writer.flush().await?;
            read_frame(&mut reader, limits.max_bytes).await
        };
        let answer = tokio::time::timeout(PATIENCE, opening).await.map_err(|_elapsed| Ended::Silent)??;
        let answer = decode_exact_with(&answer, &limits).map_err(|_no_term| Ended::Undecodable)?;
        if !accepts(&answer) {
            return Err(Ended::Stranger(answer));
        }
        let outgoing = link.connect();
        Ok(Self { reader, writer, link, outgoing })
    }

    /// Carries what is asked and answered until the connection ends.
    pub(super) async fn run(mut self) -> Ended {
        let limits = self.link.bounds().terms;
        let ended = tokio::select! {
            ended = read(&mut self.reader, &self.link, &limits) => ended,
            ended = write(&mut self.writer, &mut self.outgoing) => ended,
        };
        match ended {
            Ok(never) => match never {},
            Err(ended) => ended,
        }
    }
}

impl<R, W> Drop for Session<R, W> {
    fn drop(&mut self) {
        self.link.disconnect();
    }
}

/// `{sshrpc, hello, Offer}` in its frame: no message here is in parts, so a frame may be as long as a message.
fn hello(terms: &DecodeLimits) -> Result<Vec<u8>, Ended> {
    let limits = Limits { frame: terms.max_bytes, message: terms.max_bytes, ..Limits::DEFAULT };
    let mut frame = Vec::new();
    append(&Offer { limits }.to_term(), Framing::Frame, Emit::default(), terms.max_bytes, &mut frame)
        .map_err(|_too_long| Ended::Io(io::ErrorKind::InvalidInput.into()))?;
    Ok(frame)
}

/// Whether this is `{answer, {{sshrpc, hello, Accepted}, 0}}`.
fn accepts(answer: &Term) -> bool {
    let answer = Answer::try_from(answer).ok().filter(|answer| answer.status == Status::Success);
    answer.is_some_and(|answer| Accepted::read(&answer.reply).is_some())
}

enum Never {}

async fn write(
    writer: &mut (impl AsyncWrite + Unpin),
    outgoing: &mut mpsc::UnboundedReceiver<Vec<u8>>,
) -> Result<Never, Ended> {
    while let Some(mut out) = outgoing.recv().await {
        while out.len() < TOGETHER
            && let Ok(frame) = outgoing.try_recv()
        {
            out.extend_from_slice(&frame);
        }
        writer.write_all(&out).await?;
        writer.flush().await?;
    }
    Err(Ended::Closed)
}

async fn read(reader: &mut (impl AsyncRead + Unpin), link: &Link, limits: &DecodeLimits) -> Result<Never, Ended> {
    loop {
        let frame = read_frame(reader, limits.max_bytes).await?;
        let message = match decode_exact_with(&frame, limits) {
            Ok(term) => ServerMessage::try_from(term).map_err(no_message)?,
            // A value may have more terms than we take, in fewer octets than it may have: that is its call's concern.
            Err(_beyond_limits) => {
                let id = answered_id(&frame, limits).ok_or(Ended::Undecodable)?;
                ServerMessage::Answer { id, outcome: Err(Failure::erpc("system_limit")) }
            }
        };
        let taken = link.with_table(|table| match message {
            ServerMessage::Answer { id, outcome } => {
                table.answered(id, outcome).map_err(|Unasked(id)| Ended::Unasked(id))
            }
            ServerMessage::Down { monitor, reason, .. } => {
                table.down(monitor, reason);
                Ok(())
            }
            other => Err(Ended::NoMessage(other.to_term())),
        });
        taken.unwrap_or(Err(Ended::Closed))?;
    }
}

fn no_message(malformed: Malformed) -> Ended {
    match malformed {
        Malformed::Message(term) => Ended::NoMessage(term),
        _ => Ended::Undecodable,
    }
}

/// The octets of one frame. Room is made for what comes, not for what is announced.
async fn read_frame(reader: &mut (impl AsyncRead + Unpin), most: usize) -> Result<Vec<u8>, Ended> {
    let announced = reader.read_u32().await?;
    let length = usize::try_from(announced).ok().filter(|length| *length <= most).ok_or(Ended::TooLong(announced))?;
    let mut frame = Vec::new();
    reader.take(u64::from(announced)).read_to_end(&mut frame).await?;
    if frame.len() == length { Ok(frame) } else { Err(Ended::Closed) }
}

/// The number in `{answer, Id, ..}`, where the rest cannot be read.
fn answered_id(frame: &[u8], limits: &DecodeLimits) -> Option<Id> {
    // version 131, SMALL_TUPLE_EXT of three
    let mut rest = frame.strip_prefix(&[131, 104, 3])?;
    let mut next = || {
        // The longest tag and number by far.
        let mut octets = vec![131];
        octets.extend_from_slice(rest.get(..rest.len().min(64))?);
        let (term, used) = decode_with(&octets, limits).ok()?;
        rest = rest.get(used.checked_sub(1)?..)?;
        Some(term)
    };
    let tag = next()?;
    tag.is_atom("answer").then(next)?.and_then(|id| Id::new(id.as_u64()?))
}

#[cfg(test)]
mod tests;
