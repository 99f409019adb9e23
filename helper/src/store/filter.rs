//! What a filter means: the one place that makes SQL of it.

use rusqlite::{Connection, params_from_iter, types::Value};
use wallwatch_dbus::{Alert, AlertFilter, Kind, MAX_BUCKETS, Order};

use super::row;

/// At most so many alerts are returned at once.
pub const MOST_RETURNED: usize = 1000;
/// The longest text that a filter may hold, in bytes.
const MOST_TEXT: usize = 256;

/// Why a query is none, or has no answer.
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
    /// More buckets of time than anybody looks at.
    #[error("{0} buckets are more than {MAX_BUCKETS}: ask for fewer")]
    Buckets(u32),
    /// A stretch of time that ends before it begins.
    #[error("the time ends before it begins: ask from an earlier time, or to a later one")]
    Backwards,
    /// The helper is about to end, or even its memory failed it.
    #[error("the history does not answer now: try again in a moment")]
    NoAnswer,
}

/// A filter that is known to be one, as SQL.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    sql: String,
    values: Vec<Value>,
}

impl Wanted {
    /// Alerts that changed after `after_seq`, at most `limit` of them (0 is as many as there may be).
    pub(super) fn new(
        after_seq: u64,
        limit: u32,
        filter: &AlertFilter,
    ) -> Result<Self, QueryError> {
        let order = order_of(filter)?;
        let limit = match usize::try_from(limit) {
            Ok(limit @ 1..=MOST_RETURNED) => limit,
            _ => MOST_RETURNED,
        };
        let text = filter.text.to_lowercase();
        let mut tables = Vec::new();
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        // The tables stand in the order in which they are read, from the one that leaves the fewest; CROSS JOIN keeps it.
        if !filter.source.is_empty() {
            tables.push("source");
            conditions.push("source.network = ? AND source.address = ?");
            values.push(row::network(&filter.source).into());
            values.push(filter.source.clone().into());
        }
        // Where there is no source, whatever is not wanted is passed over in the narrow table.
        let is_narrow = filter.source.is_empty()
            && (!text.is_empty() || !filter.kind.is_empty() || filter.min_severity > 1);
        let [seq, narrow] = if is_narrow {
            tables.extend(["words", "alert"]);
            conditions.push("alert.seq = words.seq");
            ["words.seq", "words"]
        } else {
            tables.push("alert");
            if !filter.source.is_empty() {
                conditions.push("alert.id = source.alert");
            }
            if !text.is_empty() {
                tables.push("words");
                conditions.push("words.seq = alert.seq");
            }
            ["alert.seq", "alert"]
        };
        let mut where_ = |condition: String, value: Value| {
            values.push(value);
            condition
        };
        let mut more = Vec::new();
        if after_seq > 0 {
            more.push(where_(format!("{seq} > ?"), row::number(after_seq).into()));
        }
        if filter.before_seq > 0 {
            more.push(where_(
                format!("{seq} < ?"),
                row::number(filter.before_seq).into(),
            ));
        }
        if !filter.kind.is_empty() {
            more.push(where_(
                format!("{narrow}.kind = ?"),
                filter.kind.clone().into(),
            ));
        }
        if filter.min_severity > 1 {
            more.push(where_(
                format!("{narrow}.severity >= ?"),
                i64::from(filter.min_severity).into(),
            ));
        }
        if !text.is_empty() {
            // What stands between two words belongs to none.
            let text = if text.contains(row::BETWEEN) {
                Value::Null
            } else {
                text.into()
            };
            more.push(where_("instr(words.words, ?)".to_owned(), text));
        }
        if filter.from != 0 {
            more.push(where_("last_seen >= ?".to_owned(), filter.from.into()));
        }
        if filter.to != 0 {
            more.push(where_("first_seen < ?".to_owned(), filter.to.into()));
        }
        conditions.extend(more.iter().map(String::as_str));
        let conditions = if conditions.is_empty() {
            "1".to_owned()
        } else {
            conditions.join(" AND ")
        };
        Ok(Self {
            sql: format!(
                "SELECT {} FROM {} WHERE {conditions} ORDER BY {seq} {} LIMIT {limit}",
                row::COLUMNS,
                tables.join(" CROSS JOIN "),
                match order {
                    Order::Ascending => "ASC",
                    Order::Descending => "DESC",
                },
            ),
            values,
        })
    }

    /// The alerts, without evidence.
    pub(super) fn find(&self, database: &Connection) -> rusqlite::Result<Vec<Alert>> {
        let mut statement = database.prepare(&self.sql)?;
        let rows = statement.query_map(params_from_iter(&self.values), row::alert)?;
        rows.collect()
    }
}

/// Looks whether every key holds what the contract says, and returns the order.
fn order_of(filter: &AlertFilter) -> Result<Order, QueryError> {
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
    filter
        .order()
        .map_err(|word| QueryError::Order(word.0.escape_default().to_string()))
}
