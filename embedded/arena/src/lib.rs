//! A heap of a fixed size that knows how full it was, for programs of one thread without interrupts.
#![no_std]
#![expect(unsafe_code, reason = "a global allocator hands out raw memory")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};

use linked_list_allocator::Heap;

/// `SIZE` bytes, and what is taken of them.
#[derive(Debug)]
pub struct Arena<const SIZE: usize> {
    memory: UnsafeCell<Memory<SIZE>>,
    heap: UnsafeCell<Heap>,
    peak: Cell<usize>,
}

#[derive(Debug)]
#[repr(align(16))]
struct Memory<const SIZE: usize>([MaybeUninit<u8>; SIZE]);

// SAFETY: it is only for programs of one thread, which the documentation says.
unsafe impl<const SIZE: usize> Sync for Arena<SIZE> {}

impl<const SIZE: usize> Arena<SIZE> {
    /// An arena for a `#[global_allocator]` of a program that has one thread and no interrupts.
    ///
    /// # Safety
    /// No two threads, nor a thread and an interrupt, may allocate from it.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self {
            memory: UnsafeCell::new(Memory([MaybeUninit::uninit(); SIZE])),
            heap: UnsafeCell::new(Heap::empty()),
            peak: Cell::new(0),
        }
    }

    /// The most bytes that were ever taken at once.
    #[must_use]
    pub fn peak(&self) -> usize {
        self.peak.get()
    }

    /// Bytes that are taken now.
    #[must_use]
    pub fn used(&self) -> usize {
        // SAFETY: nobody else looks at the heap meanwhile: there is one thread.
        unsafe { &*self.heap.get() }.used()
    }
}

// SAFETY: `Heap` is an allocator; each block that it gives lies in `memory`, which lives as long as `self`, and is given
// once at a time. There is one thread, so that no two of these calls overlap.
unsafe impl<const SIZE: usize> GlobalAlloc for Arena<SIZE> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: see above.
        let heap = unsafe { &mut *self.heap.get() };
        if heap.size() == 0 {
            // SAFETY: the memory is this heap's alone, and is given to it once.
            unsafe { heap.init(self.memory.get().cast(), SIZE) };
        }
        let block = heap.allocate_first_fit(layout);
        self.peak.set(self.peak.get().max(heap.used()));
        block.map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(block) = NonNull::new(block) {
            // SAFETY: the caller promises that the block came from `alloc` with this layout.
            unsafe { (*self.heap.get()).deallocate(block, layout) };
        }
    }
}
