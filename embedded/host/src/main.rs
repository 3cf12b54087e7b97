//! The check without std and without libc: the heap is 256 KiB, and the kernel is asked for `write` and `exit` alone.
//!
//! Exit status 0 when everything worked, 1 otherwise.
#![no_std]
#![no_main]
#![expect(unsafe_code, reason = "without libc, somebody must speak to the kernel and be the memory functions")]

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
compile_error!("this binary speaks to Linux on x86-64");

mod kernel;
mod memory;

use core::fmt::Write;

use arena::Arena;

const HEAP: usize = 256 * 1024;

// SAFETY: the program has one thread and no signal handlers.
#[global_allocator]
static ARENA: Arena<HEAP> = unsafe { Arena::new() };

/// Called by `_start`.
fn main() -> u8 {
    let result = embedded_check::run_all();
    let peak = ARENA.peak();
    let mut stdout = kernel::Stdout;
    let (written, status) = match result {
        Ok(term) => (writeln!(stdout, "ok: the call said {term}; heap: {peak} of {HEAP} bytes at most"), 0),
        Err(failure) => (writeln!(stdout, "failed: {failure}; heap: {peak} of {HEAP} bytes at most"), 1),
    };
    if written.is_err() { 1 } else { status }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let _ = writeln!(kernel::Stdout, "failed: {info}");
    kernel::exit(1)
}
