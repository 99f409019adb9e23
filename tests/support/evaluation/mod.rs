//! How well attacks are known: labelled cases, the ways in which a firewall tells of them, and the score.
//!
//! `make evaluate` and the tests take this in by its path, so both judge alike. A [`case`] is what was recorded and what it truly
//! is, a [`stream`] is what of it is told to the very code that watches live, and a [`score`] is what came of it.

pub mod case;
pub mod score;
pub mod stream;
