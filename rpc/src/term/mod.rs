//! Erlang terms: the value, the External Term Format, and Erlang's text syntax.
//!
//! ```
//! use sshrpc::term::{Term, decode, parse_term};
//! let term: Term = "{mfa,{lists,seq,[1,5]}}".parse()?;
//! let bytes = term.to_bytes()?;
//! assert_eq!(decode(&bytes)?, (term, bytes.len()));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! Everything here takes what a peer sends: no input panics, none costs more than [`DecodeLimits`] say, and nothing
//! recurses, so that no nesting can overflow a stack.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable)
)]

mod atom;
mod binary;
mod decode;
mod encode;
mod fun;
mod id;
mod limits;
mod list;
mod map;
mod number;
mod order;
mod parse;
mod print;
mod release;
mod scan;
mod size;
mod tag;
mod tuple;
mod value;

pub use self::atom::{Atom, AtomTooLong};
pub use self::binary::{Binary, BitString, InvalidBits};
pub use self::decode::{DecodeError, DecodeErrorKind, decode, decode_exact, decode_exact_with, decode_with};
pub use self::encode::{Emit, EncodeError, encode};
pub use self::fun::Fun;
pub use self::id::{InvalidReference, Pid, Port, Reference};
pub use self::limits::DecodeLimits;
pub use self::list::{Elements, List};
pub use self::map::{DuplicateKey, Map};
pub use self::number::{Float, Integer, IntegerOutOfRange, NotFinite};
pub use self::parse::{
    Call, Expression, SyntaxError, SyntaxErrorKind, parse_call, parse_expression, parse_expression_with, parse_term,
};
pub use self::print::Style;
pub use self::scan::{Scanner, scan};
pub use self::tuple::Tuple;
pub use self::value::{Term, UnexpectedTerm};
