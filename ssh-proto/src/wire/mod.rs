//! The data types of [RFC 4251 §5](https://www.rfc-editor.org/rfc/rfc4251#section-5): a bounded, borrowing reader and
//! an appending writer. No policy lives here.
//!
//! Every length is compared with the bytes that are there before anything is taken, so nothing here allocates on a
//! peer's word.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod message;
mod mpint;
mod name_list;
mod reader;
mod writer;

pub use message::{MessageNumber, number};
pub use mpint::Mpint;
pub use name_list::NameList;
pub use reader::{InvalidMessage, Problem, Reader};
pub use writer::Put;
