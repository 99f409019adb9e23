//! The line that tells the runner what a hook runs for: one JSON object, whatever strangers wrote into it.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::Value;
use wallwatch_dbus::{Alert, Verdict};

use super::On;
use crate::{
    event::{Event, Feed},
    explain::{Class, Fields},
    flow::{Direction, Ends, Flow},
};

/// A line has at most so many bytes, without its end.
pub const MOST_BYTES: usize = 64 * 1024;
/// The version of lines.
const VERSION: u64 = 1;

/// What a hook runs for.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// An incident in its present state.
    Alert(Box<Alert>),
    /// A packet, and what it is.
    Packet(Box<Event>, Class),
    /// A flow that began, who began it, and what it is, where that is known.
    Flow(Box<Flow>, Direction, Option<Class>),
}

impl What {
    /// The word for it.
    #[must_use]
    pub const fn on(&self) -> On {
        match self {
            Self::Alert(_) => On::Alert,
            Self::Packet(..) | Self::Flow(..) => On::Event,
        }
    }
}

/// The whole line.
#[derive(Serialize)]
struct Line<'a> {
    version: u64,
    hook: &'a str,
    on: &'static str,
    folded: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Told<'a>>,
}

/// An event.
#[derive(Serialize)]
struct Told<'a> {
    feed: &'static str,
    verdict: &'static str,
    class: Option<&'static str>,
    kind: Option<&'static str>,
    prefix: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    packet: Option<Fields<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<FlowFields>,
}

/// A flow, by the keys of a packet where they mean the same.
#[derive(Serialize)]
struct FlowFields {
    src: IpAddr,
    dst: IpAddr,
    proto: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sport: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dport: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_id: Option<u16>,
    /// Who began it: this machine (`outbound`), somebody else (`inbound`), or it passes through (`foreign`).
    direction: &'static str,
    /// The kernel's number of the flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    /// The flow's mark, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<u32>,
    /// Where the answers come from and go to: other addresses where they are translated.
    reply_src: IpAddr,
    reply_dst: IpAddr,
    /// Microseconds since 1970.
    time: i64,
}

impl FlowFields {
    fn of(flow: &Flow, direction: Direction) -> Self {
        let original = &flow.original;
        let (icmp_type, icmp_code, icmp_id) = match original.ends {
            Ends::Icmp { id, kind, code } => (Some(kind), Some(code), Some(id)),
            Ends::Ports { .. } | Ends::None => (None, None, None),
        };
        Self {
            src: original.src,
            dst: original.dst,
            proto: original.protocol.to_string(),
            sport: original.sport(),
            dport: original.dport(),
            icmp_type,
            icmp_code,
            icmp_id,
            direction: match direction {
                Direction::Local => "local",
                Direction::Outbound => "outbound",
                Direction::Inbound => "inbound",
                Direction::Foreign => "foreign",
            },
            id: flow.id,
            mark: (flow.mark != 0).then_some(flow.mark),
            reply_src: flow.reply.src,
            reply_dst: flow.reply.dst,
            time: flow.time.0,
        }
    }
}

impl<'a> Told<'a> {
    fn of(what: &'a What) -> Option<Self> {
        let (feed, verdict, class, prefix) = match what {
            What::Alert(_) => return None,
            What::Packet(event, class) => (event.feed, event.verdict, Some(*class), &*event.prefix),
            What::Flow(_, _, class) => (Feed::Conntrack, Verdict::Passed, *class, ""),
        };
        Some(Self {
            feed: feed.as_str(),
            verdict: verdict.as_str(),
            class: class.map(Class::as_str),
            kind: match class {
                Some(Class::Probe(kind)) => Some(kind.as_str()),
                Some(Class::Noise(_)) | None => None,
            },
            prefix,
            packet: match what {
                What::Packet(event, _) => Some(Fields::of_event(event)),
                _ => None,
            },
            flow: match what {
                What::Flow(flow, direction, _) => Some(FlowFields::of(flow, *direction)),
                _ => None,
            },
        })
    }
}

/// Appends the line of a hook with its end to `out`. `folded` earlier ones are represented by this one. Says whether it could: a line
/// that is too long is left out.
pub fn write(out: &mut Vec<u8>, hook: &str, folded: u64, what: &What) -> bool {
    let start = out.len();
    let alert = match what {
        What::Alert(alert) => Some(alert.to_json()),
        _ => None,
    };
    let mut line = Line {
        version: VERSION,
        hook,
        on: what.on().as_str(),
        folded,
        alert,
        event: Told::of(what),
    };
    if append(out, start, &line) {
        return true;
    }
    // The names of many units that listen are all that can be so long, and nobody is accused by them.
    if let Some(Value::Object(alert)) = &mut line.alert {
        alert.insert("exposed".to_owned(), Value::Array(Vec::new()));
    }
    append(out, start, &line)
}

