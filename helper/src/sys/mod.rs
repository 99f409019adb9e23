//! The system calls that the standard library does not wrap, and the only home of `unsafe`.
//!
//! [`netlink`] is a socket to a part of the kernel, [`netlink_plain`] one without a runtime, [`batch`] what is read at a time, [`interface`] turns the kernel's
//! interface numbers into names, [`kmsg`] opens the kernel's log, [`inotify`] tells what happens to files, [`local_time`] what the
//! clocks of this place show, [`alarm`] is a timer for long waits, [`capability`] tells what this process may do, [`clock_change`] when the machine wakes
//! from sleep, and [`child`] starts programs. [`script`] starts scripts without any right, which [`privilege`] gives up, and
//! [`activation`] takes the socket that systemd made. [`process`] makes a second process of this program, [`shared`] is memory that
//! the two share, and [`poll`] is how they wait. [`resident`] gives back the memory of what only the start
//! needed.

pub mod activation;
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
pub mod netlink_plain;
pub mod poll;
pub mod privilege;
pub mod process;
pub mod resident;
pub mod script;
pub mod shared;
