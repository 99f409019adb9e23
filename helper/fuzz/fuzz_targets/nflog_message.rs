//! Bytes as a datagram of the kernel's packet log.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wallwatch_fuzz::nflog_message::check(input));
