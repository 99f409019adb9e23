//! Each kind of attack once, by a program that makes it, and what the bus tells of it.

mod crowd;
mod floods;
mod log_ins;
mod network;
mod range;
mod scans;
