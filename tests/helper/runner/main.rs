//! The program that runs system hooks, with real scripts: what they are given, what they cannot do, and who is let in.

mod activation;
mod garbage;
mod hostile;
mod refusals;
mod rights;
mod running;
mod stage;
mod strangers;
mod units;
