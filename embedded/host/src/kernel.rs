//! Linux on x86-64: where a program starts, and the two things that it asks for.

use core::arch::{asm, naked_asm};
use core::fmt;

/// Where the kernel puts us: the stack is there and nothing else is.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    // The ABI wants the stack aligned to 16 bytes before a call.
    naked_asm!("xor ebp, ebp", "and rsp, -16", "call {start}", "ud2", start = sym start)
}

extern "C" fn start() -> ! {
    exit(crate::main())
}

const WRITE: usize = 1;
const EXIT: usize = 60;

/// File descriptor 1.
pub(crate) struct Stdout;

impl fmt::Write for Stdout {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let written: isize;
            // SAFETY: `write` reads the bytes that it is told of, which are `rest`. The kernel changes rax, rcx and r11.
            unsafe {
                asm!(
                    "syscall",
                    inlateout("rax") WRITE => written,
                    in("rdi") 1,
                    in("rsi") rest.as_ptr(),
                    in("rdx") rest.len(),
                    out("rcx") _,
                    out("r11") _,
                    options(nostack, readonly),
                );
            }
            let written = usize::try_from(written).map_err(|_| fmt::Error)?;
            rest = rest.get(written..).filter(|_| written > 0).ok_or(fmt::Error)?;
        }
        Ok(())
    }
}

/// Ends the program.
pub(crate) fn exit(status: u8) -> ! {
    // SAFETY: `exit` takes a number and does not return.
    unsafe { asm!("syscall", in("rax") EXIT, in("rdi") usize::from(status), options(noreturn, nostack)) }
}
