//! What a row of each table holds: an alert, its first packets, and the words that a search for text looks through.

use std::net::IpAddr;

use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, types::FromSql};
use serde::{Serialize, de::DeserializeOwned};
use wallwatch_dbus::{Alert, Verdict};

use crate::{
    detect::{Fact, FactEnds},
    event::Timestamp,
    packet::{Protocol, TcpFlags},
};

/// The columns of an alert, in the order in which [`alert`] reads and [`with_columns`] writes them.
pub(super) const COLUMNS: &str = "alert.id, alert.seq, alert.kind, alert.severity, first_seen, last_seen, raised_at, packets, \
     packets_to_alert, protocol, ports, port_count, closed, popup, test, trusted, feed, interface, verdict, tool, source_count, sources, \
     targets, tags, signatures, exposed, reason";
/// How many they are.
const COUNT: usize = 27;
/// Between two words that are searched: no address, name or kind has one.
pub(super) const BETWEEN: char = '\n';

/// A number as SQLite has it: signed. What is beyond its range is none of ours.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A list as JSON.
fn json<T: Serialize>(list: &[T]) -> String {
    serde_json::to_string(list).unwrap_or_default()
}

/// A list of JSON; what is none, as somebody else may have written, is an empty one.
pub(super) fn list<T: DeserializeOwned>(json: &str) -> Vec<T> {
    serde_json::from_str(json).unwrap_or_default()
}

/// Hands the columns of an alert to a statement.
pub(super) fn with_columns<T>(alert: &Alert, then: impl FnOnce([&dyn ToSql; COUNT]) -> T) -> T {
    // Named by its fields, so that a new one is not forgotten here. The evidence has a table of its own.
    let Alert {
        id,
        seq,
        kind,
        severity,
        sources,
        source_count,
        targets,
        ports,
        port_count,
        protocol,
        interface,
        verdict,
        packets,
        packets_to_alert,
        first_seen,
        last_seen,
        raised_at,
        tool,
        tags,
        signatures,
        feed,
        trusted,
        exposed,
        reason,
        evidence: _,
        popup,
        closed,
        test,
    } = alert;
    then([
        &number(*id),
        &number(*seq),
        kind,
        severity,
        first_seen,
        last_seen,
        raised_at,
        &number(*packets),
        &number(*packets_to_alert),
        protocol,
        ports,
        &number(*port_count),
        closed,
        popup,
        test,
        trusted,
        feed,
        interface,
        verdict,
        tool,
        &number(*source_count),
        &json(sources),
        &json(targets),
        &json(tags),
        &json(signatures),
        &json(exposed),
        reason,
    ])
}

/// The columns of a row one after the other.
struct Columns<'r, 's> {
    row: &'r Row<'s>,
    next: usize,
}

impl Columns<'_, '_> {
    fn take<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        self.next += 1;
        self.row.get(self.next - 1)
    }

    fn count(&mut self) -> rusqlite::Result<u64> {
        Ok(u64::try_from(self.take::<i64>()?).unwrap_or(0))
    }

    fn list<T: DeserializeOwned>(&mut self) -> rusqlite::Result<Vec<T>> {
        Ok(list(&self.take::<String>()?))
    }
}

/// Reads an alert from a row that begins with [`COLUMNS`]; without evidence.
pub(super) fn alert(row: &Row<'_>) -> rusqlite::Result<Alert> {
    let mut row = Columns { row, next: 0 };
    // Fields of a literal are evaluated in the order in which they stand here.
    Ok(Alert {
        id: row.count()?,
        seq: row.count()?,
        kind: row.take()?,
        severity: row.take()?,
        first_seen: row.take()?,
        last_seen: row.take()?,
        raised_at: row.take()?,
        packets: row.count()?,
        packets_to_alert: row.count()?,
        protocol: row.take()?,
        ports: row.take()?,
        port_count: row.count()?,
        closed: row.take()?,
        popup: row.take()?,
        test: row.take()?,
        trusted: row.take()?,
        feed: row.take()?,
        interface: row.take()?,
        verdict: row.take()?,
        tool: row.take()?,
        source_count: row.count()?,
        sources: row.list()?,
        targets: row.list()?,
        tags: row.list()?,
        signatures: row.list()?,
        exposed: row.list()?,
        reason: row.take()?,
        evidence: Vec::new(),
    })
}

/// What a search for text looks through, in lower case.
pub(super) fn words(alert: &Alert) -> String {
    let fixed = [&alert.kind, &alert.ports, &alert.tool, &alert.interface];
    let lists = [&alert.sources, &alert.targets, &alert.tags];
    let signatures = alert.signatures.iter().map(|(_, message)| message);
    let all = fixed
        .into_iter()
        .chain(lists.into_iter().flatten())
        .chain(signatures);
    let mut words = String::new();
    for word in all.filter(|word| !word.is_empty()) {
        words.push_str(&word.replace(BETWEEN, " "));
        words.push(BETWEEN);
    }
    words.to_lowercase()
}

