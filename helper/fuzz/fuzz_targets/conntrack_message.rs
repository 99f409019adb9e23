//! Bytes as a datagram of the kernel's connection tracking.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wallwatch_fuzz::conntrack_message::check(input));
