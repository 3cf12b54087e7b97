//! Where the machine's memory is, and the linker script of cortex-m-rt that wants to know.

use std::path::PathBuf;
use std::{env, fs};

/// The ranges where QEMU's mps2-an386 and boards of STM32F4's kind overlap in spirit: flash that is ample, and 128 KiB of
/// RAM, which are not.
const MEMORY: &str = "MEMORY { FLASH : ORIGIN = 0x00000000, LENGTH = 1M\n RAM : ORIGIN = 0x20000000, LENGTH = 128K }\n";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("memory.x"), MEMORY).expect("OUT_DIR can be written to");
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rerun-if-changed=build.rs");
}
