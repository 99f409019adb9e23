//! What the helper counted: its history by time, kind, source and port, and the harmless packets by class.

use crate::record::record;

/// So many buckets of time are counted where nobody says.
pub const DEFAULT_BUCKETS: u32 = 24;
/// So many buckets of time may be asked for.
pub const MAX_BUCKETS: u32 = 1000;
/// Of kinds, sources, networks, ports and classes so many are listed: those with the most.
pub const MAX_LISTED_COUNTS: usize = 20;

record! {
    /// The incidents of a stretch of time, counted. Incidents count by the time of their first packet.
    ///
    /// A list of counts holds at most [`MAX_LISTED_COUNTS`] pairs, the most first; what is equal stands in the order of the alphabet.
    pub struct Statistics {
        /// Where the stretch begins, microseconds since 1970.
        pub from: i64,
        /// Where it ends; what begins here is not in it.
        pub to: i64,
        /// How long each bucket is, in microseconds; the last may reach beyond `to`.
        pub bucket_width: i64,
        /// How many incidents began in each bucket.
        pub alerts: Vec<u64>,
        /// How many packets those incidents have.
        pub packets: Vec<u64>,
        /// How many incidents there are of each severity, from 1 to 5.
        pub severities: Vec<u64>,
        /// Incidents by kind.
        pub kinds: Vec<(String, u64)>,
        /// Incidents by source; an incident counts for each source that it lists.
        pub sources: Vec<(String, u64)>,
        /// Incidents by the sources' networks: the first 24 bits of an IPv4 address, 48 of an IPv6 one.
        pub networks: Vec<(String, u64)>,
        /// Incidents by attacked port, as `22/tcp`.
        pub ports: Vec<(String, u64)>,
        /// Harmless packets by class.
        pub noise: Vec<(String, u64)>,
    }
}

record! {
    /// The harmless packets of one class.
    pub struct NoiseCount {
        /// The class, as `wallwatchctl explain` names it.
        pub class: String,
        /// How many packets.
        pub packets: u64,
        /// When the first one came, microseconds since 1970.
        pub first_seen: i64,
        /// When the latest one came.
        pub last_seen: i64,
        /// The address that the example came from.
        pub source: String,
        /// Which source of events told of the example.
        pub feed: String,
        /// What the example is, and why it is harmless, in a sentence or two.
        pub example: String,
    }
}
