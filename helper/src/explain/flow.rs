//! What belongs to a flow of this computer, of which conntrack has told.

use std::borrow::Cow;

use super::{Case, Explanation, Noise, late, services};
use crate::{
    event::Timestamp,
    flow::Relation,
    packet::{Protocol, TcpFlags, Transport},
};

/// Explains a packet that has to do with a flow that is remembered.
pub(super) fn explain(case: &Case<'_>, relation: Relation) -> Explanation {
    const DAILY: &str = "Packets that are late or come twice are a part of every day.";
    let src = case.packet.src;
    let from = || port(case, case.packet.sport());
    let (does, what) = does(case);
    match relation {
        Relation::Ours { ended } => case.fine(
            noise(case), || format!(
                "{src} {does} {what} with its {} that this computer began and that {}. {DAILY}",
                from(),
                ended_or_not(ended)
            )),
        Relation::Accepted { ended } => case.fine(
            noise(case), || format!(
                "{src} {does} {what} with {} here that this computer accepted and that {}. {DAILY}",
                port(case, case.packet.dport()),
                ended_or_not(ended)
            )),
        Relation::Contacted { since } => case.likely(
            noise(case), || format!(
                "{src} speaks from its {}, which this computer contacted {} ago, to where an answer would go: probably a late \
                 answer. Only very many of them would be an alert.",
                from(),
                duration(since)
            )),
    }
}

