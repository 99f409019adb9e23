//! Hooks: the administrator's scripts that run when there is an alert, or an event of the firewall.
//!
//! [`config`] is how a hook is written, its values read by [`words`], and [`filter`] says for which alerts and events it runs. The same
//! type stands in the administrator's configuration and in a user's.
//!
//! In the helper a [`tap`] asks each hook whether it wants what detection sees. What it wants waits at the [`desk`], within the [`limit`]
//! of the hook, until the [`outlet`] has written it as a [`line`](mod@line) to the socket of the runner, which alone starts scripts; what
//! that answers is an [`answer`]. A [`keeper`] puts the hooks of a configuration in force.

pub mod answer;
pub mod call;
pub mod config;
pub mod desk;
pub mod filter;
pub mod keeper;
pub mod limit;
pub mod line;
pub mod outlet;
pub mod tap;
pub mod words;

pub use config::{Each, Hook, Hooks, On, Wants};

/// Where the program listens that runs the hooks, if the configuration does not say.
pub const SOCKET: &str = "/run/wallwatch/hook.sock";
