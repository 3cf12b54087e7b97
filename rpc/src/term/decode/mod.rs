//! From the External Term Format to terms: bounded, without recursion, and never trusting a length before its octets.

mod build;
mod error;
mod leaf;
mod reader;

#[cfg(feature = "zlib")]
pub(super) mod inflate;
#[cfg(not(feature = "zlib"))]
#[path = "inflate_absent.rs"]
pub(super) mod inflate;

use self::build::Builder;
pub use self::error::{DecodeError, DecodeErrorKind};
use self::reader::Reader;
use super::{DecodeLimits, Term, tag};

/// Decodes the term at the start of `bytes`, with the default [`DecodeLimits`]: the term, and how many octets it took.
///
/// What follows the term is ignored, as `erlang:binary_to_term/1` does; see [`decode_exact`].
///
/// # Errors
/// [`DecodeError`], which says what is wrong at which offset; of an unfinished term,
/// [`is_incomplete`](DecodeError::is_incomplete) or an announced count that the rest cannot hold.
pub fn decode(bytes: &[u8]) -> Result<(Term, usize), DecodeError> {
    decode_with(bytes, &DecodeLimits::DEFAULT)
}

/// Decodes `bytes`, which must be one term and nothing else, with the default [`DecodeLimits`].
///
/// # Errors
/// [`DecodeError`] as for [`decode`], and for octets after the term.
pub fn decode_exact(bytes: &[u8]) -> Result<Term, DecodeError> {
    decode_exact_with(bytes, &DecodeLimits::DEFAULT)
}

/// [`decode_exact`] within these limits.
///
/// # Errors
/// [`DecodeError`] as for [`decode_exact`].
pub fn decode_exact_with(bytes: &[u8], limits: &DecodeLimits) -> Result<Term, DecodeError> {
    match decode_with(bytes, limits)? {
        (term, used) if used == bytes.len() => Ok(term),
        (_, used) => Err(DecodeError::new(DecodeErrorKind::TrailingBytes, used)),
    }
}

/// [`decode`] within these limits.
///
/// # Errors
/// [`DecodeError`] as for [`decode`].
pub fn decode_with(bytes: &[u8], limits: &DecodeLimits) -> Result<(Term, usize), DecodeError> {
    let mut reader = Reader::new(bytes, limits.max_bytes);
    match reader.u8()? {
        tag::VERSION => {}
        octet => return Reader::error(DecodeErrorKind::Version(octet), 0),
    }
    if reader.rest().first() != Some(&tag::COMPRESSED) {
        let mut builder = Builder::new(reader, limits);
        let term = builder.term()?;
        return Ok((term, builder.offset()));
    }
    reader.u8()?;
    let announced = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
    if announced > limits.max_bytes {
        return Reader::error(DecodeErrorKind::TooLong, 2);
    }
    let offset = reader.offset();
    let within = |kind| DecodeError::new(kind, offset);
    let (inflated, used) = match inflate::whole(reader.rest(), announced) {
        Ok(inflated) => inflated,
        Err(DecodeErrorKind::Truncated) => return Err(reader.ended()),
        Err(kind) => return Err(within(kind)),
    };
    // Octets after the term, within what was inflated, are ignored as Erlang does.
    let term = Builder::new(Reader::new(&inflated, announced), limits).term().map_err(|error| match error.kind {
        // Within what is complete, nothing can become complete later.
        DecodeErrorKind::Truncated => within(DecodeErrorKind::InflatedTruncated),
        kind => within(kind),
    })?;
    Ok((term, offset + used))
}
