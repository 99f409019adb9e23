//! Each kind of attack once, by a program that makes it, and what the bus tells of it; and an hour of what is none.

mod crowd;
mod floods;
mod log_ins;
mod network;
mod noise;
mod range;
mod scans;
