//! The history counted: incidents by time, severity, kind, source, network and port, harmless packets by class.

use std::{cmp::Reverse, collections::BTreeMap};

use rusqlite::{Connection, params};
use wallwatch_dbus::{DEFAULT_BUCKETS, MAX_BUCKETS, MAX_LISTED_COUNTS, NoiseCount, Statistics};

use super::QueryError;
use crate::event::Timestamp;

/// How many ports there are.
const PORTS: usize = 1 << 16;
/// So many protocols have ports, with room: TCP, UDP, SCTP, DCCP, and several at once.
const MOST_PROTOCOLS: usize = 8;
/// How many severities there are, from 1 on.
const SEVERITIES: usize = 5;

/// A stretch of time in buckets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    from: i64,
    to: i64,
    buckets: u32,
}

impl Stretch {
    /// From `from` on (0: the oldest) and before `to` (0: now and all that is in the future), in so many buckets (0: as many as usual).
    pub(super) fn new(from: i64, to: i64, buckets: u32) -> Result<Self, QueryError> {
        if buckets > MAX_BUCKETS {
            return Err(QueryError::Buckets(buckets));
        }
        if to != 0 && from > to {
            return Err(QueryError::Backwards);
        }
        let buckets = if buckets == 0 {
            DEFAULT_BUCKETS
        } else {
            buckets
        };
        Ok(Self { from, to, buckets })
    }

    /// Counts what there is.
    pub(super) fn count(
        self,
        database: &Connection,
        now: Timestamp,
    ) -> rusqlite::Result<Statistics> {
        let (from, to) = self.bounds(database, now)?;
        let width = (to
            .saturating_sub(from)
            .saturating_add(i64::from(self.buckets) - 1)
            / i64::from(self.buckets))
        .max(1);
        let buckets = usize::try_from(self.buckets).unwrap_or(1);
        let mut statistics = Statistics {
            from,
            to,
            bucket_width: width,
            alerts: vec![0; buckets],
            packets: vec![0; buckets],
            severities: vec![0; SEVERITIES],
            ..Statistics::default()
        };
        let mut kinds = BTreeMap::<String, u64>::new();
        let mut ports = PortCounts::default();
        let mut statement = database.prepare(
            "SELECT first_seen, packets, severity, kind, protocol, ports FROM alert WHERE first_seen >= ?1 AND first_seen < ?2",
        )?;
        let mut rows = statement.query([from, to])?;
        while let Some(row) = rows.next()? {
            let (first_seen, packets): (i64, i64) = (row.get(0)?, row.get(1)?);
            let bucket = usize::try_from((first_seen - from) / width).unwrap_or(usize::MAX);
            if let (Some(alerts), Some(counted)) = (
                statistics.alerts.get_mut(bucket),
                statistics.packets.get_mut(bucket),
            ) {
                *alerts += 1;
                *counted = counted.saturating_add(u64::try_from(packets).unwrap_or(0));
            }
            let severity = usize::from(row.get::<_, u8>(2)?);
            if let Some(count) = statistics.severities.get_mut(severity.wrapping_sub(1)) {
                *count += 1;
            }
            let kind = row.get_ref(3)?.as_str()?;
            if let Some(count) = kinds.get_mut(kind) {
                *count += 1;
            } else {
                kinds.insert(kind.to_owned(), 1);
            }
            ports.add(row.get_ref(4)?.as_str()?, row.get_ref(5)?.as_str()?);
        }
        statistics.kinds = most(kinds.into_iter().collect());
        statistics.ports = ports.most();
        let sources = |what, count| {
            format!(
                "SELECT {what}, {count} AS incidents FROM source CROSS JOIN alert ON alert.id = source.alert
                 WHERE first_seen >= ?1 AND first_seen < ?2 GROUP BY network{}
                 ORDER BY incidents DESC, {what} LIMIT {MAX_LISTED_COUNTS}",
                if what == "address" { ", address" } else { "" }
            )
        };
        let counts = |sql: &str| -> rusqlite::Result<Vec<(String, u64)>> {
            let mut statement = database.prepare(sql)?;
            let rows = statement.query_map([from, to], |row| {
                Ok((
                    row.get(0)?,
                    u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
                ))
            })?;
            rows.collect()
        };
        statistics.sources = counts(&sources("address", "count(*)"))?;
        statistics.networks = counts(&sources("network", "count(DISTINCT alert)"))?;
        let noise = noise(database, self.from, self.to)?;
        statistics.noise = noise
            .into_iter()
            .take(MAX_LISTED_COUNTS)
            .map(|count| (count.class, count.packets))
            .collect();
        Ok(statistics)
    }

