//! Numbers in memory that a process shares with the twins it starts later.
#![expect(unsafe_code, reason = "system calls, and memory that they give")]

use std::{io, ops::Deref, ptr::NonNull, sync::atomic::AtomicU64};

/// So many numbers, all 0 at first. Each of the processes sees what the others write.
#[derive(Debug)]
pub struct Shared<const N: usize> {
    numbers: NonNull<[AtomicU64; N]>,
}

impl<const N: usize> Shared<N> {
    /// The size of the mapping in bytes; the kernel rounds it up to whole pages.
    const LEN: usize = size_of::<[AtomicU64; N]>();

    /// New numbers.
    pub fn new() -> io::Result<Self> {
        // SAFETY: mmap(2) with MAP_ANONYMOUS and without a wanted address touches no memory of ours.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                Self::LEN,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let numbers = NonNull::new(address.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { numbers })
    }
}

impl<const N: usize> Deref for Shared<N> {
    type Target = [AtomicU64; N];

    fn deref(&self) -> &Self::Target {
        // SAFETY: mmap(2) gave so many bytes, aligned to a page, readable, writable and zero, for which AtomicU64 has a value; they
        // stay until `drop`. All processes access them by atomics alone.
        unsafe { self.numbers.as_ref() }
    }
}

impl<const N: usize> Drop for Shared<N> {
    fn drop(&mut self) {
        // SAFETY: the mapping is our own, of this size, and nothing of it is used afterwards.
        unsafe { libc::munmap(self.numbers.as_ptr().cast(), Self::LEN) };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn numbers_begin_at_zero_and_keep_what_is_written() {
        let numbers = Shared::<3>::new().unwrap();
        assert_eq!(
            numbers
                .each_ref()
                .map(|number| number.load(Ordering::Relaxed)),
            [0; 3]
        );
        numbers[2].store(7, Ordering::Relaxed);
        assert_eq!(numbers[2].load(Ordering::Relaxed), 7);
    }
}
