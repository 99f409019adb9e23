//! The history of alerts in memory: bounded, each incident once in its latest state.

use std::collections::{BTreeMap, HashMap};

use wallwatch_dbus::{Alert, AlertFilter, Kind, Order};

use crate::{alert::Change, detect::Fact};

/// So many incidents are remembered; at a kibibyte to five each, that is ten to fifty megabytes once it is full.
pub const DEFAULT_CAPACITY: usize = 10_000;
/// At most so many alerts are returned at once.
pub const MOST_RETURNED: usize = 1000;
/// The longest text that a filter may hold, in bytes.
const MOST_TEXT: usize = 256;

/// Why a query is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The order is no word of the contract.
    #[error("the order '{0}' is unknown: use asc or desc")]
    Order(String),
    /// The kind is no word of the contract.
    #[error("the kind '{0}' is unknown: use one like tcp-syn-scan, or leave it out")]
    Kind(String),
    /// A text is longer than any that could be found.
    #[error("{0} is longer than {MOST_TEXT} bytes: use a shorter one")]
    Long(&'static str),
}

/// Alerts by the number of their latest change.
#[derive(Debug)]
pub(super) struct Store {
    by_seq: BTreeMap<u64, Alert>,
    seq_of: HashMap<u64, u64>,
    /// The first packets of each incident.
    evidence: HashMap<u64, Box<[Fact]>>,
    capacity: usize,
}

impl Store {
    /// An empty history of at most so many incidents.
    #[must_use]
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            by_seq: BTreeMap::new(),
            seq_of: HashMap::new(),
            evidence: HashMap::new(),
            capacity: capacity.max(1),
        }
    }

    /// Notes what became of an incident; the incident that changed the longest ago is forgotten where there is no room.
    pub(super) fn record(&mut self, change: &Change) {
        let alert = change.alert();
        if let Some(old) = self.seq_of.insert(alert.id, alert.seq) {
            self.by_seq.remove(&old);
        }
        self.by_seq.insert(alert.seq, alert.clone());
        while self.by_seq.len() > self.capacity {
            if let Some((_, forgotten)) = self.by_seq.pop_first() {
                self.seq_of.remove(&forgotten.id);
                self.evidence.remove(&forgotten.id);
            }
        }
    }

    /// Keeps the first packets of an incident that is remembered, where there are more of them than before.
    pub(super) fn keep(&mut self, id: u64, facts: &[Fact]) {
        let known = self.evidence.get(&id).map_or(0, |known| known.len());
        if facts.len() >= known && !facts.is_empty() && self.seq_of.contains_key(&id) {
            self.evidence.insert(id, facts.into());
        }
    }

    /// One incident in its latest state, with its first packets; `None` where it is not remembered.
    #[must_use]
    pub(super) fn alert(&self, id: u64) -> Option<Alert> {
        let alert = self.by_seq.get(self.seq_of.get(&id)?)?;
        let facts = self.evidence.get(&id).map_or(&[][..], |facts| facts);
        Some(Alert {
            evidence: facts.iter().map(Fact::told).collect(),
            ..alert.clone()
        })
    }

    /// How many incidents are remembered.
    #[cfg(test)]
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.by_seq.len()
    }

    /// Alerts that changed after `after_seq`, at most `limit` of them (0 is as many as there may be).
    pub(super) fn query(
        &self,
        after_seq: u64,
        limit: u32,
        filter: &AlertFilter,
    ) -> Result<Vec<Alert>, QueryError> {
        let wanted = Wanted::new(filter)?;
        let limit = match usize::try_from(limit) {
            Ok(limit @ 1..=MOST_RETURNED) => limit,
            _ => MOST_RETURNED,
        };
        let before = if filter.before_seq == 0 {
            u64::MAX
        } else {
            filter.before_seq
        };
        let Some(first) = after_seq.checked_add(1).filter(|first| *first < before) else {
            return Ok(Vec::new());
        };
        let range = self.by_seq.range(first..before).map(|(_, alert)| alert);
        Ok(match wanted.order {
            Order::Ascending => range
                .filter(|alert| wanted.is_met(alert))
                .take(limit)
                .cloned()
                .collect(),
            Order::Descending => range
                .rev()
                .filter(|alert| wanted.is_met(alert))
                .take(limit)
                .cloned()
                .collect(),
        })
    }
}

