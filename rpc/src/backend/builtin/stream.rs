//! Functions that read and write streams, to move octets and to measure how fast they move.

use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::backend::{Functions, Streams};
use crate::call::Failure;
use crate::term::{Binary, Term};

/// How much is read and written at once.
const PIECE: usize = 64 << 10;

pub(super) fn register(functions: &mut Functions) {
    functions
        .register_stream("sshrpc", "stream_sink", 0, |_args, streams, _context| sink(streams))
        .register_stream("sshrpc", "stream_source", 1, |args, streams, _context| source(args, streams))
        .register_stream("sshrpc", "stream_echo", 0, |_args, streams, _context| echo(streams));
}

/// `{Octets, Sha256}` of the input.
async fn sink(mut streams: Streams) -> Result<Term, Failure> {
    let (mut octets, mut digest, mut buffer) = (0_u64, Sha256::new(), vec![0; PIECE]);
    loop {
        let read = streams.input.read(&mut buffer).await?;
        if read == 0 {
            let digest = Binary::from(digest.finalize().as_slice());
            return Ok(Term::tuple([octets.into(), digest.into()]));
        }
        octets = octets.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        digest.update(buffer.get(..read).unwrap_or_default());
    }
}

/// So many octets, 0 to 255 again and again; `ok`.
async fn source(args: Vec<Term>, mut streams: Streams) -> Result<Term, Failure> {
    let [octets] = args.as_slice() else { return Err(super::BADARG) };
    let mut left = octets.as_u64().ok_or(super::BADARG)?;
    let pattern: Vec<u8> = (0..=u8::MAX).cycle().take(PIECE).collect();
    while left > 0 {
        let piece = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        streams.output.write_all(pattern.get(..piece).unwrap_or_default()).await?;
        left -= u64::try_from(piece).unwrap_or(left);
    }
    Ok(Term::atom("ok"))
}

/// The input as output; how many octets.
async fn echo(mut streams: Streams) -> Result<Term, Failure> {
    let (mut octets, mut buffer) = (0_u64, vec![0; PIECE]);
    loop {
        let read = streams.input.read(&mut buffer).await?;
        if read == 0 {
            return Ok(octets.into());
        }
        streams.output.write_all(buffer.get(..read).unwrap_or_default()).await?;
        octets = octets.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
}
