//! Counts the bytes of the heap that the calling thread holds.
#![expect(unsafe_code, reason = "only an allocator knows what is allocated")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    /// Tests run on threads of their own, and what they look at never leaves them.
    static HELD: Cell<isize> = const { Cell::new(0) };
    /// The most that was held since [`begin`].
    static MOST: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, which counts what it gives and takes back.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: each call is handed on to the system's allocator as it is. The counters are numbers that need neither memory nor an end.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as called.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as called.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: as called.
        unsafe { System.dealloc(place, layout) };
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: as called.
        unsafe { System.realloc(place, layout, size) }
    }
}

/// A thread that has ended counts no more.
fn count(given: usize, taken: usize) {
    let _ended = HELD.try_with(|held| {
        held.set(
            held.get()
                .wrapping_add_unsigned(given)
                .wrapping_sub_unsigned(taken),
        );
        MOST.try_with(|most| most.set(most.get().max(held.get())))
    });
}

/// Counts from here on; returns what is held.
pub(super) fn begin() -> isize {
    let held = HELD.get();
    MOST.set(held);
    held
}

/// The most that was held at a time beyond `before`, in bytes.
pub(super) fn most_since(before: isize) -> usize {
    usize::try_from(MOST.get() - before).unwrap_or(0)
}