/// A filter that is known to be one.
struct Wanted<'a> {
    filter: &'a AlertFilter,
    text: String,
    order: Order,
}

impl<'a> Wanted<'a> {
    fn new(filter: &'a AlertFilter) -> Result<Self, QueryError> {
        let texts = [
            ("kind", &filter.kind),
            ("source", &filter.source),
            ("text", &filter.text),
            ("order", &filter.order),
        ];
        if let Some((name, _)) = texts.into_iter().find(|(_, text)| text.len() > MOST_TEXT) {
            return Err(QueryError::Long(name));
        }
        if !filter.kind.is_empty() && filter.kind.parse::<Kind>().is_err() {
            return Err(QueryError::Kind(filter.kind.escape_default().to_string()));
        }
        let order = filter
            .order()
            .map_err(|word| QueryError::Order(word.0.escape_default().to_string()))?;
        Ok(Self {
            filter,
            text: filter.text.to_lowercase(),
            order,
        })
    }

    fn is_met(&self, alert: &Alert) -> bool {
        let filter = self.filter;
        (filter.from == 0 || alert.last_seen >= filter.from)
            && (filter.to == 0 || alert.first_seen < filter.to)
            && (filter.kind.is_empty() || alert.kind == filter.kind)
            && alert.severity >= filter.min_severity
            && (filter.source.is_empty() || alert.sources.contains(&filter.source))
            && (self.text.is_empty() || self.has_text(alert))
    }

