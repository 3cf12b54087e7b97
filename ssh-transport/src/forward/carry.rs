//! Between a channel and a stream.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::channel::Channel;
use crate::io::Duplex;

/// What is read from a stream at once: the largest packet of most peers.
const ROOM: usize = 32 * 1024;
/// How long a stream may take for the rest of what came once the channel is closed. Whoever keeps it waiting keeps that in
/// memory, and a task.
const LAST_WRITE: Duration = Duration::from_secs(30);

/// Carries bytes both ways until both have ended: the end of one direction is passed on and the other goes on. Each side
/// is read only as fast as the other takes it.
///
/// # Errors
/// When the stream breaks, or the connection. A channel that the peer closes ends it well: what it sent before is carried
/// to its end. That may take 30 seconds, and then the stream is dropped.
pub async fn carry(channel: Channel, stream: impl Duplex) -> io::Result<()> {
    let late = async {
        channel.closed().await;
        tokio::time::sleep(LAST_WRITE).await;
    };
    tokio::select! {
        carried = both_ways(&channel, stream) => carried,
        () = late => Err(io::ErrorKind::TimedOut.into()),
    }
}

async fn both_ways(channel: &Channel, stream: impl Duplex) -> io::Result<()> {
    let (mut incoming, mut outgoing) = (channel.other_half(), channel.other_half());
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut down = std::pin::pin!(async {
        loop {
            let chunk = incoming.chunk().await?;
            if chunk.is_empty() {
                return writer.shutdown().await;
            }
            writer.write_all(&chunk).await?;
        }
    });
    let mut up = std::pin::pin!(async {
        let mut buffer = vec![0; ROOM];
        loop {
            let length = reader.read(&mut buffer).await?;
            if length == 0 {
                return outgoing.eof();
            }
            outgoing.write_all(buffer.get(..length).unwrap_or_default()).await?;
        }
    });
    let (mut down_ended, mut up_ended) = (false, false);
    while !(down_ended && up_ended) {
        tokio::select! {
            ended = &mut down, if !down_ended => {
                ended?;
                down_ended = true;
            }
            ended = &mut up, if !up_ended => {
                if let Err(error) = ended {
                    // A closed channel takes no more; what came on it before still counts.
                    if error.kind() != io::ErrorKind::BrokenPipe {
                        return Err(error);
                    }
                }
                up_ended = true;
            }
            // Nobody reads what the stream would still say.
            () = channel.closed(), if !up_ended => up_ended = true,
        }
    }
    Ok(())
}
