//! The system calls that the standard library does not wrap, and the only home of `unsafe`.
//!
//! [`netlink`] is a socket to the kernel's netfilter, [`addresses`] are those of this machine, [`interface`] turns the kernel's interface numbers into names,
//! [`kmsg`] opens the kernel's log, [`capability`] tells what this process may do, and [`child`] starts programs.

pub mod addresses;
pub mod capability;
pub mod child;
pub mod interface;
pub mod kmsg;
pub mod netlink;