    fn has_text(&self, alert: &Alert) -> bool {
        let fixed = [&alert.kind, &alert.ports, &alert.tool];
        fixed
            .into_iter()
            .chain(&alert.sources)
            .any(|text| text.to_lowercase().contains(&self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decode, detect::Trace, event::Timestamp};

    fn alert(id: u64, seq: u64) -> Alert {
        Alert {
            id,
            seq,
            kind: "tcp-syn-scan".to_owned(),
            severity: 3,
            sources: vec![format!("192.0.2.{id}")],
            ports: "22,80".to_owned(),
            first_seen: 100,
            last_seen: 200,
            ..Alert::default()
        }
    }

    fn seqs(store: &Store, after: u64, limit: u32, filter: &AlertFilter) -> Vec<u64> {
        store
            .query(after, limit, filter)
            .unwrap()
            .iter()
            .map(|alert| alert.seq)
            .collect()
    }

    fn three() -> Store {
        let mut store = Store::new(10);
        for (id, seq) in [(1, 11), (2, 12), (3, 13)] {
            store.record(&Change::Raised(alert(id, seq)));
        }
        store
    }

    #[test]
    fn an_incident_is_kept_once_in_its_latest_state() {
        let mut store = three();
        store.record(&Change::Updated(alert(1, 14)));
        assert_eq!(seqs(&store, 0, 0, &AlertFilter::default()), [12, 13, 14]);
        assert_eq!(seqs(&store, 12, 0, &AlertFilter::default()), [13, 14]);
        assert_eq!(seqs(&store, 0, 2, &AlertFilter::default()), [12, 13]);
    }

    #[test]
    fn pages_go_from_the_newest_back() {
        let newest = AlertFilter {
            order: "desc".to_owned(),
            ..AlertFilter::default()
        };
        let store = three();
        assert_eq!(seqs(&store, 0, 2, &newest), [13, 12]);
        assert_eq!(
            seqs(
                &store,
                0,
                2,
                &AlertFilter {
                    before_seq: 12,
                    ..newest
                }
            ),
            [11]
        );
    }

    #[test]
    fn every_key_of_the_filter_filters() {
        let store = three();
        let none = AlertFilter::default;
        let cases = [
            (
                AlertFilter {
                    source: "192.0.2.2".to_owned(),
                    ..none()
                },
                vec![12],
            ),
            (
                AlertFilter {
                    text: "2.3".to_owned(),
                    ..none()
                },
                vec![13],
            ),
            (
                AlertFilter {
                    text: "SYN".to_owned(),
                    ..none()
                },
                vec![11, 12, 13],
            ),
            (
                AlertFilter {
                    kind: "udp-scan".to_owned(),
                    ..none()
                },
                vec![],
            ),
            (
                AlertFilter {
                    min_severity: 4,
                    ..none()
                },
                vec![],
            ),
            (
                AlertFilter {
                    from: 201,
                    ..none()
                },
                vec![],
            ),
            (
                AlertFilter {
                    from: 200,
                    to: 101,
                    ..none()
                },
                vec![11, 12, 13],
            ),
            (AlertFilter { to: 100, ..none() }, vec![]),
            (
                AlertFilter {
                    before_seq: 1,
                    ..none()
                },
                vec![],
            ),
        ];
        for (filter, expected) in cases {
            assert_eq!(seqs(&store, 0, 0, &filter), expected, "{filter:?}");
        }
        assert!(seqs(&store, u64::MAX, 0, &none()).is_empty());
    }

    #[test]
    fn one_alert_comes_with_its_first_packets_until_it_is_forgotten() {
        let line = "X DROP IN=eth0 OUT= MAC= SRC=203.0.113.9 DST=192.0.2.2 LEN=40 TOS=0x00 PREC=0x00 TTL=50 ID=7 PROTO=2 ";
        let read = decode::log_line(line.as_bytes()).unwrap();
        let event = read.into_event(Timestamp(5)).unwrap();
        let fact = Fact::of(&Trace::from(&event));
        let mut store = Store::new(2);
        store.record(&Change::Raised(alert(1, 11)));
        store.keep(1, &[fact]);
        store.keep(9, &[fact]);
        let known = store.alert(1).unwrap();
        assert_eq!(
            known.evidence[0].line,
            "SRC=203.0.113.9 DST=192.0.2.2 LEN=40 TTL=50 PROTO=IGMP"
        );
        // What is not held any more by whoever told it is held here.
        store.record(&Change::Closed(alert(1, 12)));
        store.keep(1, &[]);
        assert_eq!(store.alert(1).unwrap().evidence.len(), 1);
        assert_eq!(store.alert(9), None);
        let listed = store.query(0, 0, &AlertFilter::default()).unwrap();
        assert!(listed[0].evidence.is_empty());
        for id in 2..=3 {
            store.record(&Change::Raised(alert(id, id + 20)));
        }
        assert_eq!(store.alert(1), None);
        assert!(store.evidence.is_empty());
    }

    #[test]
    fn a_filter_that_is_none_says_so() {
        let store = three();
        let order = AlertFilter {
            order: "up".to_owned(),
            ..AlertFilter::default()
        };
        assert_eq!(
            store.query(0, 0, &order),
            Err(QueryError::Order("up".to_owned()))
        );
        let kind = AlertFilter {
            kind: "scan".to_owned(),
            ..AlertFilter::default()
        };
        assert_eq!(
            store.query(0, 0, &kind),
            Err(QueryError::Kind("scan".to_owned()))
        );
        let long = AlertFilter {
            text: "x".repeat(257),
            ..AlertFilter::default()
        };
        assert_eq!(store.query(0, 0, &long), Err(QueryError::Long("text")));
    }

    #[test]
    fn the_oldest_is_forgotten_where_there_is_no_room() {
        let mut store = Store::new(2);
        for id in 1..=5 {
            store.record(&Change::Raised(alert(id, id + 10)));
        }
        assert_eq!(seqs(&store, 0, 0, &AlertFilter::default()), [14, 15]);
        assert_eq!((store.len(), store.seq_of.len()), (2, 2));
    }
}