fn append(out: &mut Vec<u8>, start: usize, line: &Line<'_>) -> bool {
    let written = serde_json::to_writer(&mut *out, line).is_ok();
    if written && out.len() - start <= MOST_BYTES {
        out.push(b'\n');
        return true;
    }
    out.truncate(start);
    false
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        event::{Prefix, Timestamp, bounded},
        flow::{Stage, Tuple},
        packet::{Packet, Protocol, Transport, Udp},
    };

    fn line(folded: u64, what: &What) -> (String, Value) {
        let mut out = b"before".to_vec();
        assert!(write(&mut out, "beep", folded, what));
        let text = String::from_utf8(out.split_off(6)).unwrap();
        assert_eq!(out, b"before");
        assert_eq!(text.find('\n'), Some(text.len() - 1), "one line");
        let value = serde_json::from_str(&text).unwrap();
        (text, value)
    }

    fn event(prefix: &str, interface: &str) -> Event {
        let packet = Packet {
            src: "192.0.2.7".parse().unwrap(),
            dst: "2001:db8::1".parse().unwrap(),
            ttl: 50,
            transport: Transport::Udp(Udp {
                sport: 40000,
                dport: 53,
                len: Some(20),
            }),
            ..Packet::blank(Protocol::UDP)
        };
        Event {
            time: Timestamp(5),
            packet,
            verdict: Verdict::Dropped,
            feed: Feed::Nfqueue,
            trusted: true,
            interface: bounded(interface),
            prefix: Prefix::from(prefix).unwrap(),
            group: false,
        }
    }

    #[test]
    fn an_alert_is_told_by_its_record() {
        let alert = Alert {
            id: 7,
            sources: vec!["192.0.2.7".to_owned()],
            ..Alert::default()
        };
        let (_, told) = line(3, &What::Alert(Box::new(alert.clone())));
        let expected = json!({"version": 1, "hook": "beep", "on": "alert", "folded": 3, "alert": alert.to_json()});
        assert_eq!(told, expected);
    }

    #[test]
    fn a_packet_is_told_by_the_keys_of_explain() {
        let what = What::Packet(
            Box::new(event("DNS: ", "eth0")),
            "udp-scan".parse().unwrap(),
        );
        let (_, told) = line(0, &what);
        let expected = json!({
            "feed": "nfqueue", "verdict": "dropped", "class": "udp-scan", "kind": "udp-scan", "prefix": "DNS: ",
            "packet": {
                "in": "eth0", "out": "", "src": "192.0.2.7", "dst": "2001:db8::1", "len": 0, "tos": 0, "ttl": 50, "df": false,
                "mf": false, "proto": "udp", "sport": 40000, "dport": 53, "udp_len": 20, "prefix": "DNS: ", "time": 5,
            },
        });
        assert_eq!(told["event"], expected);
        assert_eq!((&told["on"], told.get("alert")), (&json!("event"), None));
        let what = What::Packet(Box::new(event("", "")), "mdns".parse().unwrap());
        let (_, told) = line(0, &what);
        assert_eq!(
            (&told["event"]["class"], &told["event"]["kind"]),
            (&json!("mdns"), &Value::Null)
        );
    }

    #[test]
    fn a_flow_is_told_by_the_same_keys() {
        let original = Tuple {
            src: "192.0.2.7".parse().unwrap(),
            dst: "192.0.2.1".parse().unwrap(),
            protocol: Protocol::TCP,
            ends: Ends::Ports {
                sport: 40000,
                dport: 22,
            },
        };
        let reply = Tuple {
            src: "10.0.0.1".parse().unwrap(),
            dst: "192.0.2.7".parse().unwrap(),
            ..original
        };
        let flow = Flow {
            time: Timestamp(9),
            stage: Stage::Began,
            id: Some(77),
            original,
            reply,
            answered: false,
            assured: false,
            tcp: None,
            mark: 0,
            began: None,
            sent: None,
            received: None,
        };
        let (_, told) = line(0, &What::Flow(Box::new(flow), Direction::Inbound, None));
        let expected = json!({
            "feed": "conntrack", "verdict": "passed", "class": null, "kind": null, "prefix": "",
            "flow": {
                "src": "192.0.2.7", "dst": "192.0.2.1", "proto": "tcp", "sport": 40000, "dport": 22, "direction": "inbound", "id": 77,
                "reply_src": "10.0.0.1", "reply_dst": "192.0.2.7", "time": 9,
            },
        });
        assert_eq!(told["event"], expected);
    }

    #[test]
    fn what_strangers_write_stays_within_its_string() {
        let hostile = "$(x) `y` ; | & \"'\\ \n\r\t\u{1b}[2J\u{0}\u{2028} {}},";
        let what = What::Packet(
            Box::new(event(hostile, "e\"\n0")),
            "udp-scan".parse().unwrap(),
        );
        let (text, told) = line(0, &what);
        assert_eq!(told["event"]["prefix"], hostile);
        assert_eq!(told["event"]["packet"]["in"], "e\"\n0");
        assert!(!text.trim_end().contains(char::is_control), "{text}");
    }

    #[test]
    fn a_line_is_bounded_whatever_an_alert_holds() {
        let mut alert = Alert {
            exposed: vec![(22, "tcp".to_owned(), "x".repeat(2000)); 64],
            ..Alert::default()
        };
        let (_, told) = line(0, &What::Alert(Box::new(alert.clone())));
        assert_eq!(told["alert"]["exposed"], json!([]));
        alert.reason = "x".repeat(MOST_BYTES);
        let mut out = Vec::new();
        assert!(!write(&mut out, "beep", 0, &What::Alert(Box::new(alert))));
        assert!(out.is_empty());
    }
}
