//! The check on a Cortex-M4 of 128 KiB of RAM, of which the heap has 32. It says what came of it by semihosting.
#![no_std]
#![no_main]
#![expect(unsafe_code, reason = "a global allocator wants a promise")]

use arena::Arena;
use cortex_m_semihosting::{debug, hprintln};

const HEAP: usize = 32 * 1024;

// SAFETY: there is one thread, and no interrupt is enabled.
#[global_allocator]
static ARENA: Arena<HEAP> = unsafe { Arena::new() };

#[cortex_m_rt::entry]
fn main() -> ! {
    let status = match embedded_check::run_all() {
        Ok(_reversed) => {
            hprintln!("ok: the call was answered; heap: {} of {} bytes at most", ARENA.peak(), HEAP);
            debug::EXIT_SUCCESS
        }
        Err(failure) => {
            hprintln!("failed: {}; heap: {} of {} bytes at most", failure, ARENA.peak(), HEAP);
            debug::EXIT_FAILURE
        }
    };
    stop(status)
}

fn stop(status: debug::ExitStatus) -> ! {
    loop {
        debug::exit(status);
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    hprintln!("failed: {}", info);
    stop(debug::EXIT_FAILURE)
}
