//! An allocator that counts, per thread.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// Runs `work`; gives the most octets that it held at one time, above what was held before.
pub(crate) fn peak<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = work();
    (PEAK.get().saturating_sub(before), result)
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn grow(octets: usize) {
    let live = LIVE.get().saturating_add(octets);
    LIVE.set(live);
    PEAK.set(PEAK.get().max(live));
}

fn shrink(octets: usize) {
    LIVE.set(LIVE.get().saturating_sub(octets));
}

#[expect(unsafe_code, reason = "the trait is unsafe; every call goes to the system's allocator as it came")]
// SAFETY: see the reason; the counters are thread-local cells without destructors and allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's layout, unchanged.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        shrink(layout.size());
        // SAFETY: the caller's pointer and layout, unchanged.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are held while the contents move.
        grow(size);
        shrink(layout.size());
        // SAFETY: the caller's pointer, layout and size, unchanged.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
