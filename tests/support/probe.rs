//! Lines of a firewall's about probes that never were, for sources that read what others write.

use std::time::{Duration, UNIX_EPOCH};

use crate::process::wall_clock;

/// The text that the kernel logs of a SYN from `src` to a port, with a prefix that says it was stopped.
#[must_use]
pub fn text(src: &str, dport: u16) -> String {
    format!(
        "TEST-DROP IN=eth0 OUT= MAC=02:00:00:00:00:02:02:00:00:00:00:01:08:00 SRC={src} DST=10.99.0.2 LEN=44 TOS=0x00 PREC=0x00 TTL=50 \
         ID={dport} PROTO=TCP SPT=40000 DPT={dport} WINDOW=1024 RES=0x00 SYN URGP=0 "
    )
}

/// The line of a syslog daemon with that text, of so long ago, with its end.
#[must_use]
pub fn line(age: Duration, src: &str, dport: u16) -> String {
    let since = wall_clock()
        .duration_since(UNIX_EPOCH)
        .expect("it is after 1970")
        .saturating_sub(age);
    let (seconds, micros, text) = (since.as_secs(), since.subsec_micros(), text(src, dport));
    format!("{seconds}.{micros:06} host kernel: [  123.{dport:06}] {text}\n")
}
