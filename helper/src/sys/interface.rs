//! The names of network interfaces.
#![expect(unsafe_code, reason = "system calls")]

use std::ffi::CStr;

use crate::event::{Interface, bounded};

/// The present name of the interface with this number, where there is one.
#[must_use]
pub fn name_of(index: u32) -> Option<Interface> {
    let mut name = [0_u8; libc::IF_NAMESIZE];
    // SAFETY: if_indextoname(3) writes at most IF_NAMESIZE bytes, its end included, and the buffer is as large.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr().cast()) };
    if found.is_null() {
        return None;
    }
    let name = CStr::from_bytes_until_nul(&name).ok()?;
    Some(bounded(&name.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_interface_is_the_loopback_and_the_last_number_is_none() {
        assert_eq!(name_of(1).as_deref(), Some("lo"));
        assert_eq!(name_of(u32::MAX), None);
    }
}
