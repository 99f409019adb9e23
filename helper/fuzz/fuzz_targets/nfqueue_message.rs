//! Bytes as messages of the kernel's queues.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wallwatch_fuzz::nfqueue_message::check(input));
