//! The helper of Wallwatch: it watches the firewall, detects attacks and serves alerts on the system bus.
//!
//! The modules stand in the order of the data. [`packet`] and [`event`] hold what flows.
pub mod clock;
pub mod event;
pub mod packet;
