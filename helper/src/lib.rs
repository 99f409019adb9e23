//! The helper of Wallwatch: it watches the firewall, detects attacks and serves alerts on the system bus.
//!
//! The modules stand in the order of the data. A [`source`] hands on bytes or lines; [`decode`] makes a [`packet`] of them,
//! and with what the source knows an [`event`]; [`detect`] weighs events and reports findings; [`alert`] keeps the
//! incidents that findings belong to.
pub mod alert;
pub mod clock;
pub mod decode;
pub mod detect;
pub mod event;
pub mod packet;
