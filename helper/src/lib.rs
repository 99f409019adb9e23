//! The helper of Wallwatch: it watches the firewall, detects attacks and serves alerts on the system bus.
//!
//! The modules stand in the order of the data. [`packet`], [`event`] and [`flow`] hold what flows. [`decode`] makes packets of bytes
//! and lines. [`detect`] weighs each event, with [`neighbourhood`] telling what this machine is, and finds the attacks;
//! [`alert`] keeps them as incidents and says by [`exposure`] what they can reach. [`explain`] says in words what a single packet is for, and counts what is harmless. [`rules`] are what people trust
//! and mute, and know of their networks. [`watcher`] is that way as a whole, a pure value that live sources and
//! [`replay`] of log files drive alike.
//!
//! The rest touches the system: [`source`] brings events in ([`sources`] are all that there are), by what [`sys`] asks of the kernel, and hands them to the [`intake`],
//! which leaves out what several tell alike ([`twins`]) and has the watcher look at them; [`store`] remembers
//! alerts, [`service`] serves them on the [`bus`] to those whom [`authority`] lets in, and [`board`] says how the helper fares.
//! [`hook`] tells of alerts and events those who run scripts for them; [`runner`] is the program that does.
//! [`steward`] changes rules and configuration while all of it runs. [`surroundings`] looks at this machine and follows its changes, [`capture`] is the switch of the own nftables table, [`config`] what the administrator wants, [`clock`] the
//! time. [`pipeline`] shows how all of it hangs together. `cli` is the program around it, `journal` what it says, and
//! [`failure`] the way it ends.

pub mod alert;
pub mod authority;
pub mod board;
pub mod bus;
pub mod capture;
mod cli;
pub mod clock;
pub mod config;
pub mod decode;
pub mod detect;
pub mod event;
pub mod explain;
pub mod exposure;
pub mod failure;
pub mod flow;
pub mod hook;
pub mod intake;
mod journal;
pub mod neighbourhood;
pub mod packet;
pub mod pipeline;
pub mod replay;
pub mod rules;
pub mod runner;
pub mod service;
pub mod source;
pub mod sources;
pub mod steward;
pub mod store;
pub mod surroundings;
pub mod sys;
pub mod twins;
pub mod watcher;

pub use cli::main;
