//! The contracts of Wallwatch on the system bus and the session bus: names, wire types and proxies.
//!
//! [`names`] holds every bus name, path and polkit action. The words that travel in alerts are enums: [`Kind`],
//! [`Family`], [`Severity`] and [`Verdict`]. The records are [`Alert`], [`Evidence`],
//! [`AlertFilter`], [`Statistics`], [`NoiseCount`], [`Rule`], [`Status`], [`SourceHealth`] and [`HookHealth`]; each is a dictionary (`a{sv}`) on the bus, so that a later version can add a key, and an object with
//! the same keys in JSON. [`Helper1Proxy`] and [`ControlProxy`] are the clients' side of the two interfaces, and [`Error`]
//! holds the errors of the helper's own.

mod alert;
mod error;
mod kind;
pub mod names;
mod proxy;
mod record;
mod rule;
mod statistics;
mod status;

pub use alert::{
    Alert, AlertFilter, Evidence, MAX_EVIDENCE, MAX_LISTED_SIGNATURES, MAX_LISTED_SOURCES, Order,
};
pub use error::Error;
pub use kind::{Family, Kind, Severity, UnknownWord, Verdict};
pub use proxy::{
    AlertClosed, AlertClosedStream, AlertRaised, AlertRaisedStream, AlertUpdated,
    AlertUpdatedStream, ControlProxy, Helper1Proxy, StatusChanged, StatusChangedStream,
};
pub use rule::Rule;
pub use statistics::{DEFAULT_BUCKETS, MAX_BUCKETS, MAX_LISTED_COUNTS, NoiseCount, Statistics};
pub use status::{HookHealth, SourceHealth, SourceState, Status};
