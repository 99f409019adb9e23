//! What the helper says of itself.

use std::fmt;

use crate::record::record;

record! {
    /// The helper's state.
    pub struct Status {
        /// The helper's version.
        pub version: String,
        /// Does at least one source deliver events? False is shown as "not watching".
        pub watching: bool,
        /// Is the capture of packets by the own nftables table switched on?
        pub capturing: bool,
        /// Why the source that is wanted does not work, as a sentence; empty while it does. (Another may be read in its place.)
        pub reason: String,
        /// The command that would mend it, or empty.
        pub mend: String,
        /// Why the configuration as it is written, or a rule that was added, does not hold, as a sentence; empty while all do.
        pub complaint: String,
        /// Is a firewall known to stop packets on this machine? `yes` once one was seen to be stopped, `none` where no rule stops any,
        /// else `unknown`.
        pub firewall: String,
        /// The link-layer address of the present network's gateway; empty where it is not known. Rules name a network by it.
        pub gateway: String,
        /// What a rule says that network is: `home` or `public`; empty where none does.
        pub place: String,
        /// The last sequence number given to a change.
        pub last_seq: u64,
        /// Incidents that are open now.
        pub open_incidents: u64,
        /// When the helper started, microseconds since 1970.
        pub started_at: i64,
        /// Why the history is not kept as it should be, in sentences that say what to do; else empty.
        pub history: String,
        /// Each source's health record.
        pub sources: Vec<SourceHealth>,
        /// How each hook fares, in the order of the configuration.
        pub hooks: Vec<HookHealth>,
    }
}

record! {
    /// The health record of one source of events.
    pub struct SourceHealth {
        /// The source's name: nflog, kmsg, ...
        pub name: String,
        /// A word of [`SourceState`].
        pub state: String,
        /// Events delivered since the helper started.
        pub events: u64,
        /// Records known to be lost.
        pub lost: u64,
        /// Packets that were counted without a record each, because the own table lets no more through in a flood.
        pub counted: u64,
        /// Events a minute, over the last whole minute and what has passed of this one.
        pub rate: u64,
        /// The time of the last event, microseconds since 1970; 0 where there was none.
        pub last_event: i64,
        /// Why it does not work, or what it does not show although it works, as a sentence; else empty.
        pub reason: String,
        /// The command that would mend it, or empty.
        pub mend: String,
    }
}

record! {
    /// How a hook of the configuration fares: a script that runs on alerts or events. Counts are since the helper started.
    pub struct HookHealth {
        /// The hook's name.
        pub name: String,
        /// How often its script was started.
        pub runs: u64,
        /// So many alerts or events had no run of their own: a later one stood for them.
        pub folded: u64,
        /// How often the script was not started, ended with an error, or took too long.
        pub failed: u64,
        /// When it was started last, microseconds since 1970; 0 where it never was.
        pub last_run: i64,
        /// What is wrong, as a sentence; else empty.
        pub words: String,
    }
}

/// The state of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceState {
    /// It delivers what there is.
    Working,
    /// It is not wanted.
    Off,
    /// It is open, but what fed it is gone.
    Blind,
    /// It is wanted and does not work.
    Failed,
}

impl SourceState {
    /// The word on the bus.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Off => "off",
            Self::Blind => "blind",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for SourceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
