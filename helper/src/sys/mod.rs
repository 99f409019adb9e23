//! The system calls that the standard library does not wrap, and the only home of `unsafe`.
//!
//! [`netlink`] is a socket to a part of the kernel, [`batch`] what is read of it at a time, [`interface`] turns the kernel's
//! interface numbers into names, [`kmsg`] opens the kernel's log, [`inotify`] tells what happens to files, [`local_time`] what the
//! clocks of this place show, [`alarm`] is a timer for long waits, [`capability`] tells what this process may do, [`clock_change`] when the machine wakes
//! from sleep, and [`child`] starts programs.

pub mod alarm;
pub mod batch;
pub mod capability;
pub mod child;
pub mod clock_change;
pub mod inotify;
pub mod interface;
pub mod kmsg;
pub mod local_time;
pub mod netlink;
