//! Text as lines of a log.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wallwatch_fuzz::log_line::check(input));
