//! The system calls that the standard library does not wrap, and the only home of `unsafe`.
//!
//! [`netlink`] is a socket to a part of the kernel, [`interface`] turns the kernel's interface numbers into names,
//! [`kmsg`] opens the kernel's log, [`capability`] tells what this process may do, [`clock_change`] when the machine wakes
//! from sleep, and [`child`] starts programs.

pub mod capability;
pub mod child;
pub mod clock_change;
pub mod interface;
pub mod kmsg;
pub mod netlink;
