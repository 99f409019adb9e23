//! One packet in brief, kept as evidence of an attack.

use std::{fmt, net::IpAddr};

use wallwatch_dbus::{Evidence, Verdict};

use super::Trace;
use crate::{
    event::Timestamp,
    packet::{Protocol, TcpFlags},
};

/// What is behind the IP header, as far as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FactEnds {
    /// Source port and destination port.
    Ports(u16, u16),
    /// Type and code of ICMP.
    Icmp(u8, u8),
    /// Nothing that is known.
    None,
}

/// A packet, or the beginning of a flow, in 56 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    pub(crate) time: Timestamp,
    /// Its source.
    pub src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) ends: FactEnds,
    /// Length in bytes, at most 65,535; 0 where not told.
    pub(crate) len: u16,
    pub(crate) protocol: Protocol,
    /// Was it a piece of a packet?
    pub fragmented: bool,
    /// Of TCP, where told.
    pub(crate) flags: Option<TcpFlags>,
    /// 0 where not told.
    pub(crate) ttl: u8,
    pub(crate) verdict: Verdict,
}

impl Fact {
    /// What is kept of a packet.
    #[must_use]
    pub fn of(trace: &Trace) -> Self {
        let ends = match (trace.sport.zip(trace.dport), trace.icmp) {
            (Some((sport, dport)), _) => FactEnds::Ports(sport, dport),
            (None, Some((kind, code))) => FactEnds::Icmp(kind, code),
            (None, None) => FactEnds::None,
        };
        Self {
            time: trace.time,
            src: trace.src,
            dst: trace.dst,
            ends,
            len: trace.len,
            protocol: trace.protocol,
            fragmented: trace.fragmented,
            flags: trace.flags,
            ttl: trace.ttl,
            verdict: trace.verdict,
        }
    }

    /// Is it the same packet, whatever became of it?
    fn is(&self, other: &Self) -> bool {
        *self
            == Self {
                verdict: self.verdict,
                ..*other
            }
    }

    /// Puts right what became of this packet, where it is among these.
    pub fn put_right(facts: &mut [Self], trace: &Trace) {
        let right = Self::of(trace);
        if let Some(known) = facts.iter_mut().find(|known| known.is(&right)) {
            known.verdict = right.verdict;
        }
    }

    /// The packet as it stands on the bus and in JSON.
    #[must_use]
    pub fn told(&self) -> Evidence {
        let (sport, dport) = match self.ends {
            FactEnds::Ports(sport, dport) => (sport, dport),
            FactEnds::Icmp(..) | FactEnds::None => (0, 0),
        };
        let (icmp_type, icmp_code) = match self.ends {
            FactEnds::Icmp(kind, code) => (kind, code),
            FactEnds::Ports(..) | FactEnds::None => (0, 0),
        };
        Evidence {
            time: self.time.0,
            src: self.src.to_string(),
            dst: self.dst.to_string(),
            proto: self.protocol.to_string(),
            sport,
            dport,
            flags: self.flag_names().map(str::to_owned).collect(),
            icmp_type,
            icmp_code,
            ttl: self.ttl,
            len: self.len.into(),
            verdict: self.verdict.to_string(),
            line: self.to_string(),
        }
    }

    fn flag_names(&self) -> impl Iterator<Item = &'static str> {
        let flags = self.flags.unwrap_or_default();
        let set = TcpFlags::NAMES
            .iter()
            .filter(move |(flag, _)| flags.contains(*flag));
        set.map(|(_, name)| *name)
    }
}

