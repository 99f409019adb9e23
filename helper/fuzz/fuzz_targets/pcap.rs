//! Bytes as a capture file.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wallwatch_fuzz::pcap::check(input));