fn port(case: &Case<'_>, port: Option<u16>) -> Cow<'static, str> {
    port.map_or_else(Cow::default, |port| {
        services::port(case.packet.protocol, port)
    })
}

/// What the packet does, and with what.
const fn does(case: &Case<'_>) -> (&'static str, &'static str) {
    let Some(tcp) = case.packet.tcp() else {
        return ("goes on with", "a conversation");
    };
    let does = if tcp.flags.contains(TcpFlags::RST) {
        "breaks off or refuses"
    } else if tcp.flags.contains(TcpFlags::FIN) {
        "ends"
    } else if tcp.flags.contains(TcpFlags::SYN) {
        "accepts"
    } else {
        "goes on with"
    };
    (does, "a connection")
}

fn ended_or_not(ended: Option<i64>) -> String {
    ended.map_or_else(
        || "has not ended yet".to_owned(),
        |ago| format!("ended {} ago", duration(ago)),
    )
}

/// Microseconds in words; the smaller unit where it is less than two of the greater.
fn duration(micros: i64) -> String {
    let seconds = micros / Timestamp::SECOND;
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7200 => (seconds / 60, "minute"),
        _ => (seconds / 3600, "hour"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// The noise that it is.
fn noise(case: &Case<'_>) -> Noise {
    match &case.packet.transport {
        Transport::Tcp(_) => Noise::LateTcp,
        Transport::Udp(udp) if case.packet.protocol == Protocol::UDP => {
            late::answer_from(udp.sport).map_or(Noise::LateAnswer, |(noise, _)| noise)
        }
        _ => Noise::LateAnswer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decode,
        detect::{self, Harmless},
        explain::{Class, Outlook, explain_beside},
        flow::{Direction, Ends, Flow, FlowRing, Stage, TcpState, Tuple},
        neighbourhood::Neighbourhood,
    };

    const START: Timestamp = Timestamp(1_800_000_000_000_000);
    const MINUTE: i64 = 60 * Timestamp::SECOND;

    /// A ring that knows of a flow of ours to 203.0.113.9 that ended a minute after the start.
    fn ring(protocol: Protocol, sport: u16, dport: u16) -> FlowRing {
        let original = Tuple {
            src: "192.0.2.2".parse().unwrap(),
            dst: "203.0.113.9".parse().unwrap(),
            protocol,
            ends: Ends::Ports { sport, dport },
        };
        let reply = Tuple {
            src: original.dst,
            dst: original.src,
            ends: Ends::Ports {
                sport: dport,
                dport: sport,
            },
            ..original
        };
        let mut flow = Flow {
            time: START,
            stage: Stage::Began,
            id: None,
            original,
            reply,
            answered: true,
            assured: true,
            tcp: Some(TcpState::SYN_SENT),
            mark: 0,
            began: None,
            sent: None,
            received: None,
        };
        let mut ring = FlowRing::new(1);
        ring.take(&flow, Direction::Outbound);
        (flow.stage, flow.time) = (Stage::Ended, START.plus(MINUTE));
        ring.take(&flow, Direction::Outbound);
        ring
    }

    /// What is said of a packet of 203.0.113.9 four minutes after the start, and what detection thinks of it.
    fn told(rest: &str, ring: &FlowRing) -> (Explanation, detect::Class) {
        let line = format!(
            "X IN=eth0 OUT= MAC= SRC=203.0.113.9 DST=192.0.2.2 LEN=40 TOS=0x00 PREC=0x00 TTL=50 ID=7 {rest}"
        );
        let report = decode::log_line(line.as_bytes()).unwrap();
        let now = START.plus(4 * MINUTE);
        let home = Neighbourhood::default();
        let event = report.clone().into_event(now).unwrap();
        (
            explain_beside(&report, now, &home, ring),
            detect::classify(&event, &home, ring),
        )
    }

    #[test]
    fn a_late_end_of_a_flow_that_was_closed_is_told_with_its_time() {
        let fin = "PROTO=TCP SPT=40443 DPT=45000 WINDOW=501 RES=0x00 ACK FIN URGP=0 ";
        let (without, class) = told(fin, &FlowRing::none());
        assert!(matches!(class, detect::Class::Probe(_)));
        assert!(matches!(without.class, Class::Probe(_)), "{without:?}");

        let (explained, class) = told(fin, &ring(Protocol::TCP, 45000, 40443));
        assert_eq!(class, detect::Class::Harmless(Harmless::Flow));
        assert_eq!(
            (explained.class, explained.outlook),
            (Class::Noise(Noise::LateTcp), Outlook::Fine)
        );
        assert_eq!(
            explained.reason,
            "203.0.113.9 ends a connection with its port 40443 that this computer began and that ended 3 minutes ago. Packets that \
             are late or come twice are a part of every day."
        );
    }

    #[test]
    fn a_late_answer_bears_the_name_of_its_service() {
        let ring = ring(Protocol::UDP, 45000, 53);
        let (same, class) = told("PROTO=UDP SPT=53 DPT=45000 LEN=20 ", &ring);
        assert_eq!(class, detect::Class::Harmless(Harmless::Flow));
        assert_eq!(same.class, Class::Noise(Noise::LateDns));
        assert!(
            same.reason
                .contains("a conversation with its port 53 (DNS)"),
            "{}",
            same.reason
        );
        let (other, class) = told("PROTO=UDP SPT=53 DPT=45001 LEN=20 ", &ring);
        let detect::Class::Probe(probe) = class else {
            panic!("{class:?}")
        };
        assert_eq!(probe.nature, detect::Nature::ReplyLike);
        assert!(
            other.reason.contains("contacted 3 minutes ago"),
            "{}",
            other.reason
        );
        assert_eq!(other.outlook, Outlook::Likely);
    }

    #[test]
    fn what_a_tool_sends_is_no_answer() {
        let ring = ring(Protocol::TCP, 45000, 40443);
        let ack =
            |window| format!("PROTO=TCP SPT=40443 DPT=45001 WINDOW={window} RES=0x00 ACK URGP=0 ");
        let nature = |rest: &str| match told(rest, &ring).1 {
            detect::Class::Probe(probe) => Some(probe.nature),
            detect::Class::Harmless(_) => None,
        };
        assert_eq!(nature(&ack(501)), Some(detect::Nature::ReplyLike));
        assert_eq!(nature(&ack(1024)), Some(detect::Nature::Plain), "nmap's");
    }

    #[test]
    fn a_duration_is_told_in_the_unit_that_fits() {
        for (seconds, words) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (7199, "119 minutes"),
            (7200, "2 hours"),
        ] {
            assert_eq!(duration(seconds * Timestamp::SECOND), words);
        }
    }
}
