//! Hooks: the administrator's scripts that run when there is an alert, or an event of the firewall.
//!
//! [`config`] is how a hook is written, read by [`words`], and [`filter`] says for which alerts and events it runs. The same type stands
//! in the administrator's configuration and in a user's.

pub mod call;
pub mod config;
pub mod filter;
pub mod words;

pub use config::{Each, Hook, Hooks, On, Wants};

/// Where the program listens that runs the hooks, if the configuration does not say.
pub const SOCKET: &str = "/run/wallwatch/hook.sock";
