//! Other people's SSH clients and servers against ours, over every algorithm that both have.
//!
//! Our side offers one algorithm at a time, the peer all that it has: so its KEXINIT, which is recorded before anything
//! else, is the evidence for what it does not offer, and nobody's login has to fail to find out. The peers stand in
//! [`table`], what is done with one in `trial`, and what came of it is a [`Report`](report::Report).

mod audit;
mod command;
mod exchanges;
mod install;
mod kexinit;
mod keys;
mod node;
mod our_client;
mod our_server;
mod ours;
#[path = "../../ssh-transport/tests/support/pattern.rs"]
mod pattern;

pub mod publish;
pub mod report;
pub mod table;
mod trial;

pub use audit::audit;
pub use trial::{place, trials};
