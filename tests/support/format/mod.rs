//! Packets written as the kernel, syslog and a network write them: the other way round of `decode`, and without its code.
//!
//! Tests and fuzz targets take this in by its path, because it speaks the helper's types and the helper's tests stand on
//! this folder's crate. [`kernel`] writes the text of a LOG rule, [`ulogd`] what ulogd makes of a packet, [`dress`] what stands
//! around either in a log, [`bytes`] the packet itself, and [`frames`] what carries it.

pub mod bytes;
pub mod dress;
pub mod frames;
pub mod kernel;
pub mod ulogd;
