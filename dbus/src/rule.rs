//! A rule as it stands on the bus and in JSON: what is trusted, muted, or told of this network.

use crate::record::record;

record! {
    /// One rule that holds for everybody on this machine. What it does not name, by an empty text or 0, may be anything.
    pub struct Rule {
        /// Its number, which is never used again; 0 for a rule of the configuration. Ignored where a rule is added.
        pub id: u64,
        /// `trust` (its packets are not weighed), `mute` (its incidents do not pop up), `noise` (is a class of packets harmless?)
        /// or `network` (is the network behind this gateway one's own?).
        pub r#type: String,
        /// Trust, mute: an address, or all that begin with the same bits, as `192.0.2.0/24`.
        pub source: String,
        /// Trust, mute: the interface that packets come in by.
        pub interface: String,
        /// Trust, mute: a word of [`crate::Kind`].
        pub kind: String,
        /// Trust, mute: the attacked port.
        pub port: u16,
        /// Noise: the class, as `wallwatchctl explain` names it.
        pub class: String,
        /// Noise: is it held for harmless?
        pub on: bool,
        /// Network: the link-layer address of its gateway.
        pub gateway: String,
        /// Network: `home` or `public`.
        pub place: String,
        /// What whoever added it wrote beside it: one line.
        pub comment: String,
        /// Who added it: the account's name, or its number. Ignored where a rule is added.
        pub added_by: String,
        /// When, microseconds since 1970. Ignored where a rule is added.
        pub added_at: i64,
        /// Does it stand in the configuration? Then it cannot be removed over the bus. Ignored where a rule is added.
        pub fixed: bool,
    }
}