    /// The times that are meant where somebody left them open.
    fn bounds(self, database: &Connection, now: Timestamp) -> rusqlite::Result<(i64, i64)> {
        let end = |which: &str| -> rusqlite::Result<Option<i64>> {
            database.query_row(
                &format!("SELECT {which}(first_seen) FROM alert"),
                [],
                |row| row.get(0),
            )
        };
        let to = match self.to {
            // An incident of a clock that was set back since is counted as well.
            0 => end("max")?.map_or(now.0, |last| now.0.max(last.saturating_add(1))),
            to => to,
        };
        let from = match self.from {
            0 => end("min")?.unwrap_or(to).min(to),
            from => from.min(to),
        };
        Ok((from, to))
    }
}

/// The harmless packets of the hours that have a part in this stretch, by class and the most first; 0 is open.
pub(super) fn noise(
    database: &Connection,
    from: i64,
    to: i64,
) -> rusqlite::Result<Vec<NoiseCount>> {
    let to = if to == 0 { i64::MAX } else { to };
    let from = if from == 0 { i64::MIN } else { from };
    let mut statement = database.prepare(
        "SELECT noise.class, sum(packets) AS packets, min(first_seen), max(last_seen), ifnull(source, ''), ifnull(feed, ''),
             ifnull(reason, '')
         FROM noise LEFT JOIN example ON example.class = noise.class
         WHERE last_seen >= ?1 AND first_seen < ?2 GROUP BY noise.class ORDER BY packets DESC, noise.class",
    )?;
    let rows = statement.query_map(params![from, to], |row| {
        Ok(NoiseCount {
            class: row.get(0)?,
            packets: u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
            first_seen: row.get(2)?,
            last_seen: row.get(3)?,
            source: row.get(4)?,
            feed: row.get(5)?,
            example: row.get(6)?,
        })
    })?;
    rows.collect()
}

/// The most first, what is equal in the order of the alphabet, and no more than are listed.
fn most(mut counts: Vec<(String, u64)>) -> Vec<(String, u64)> {
    counts.sort_by(|(one, of_one), (other, of_other)| {
        of_other.cmp(of_one).then_with(|| one.cmp(other))
    });
    counts.truncate(MAX_LISTED_COUNTS);
    counts
}

/// How many incidents attacked each port, by protocol. A range costs two numbers however long it is: what begins and what ends at
/// each port is kept.
#[derive(Debug, Default)]
struct PortCounts(BTreeMap<String, Box<[i32]>>);

impl PortCounts {
    /// Takes in the ports of an incident, as `22,80,1000-1500`.
    fn add(&mut self, protocol: &str, ports: &str) {
        let mut ranges = ports.split(',').filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (first.parse::<u16>().ok()?, last.parse::<u16>().ok()?);
            (first <= last).then_some((first, last))
        });
        let Some(first) = ranges.next() else { return };
        if !self.0.contains_key(protocol) {
            if self.0.len() == MOST_PROTOCOLS {
                return;
            }
            let none = vec![0; PORTS + 1].into_boxed_slice();
            self.0.insert(protocol.to_owned(), none);
        }
        let Some(changes) = self.0.get_mut(protocol) else {
            return;
        };
        for (first, last) in std::iter::once(first).chain(ranges) {
            changes[usize::from(first)] += 1;
            changes[usize::from(last) + 1] -= 1;
        }
    }

    fn most(self) -> Vec<(String, u64)> {
        let mut counts = Vec::new();
        for (protocol, changes) in self.0 {
            let mut count = 0;
            let mut of_protocol: Vec<(u64, usize)> = changes[..PORTS]
                .iter()
                .enumerate()
                .filter_map(|(port, change)| {
                    count += change;
                    u64::try_from(count)
                        .ok()
                        .filter(|count| *count > 0)
                        .map(|count| (count, port))
                })
                .collect();
            // In front of the last that is listed nothing is equal that is not listed.
            of_protocol.sort_unstable_by_key(|(count, _)| Reverse(*count));
            let least = of_protocol
                .get(MAX_LISTED_COUNTS - 1)
                .map_or(0, |(count, _)| *count);
            counts.extend(
                of_protocol
                    .into_iter()
                    .take_while(|(count, _)| *count >= least)
                    .map(|(count, port)| {
                        let port = if protocol.is_empty() {
                            port.to_string()
                        } else {
                            format!("{port}/{protocol}")
                        };
                        (port, count)
                    }),
            );
        }
        most(counts)
    }
}
