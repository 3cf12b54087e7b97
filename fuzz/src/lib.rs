//! What the fuzz targets do with their bytes. Each target is one function here; `tests/corpus.rs` runs it over its seeds
//! on stable Rust, and `fuzz_targets/` gives it to libFuzzer.

mod app;
mod calls;
mod certificates;
mod client;
mod eetf;
mod extended;
mod files;
pub mod script;
mod server;
mod terms;
mod toy;
mod world;

pub use self::eetf::term_eetf;
pub use calls::calls;
pub use certificates::certificates;
pub use client::packets_to_client;
pub use extended::extended;
pub use files::{host_files, key_files};
pub use server::packets_to_server;
pub use terms::{term_decode, term_text};

/// A target by its name: `None` when there is none of that name.
#[must_use]
pub fn target(name: &str) -> Option<fn(&[u8])> {
    Some(match name {
        "packets_to_server" => packets_to_server,
        "packets_to_client" => packets_to_client,
        "term_decode" => term_decode,
        "term_eetf" => term_eetf,
        "term_text" => term_text,
        "calls" => calls,
        "extended" => extended,
        "key_files" => key_files,
        "host_files" => host_files,
        "certificates" => certificates,
        _ => return None,
    })
}
