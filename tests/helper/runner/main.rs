//! The program that runs system hooks, with real scripts: what they are given, what they cannot do, and who is let in.
#![expect(
    clippy::format_collect,
    clippy::panic_in_result_fn,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and need not be fast"
)]

mod activation;
mod garbage;
mod hostile;
mod refusals;
mod rights;
mod running;
mod stage;
mod strangers;
mod units;