/// In the words of the kernel's LOG target (`net/netfilter/nf_log_syslog.c`), without what is not kept.
impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SRC={} DST={}", self.src, self.dst)?;
        if self.len != 0 {
            write!(f, " LEN={}", self.len)?;
        }
        if self.ttl != 0 {
            let name = if self.src.is_ipv6() {
                "HOPLIMIT"
            } else {
                "TTL"
            };
            write!(f, " {name}={}", self.ttl)?;
        }
        let protocol = self.protocol;
        match protocol.name() {
            Some("icmpv6") => f.write_str(" PROTO=ICMPv6")?,
            Some(name) => write!(f, " PROTO={}", name.to_ascii_uppercase())?,
            None => write!(f, " PROTO={}", protocol.0)?,
        }
        match self.ends {
            FactEnds::Ports(sport, dport) => write!(f, " SPT={sport} DPT={dport}")?,
            FactEnds::Icmp(kind, code) => write!(f, " TYPE={kind} CODE={code}")?,
            FactEnds::None => {}
        }
        self.flag_names().try_for_each(|name| write!(f, " {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decode,
        event::Event,
        flow::{Flow, Stage, TcpState, Tuple},
    };

    fn event(rest: &str) -> Event {
        let line = format!("X DROP IN=eth0 OUT= MAC= {rest}");
        let read = decode::log_line(line.as_bytes()).unwrap();
        read.into_event(Timestamp(7)).unwrap()
    }

    #[test]
    fn a_packet_is_told_as_the_kernel_would() {
        for (line, told) in [
            (
                "SRC=203.0.113.9 DST=192.0.2.2 LEN=44 TOS=0x00 PREC=0x00 TTL=50 ID=7 PROTO=TCP SPT=40000 DPT=22 WINDOW=1024 RES=0x00 \
                 SYN URGP=0 ",
                "SRC=203.0.113.9 DST=192.0.2.2 LEN=44 TTL=50 PROTO=TCP SPT=40000 DPT=22 SYN",
            ),
            (
                "SRC=fe80::1 DST=ff02::1 LEN=56 TC=0 HOPLIMIT=255 FLOWLBL=0 PROTO=ICMPv6 TYPE=134 CODE=0 ",
                "SRC=fe80::1 DST=ff02::1 LEN=56 HOPLIMIT=255 PROTO=ICMPv6 TYPE=134 CODE=0",
            ),
            (
                "SRC=203.0.113.9 DST=192.0.2.2 LEN=20 TOS=0x00 PREC=0x00 TTL=50 ID=7 PROTO=99 ",
                "SRC=203.0.113.9 DST=192.0.2.2 LEN=20 TTL=50 PROTO=99",
            ),
        ] {
            let fact = Fact::of(&Trace::from(&event(line)));
            assert_eq!(fact.to_string(), told);
            let evidence = fact.told();
            assert_eq!((evidence.line.as_str(), evidence.time), (told, 7));
            assert_eq!(evidence.verdict, "dropped");
        }
    }

    #[test]
    fn a_flow_of_which_no_packet_was_told_has_neither_length_nor_flags() {
        let original = Tuple {
            src: "203.0.113.9".parse().unwrap(),
            dst: "192.0.2.2".parse().unwrap(),
            protocol: Protocol::TCP,
            ends: crate::flow::Ends::Ports {
                sport: 40000,
                dport: 22,
            },
        };
        let flow = Flow {
            time: Timestamp(7),
            stage: Stage::Began,
            id: None,
            original,
            reply: original,
            answered: false,
            assured: false,
            tcp: Some(TcpState::SYN_SENT),
            mark: 0,
            began: None,
            sent: None,
            received: None,
        };
        let fact = Fact::of(&Trace::from(&flow));
        assert_eq!(
            fact.to_string(),
            "SRC=203.0.113.9 DST=192.0.2.2 PROTO=TCP SPT=40000 DPT=22"
        );
        assert!(fact.told().flags.is_empty());
    }

    #[test]
    fn what_became_of_one_packet_is_put_right_and_of_no_other() {
        let line = |dport: u16| {
            event(&format!(
                "SRC=203.0.113.9 DST=192.0.2.2 LEN=44 TOS=0x00 PREC=0x00 TTL=50 ID=7 PROTO=UDP SPT=40000 DPT={dport} LEN=24 "
            ))
        };
        let mut facts = [22, 23, 22].map(|dport| Fact::of(&Trace::from(&line(dport))));
        let right = Event {
            verdict: Verdict::Passed,
            ..line(23)
        };
        Fact::put_right(&mut facts, &Trace::from(&right));
        let verdicts = facts.map(|fact| fact.verdict);
        assert_eq!(
            verdicts,
            [Verdict::Dropped, Verdict::Passed, Verdict::Dropped]
        );
    }

    #[test]
    fn a_fact_is_small() {
        assert_eq!(size_of::<Fact>(), 56);
        let track = size_of::<super::super::Track>();
        assert!(track <= 1024, "1,024 tracks of {track} bytes");
    }
}