/// The network that a source is counted in: the first 24 bits of an IPv4 address, 48 of an IPv6 one. A source may be a network itself.
pub(super) fn network(source: &str) -> String {
    let address = source.split('/').next().unwrap_or_default();
    match address.parse() {
        Ok(IpAddr::V4(address)) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
        Err(_) => String::new(),
    }
}

/// Writes one packet of the evidence; what stands there already is not written again.
pub(super) const INSERT_EVIDENCE: &str = "INSERT INTO evidence (alert, number, time, src, dst, protocol, sport, dport, icmp_type, icmp_code, len, ttl, flags, fragmented, verdict)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
     ON CONFLICT (alert, number) DO UPDATE SET time = ?3, src = ?4, dst = ?5, protocol = ?6, sport = ?7, dport = ?8, icmp_type = ?9,
         icmp_code = ?10, len = ?11, ttl = ?12, flags = ?13, fragmented = ?14, verdict = ?15
     WHERE (time, src, dst, dport, verdict) IS NOT (?3, ?4, ?5, ?8, ?15)";

/// Hands the columns of a packet to [`INSERT_EVIDENCE`].
pub(super) fn with_fact<T>(
    id: u64,
    number: usize,
    fact: &Fact,
    then: impl FnOnce([&dyn ToSql; 15]) -> T,
) -> T {
    let (ports, icmp) = match fact.ends {
        FactEnds::Ports(sport, dport) => (Some((sport, dport)), None),
        FactEnds::Icmp(kind, code) => (None, Some((kind, code))),
        FactEnds::None => (None, None),
    };
    then([
        &self::number(id),
        &i64::try_from(number).unwrap_or(i64::MAX),
        &fact.time.0,
        &fact.src.to_string(),
        &fact.dst.to_string(),
        &fact.protocol.0,
        &ports.map(|(sport, _)| sport),
        &ports.map(|(_, dport)| dport),
        &icmp.map(|(kind, _)| kind),
        &icmp.map(|(_, code)| code),
        &fact.len,
        &fact.ttl,
        &fact.flags.map(|flags| flags.0),
        &fact.fragmented,
        &fact.verdict.as_str(),
    ])
}

/// The first packets of an incident.
pub(super) fn facts(database: &Connection, id: u64) -> rusqlite::Result<Vec<Fact>> {
    let mut statement = database.prepare(
        "SELECT time, src, dst, protocol, sport, dport, icmp_type, icmp_code, len, ttl, flags, fragmented, verdict
         FROM evidence WHERE alert = ?1 ORDER BY number",
    )?;
    let rows = statement.query_map([number(id)], |row| {
        let mut row = Columns { row, next: 0 };
        let time = Timestamp(row.take()?);
        let (src, dst): (String, String) = (row.take()?, row.take()?);
        let protocol = Protocol(row.take()?);
        let ports = (row.take::<Option<u16>>()?).zip(row.take::<Option<u16>>()?);
        let icmp = (row.take::<Option<u8>>()?).zip(row.take::<Option<u8>>()?);
        let (len, ttl, flags) = (row.take()?, row.take()?, row.take::<Option<u8>>()?);
        let fragmented = row.take()?;
        let verdict: String = row.take()?;
        let (Ok(src), Ok(dst)) = (src.parse(), dst.parse()) else {
            return Ok(None);
        };
        Ok(Some(Fact {
            time,
            src,
            dst,
            ends: match (ports, icmp) {
                (Some((sport, dport)), _) => FactEnds::Ports(sport, dport),
                (None, Some((kind, code))) => FactEnds::Icmp(kind, code),
                (None, None) => FactEnds::None,
            },
            len,
            protocol,
            fragmented,
            flags: flags.map(TcpFlags),
            ttl,
            verdict: verdict.parse().unwrap_or(Verdict::Unknown),
        }))
    })?;
    rows.filter_map(Result::transpose).collect()
}

/// One incident with its first packets.
pub(super) fn alert_with_evidence(
    database: &Connection,
    id: u64,
) -> rusqlite::Result<Option<Alert>> {
    let known = database
        .query_row(
            &format!("SELECT {COLUMNS} FROM alert WHERE alert.id = ?1"),
            [number(id)],
            alert,
        )
        .optional()?;
    known
        .map(|alert| {
            let evidence = facts(database, id)?.iter().map(Fact::told).collect();
            Ok(Alert { evidence, ..alert })
        })
        .transpose()
}
