//! The helper of Wallwatch: it watches the firewall, detects attacks and serves alerts on the system bus.
//!
//! The modules stand in the order of the data. [`packet`] and [`event`] hold what flows. [`decode`] makes packets of bytes
//! and lines. [`detect`] weighs each event, with [`neighbourhood`] telling what this machine is, and finds the attacks;
//! [`alert`] keeps them as incidents. [`watcher`] is that way as a whole, a pure value that live sources and
//! [`replay`] of log files drive alike.
pub mod alert;
pub mod clock;
pub mod decode;
pub mod detect;
pub mod event;
pub mod neighbourhood;
pub mod packet;
pub mod replay;
pub mod watcher;
