//! The own table and the groups of the user's rules with a real kernel: each packet is told, and rightly.
#![expect(
    clippy::print_stdout,
    reason = "the reader speaks by its standard output, and a figure that is printed can be compared"
)]

mod byways;
mod extras;
mod faults;
mod floods;
mod groups;
mod reader;
mod sender;
mod verdicts;
mod walls;
