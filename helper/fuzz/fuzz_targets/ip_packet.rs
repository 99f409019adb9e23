//! Bytes as an IP packet.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wallwatch_fuzz::ip_packet::check(input));
