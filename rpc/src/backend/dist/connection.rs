//! One connection with a node: the handshake, what is written, what is read.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

use super::control::Received;
use super::error::{DistProblem, Ended};
use super::frame::{FrameReader, TICK, append, parse};
use super::handshake::{Handshake, HandshakeError, MAX_MESSAGE, Step};
use crate::process::{Neighbour, Signal};
use crate::term::DecodeLimits;

/// Does the handshake.
pub(super) async fn shake_hands<S>(stream: &mut S, begun: (Handshake, Vec<u8>)) -> Result<(), DistProblem>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut handshake, first) = begun;
    say(stream, &first).await?;
    loop {
        let Some(message) = hear(stream).await? else { return Err(handshake.closed().into()) };
        match handshake.process(&message)? {
            Step::Send(message) => say(stream, &message).await?,
            Step::Wait => {}
            Step::Connected => return Ok(()),
        }
    }
}

/// Within the handshake two octets say how long a message is.
async fn say(stream: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> Result<(), DistProblem> {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let framed = [&length.to_be_bytes(), message].concat();
    // One that cannot be written to has closed, which reading tells better.
    let _ = stream.write_all(&framed).await;
    Ok(())
}

/// The next message; `None` when there is none any more.
async fn hear(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Vec<u8>>, DistProblem> {
    let Ok(length) = stream.read_u16().await else { return Ok(None) };
    let length = usize::from(length);
    if length > MAX_MESSAGE {
        return Err(HandshakeError::Malformed("a message that is too long").into());
    }
    let mut message = vec![0; length];
    Ok(stream.read_exact(&mut message).await.is_ok().then_some(message))
}

/// Who takes what the other node says.
pub(super) trait Receiver {
    /// A signal.
    fn receive(&self, signal: Signal);

    /// A signal whose message or arguments are larger than we take; a reason is `system_limit` instead.
    fn receive_too_large(&self, signal: Signal);
}

/// How long nothing may come, and when we give a sign of life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticks {
    silence: Duration,
    interval: Duration,
}

impl Ticks {
    /// As a node with this `net_ticktime` does it: a tick each quarter of it, and a quarter more than it until silence is
    /// death.
    pub(super) fn every(net_ticktime: Duration) -> Self {
        let interval = (net_ticktime / 4).max(Duration::from_millis(1));
        Self { silence: net_ticktime.saturating_add(interval), interval }
    }
}

/// Frames are written together up to about this many octets.
const TOGETHER: usize = 64 * 1024;

/// Carries signals both ways until the connection ends.
pub(super) async fn carry<R, W>(
    (reader, mut writer): (R, W),
    neighbour: &Neighbour,
    receiver: &impl Receiver,
    limits: &DecodeLimits,
    ticks: Ticks,
) -> Ended
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let beat = Notify::new();
    let mut frames = FrameReader::new(reader, limits, ticks.silence);
    let ended = tokio::select! {
        ended = read(&mut frames, receiver, limits, &beat) => ended,
        ended = write(&mut writer, neighbour, ticks.interval, &beat) => ended,
    };
    match ended {
        Ok(never) => match never {},
        Err(ended) => ended,
    }
}

enum Never {}

async fn read<R: AsyncRead + Unpin>(
    frames: &mut FrameReader<R>,
    receiver: &impl Receiver,
    limits: &DecodeLimits,
    beat: &Notify,
) -> Result<Never, Ended> {
    loop {
        let (frame, complete) = frames.next().await?;
        if frame.is_empty() {
            // It has its own idea of how long silence may last: who gets a tick for each of its own is content.
            beat.notify_one();
            continue;
        }
        match parse(&frame, complete, limits).map_err(|_malformed| Ended::Malformed)? {
            Received::Signal(signal) => receiver.receive(signal),
            Received::TooLarge(signal) => receiver.receive_too_large(signal),
            Received::Nothing => {}
        }
    }
}

async fn write(
    writer: &mut (impl AsyncWrite + Unpin),
    neighbour: &Neighbour,
    interval: Duration,
    beat: &Notify,
) -> Result<Never, Ended> {
    let mut out = Vec::new();
    loop {
        let signal = tokio::select! {
            signal = neighbour.next() => Some(signal.ok_or(Ended::Overflown)?),
            () = beat.notified() => None,
            () = tokio::time::sleep(interval) => None,
        };
        out.clear();
        match signal {
            None => out.extend_from_slice(&TICK),
            Some(signal) => append(signal, &mut out).map_err(|_too_long| Ended::TooLong)?,
        }
        while out.len() < TOGETHER
            && let Some(signal) = neighbour.try_next()
        {
            append(signal, &mut out).map_err(|_too_long| Ended::TooLong)?;
        }
        writer.write_all(&out).await?;
        writer.flush().await?;
        // What was large was so once.
        out.shrink_to(TOGETHER);
    }
}

#[cfg(test)]
mod tests;
