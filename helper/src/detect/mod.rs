//! From events to attacks: what kind of packet it is, how much it weighs, and when the sum is an attack.

mod config;

pub use config::{
    Config, DEFAULT_FAST_HALF_LIFE, DEFAULT_HIGH_PORTS, DEFAULT_MEDIUM_PORTS,
    DEFAULT_SLOW_HALF_LIFE, DEFAULT_THRESHOLD,
};
