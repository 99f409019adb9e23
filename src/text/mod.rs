//! Every sentence for people, and the escaping of what a stranger could have written.
//!
//! [`sentence`] and its like put an alert into words, [`not_watching`] and its like the state of the watch, [`rule()`] and its like
//! a rule, [`statistics()`] and [`noise_lines`] counts; [`number`], [`span`] and [`ago`] are the words for amounts, and [`sanitize`], [`escape_markup`] and [`escape_json`] make a stranger's text harmless.
//!
//! A sentence claims only what the verdict supports: where nothing tells what became of the packets, it says so, and where
//! they reached the computer, it never speaks of a firewall that stopped them.

mod alert;
mod escape;
mod rule;
mod state;
mod statistics;
mod units;

pub use alert::{
    details, menu_line, sentence, technical, terminal_colour, terminal_line, title, verdict, what,
    who,
};
pub use escape::{
    MAX_SHOWN, escape_json, escape_markup, sanitize, sanitize_sentences, sanitize_whole,
};
pub use rule::{rule, rule_author, rule_command, rule_undo};
pub use state::{WAITING, not_watching, partly_watching, paused, source_line, tooltip_watching};
pub use statistics::{forget_question, noise_lines, older_alerts, statistics};
pub use units::{ago, count, date_time, moment_of_day, number, span, time_of_day};
