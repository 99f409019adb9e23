//! Text as a configuration.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wallwatch_fuzz::config::check(input));
