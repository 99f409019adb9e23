//! What a line tells of, and why it is nothing or something to fear, for somebody who knows nothing of networks.
//!
//! [`explain`] takes a [`Report`] and gives an [`Explanation`]: one word, its [`Class`], and a sentence or two. Whether a packet
//! is harmless or a probe says [`detect::classify`] alone; here it is put into words. What could
//! not be read is explained by [`refused()`], and [`Fields`] is a report as JSON shows it. A sentence claims only what the
//! headers show; what is inferred is "probably" so.

mod class;
mod fields;
mod group;
mod icmp;
mod late;
mod link;
mod probe;
mod refused;
mod services;
mod upkeep;

use std::borrow::Cow;

pub use class::{Class, Noise};
pub use fields::{Fields, Inner, flag_names};
pub use refused::refused;

use crate::{
    decode::{Body, Report},
    detect::{self, Harmless, Nature},
    event::Timestamp,
    neighbourhood::Neighbourhood,
    packet::{Packet, Transport},
};

/// How the interfaces of containers and virtual machines begin: Docker, Podman, LXD, Incus, LXC, libvirt, `VMware`,
/// `VirtualBox`, systemd-nspawn, Kubernetes, Waydroid.
const CONTAINER_INTERFACES: [&str; 17] = [
    "docker", "br-", "veth", "podman", "cni", "lxdbr", "lxcbr", "incusbr", "virbr", "vnet",
    "vmnet", "vboxnet", "ve-", "vb-", "cali", "flannel", "waydroid",
];

/// What a line tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// In one word.
    pub class: Class,
    /// In a sentence or two.
    pub reason: String,
}

impl Explanation {
    fn noise(noise: Noise, reason: impl Into<String>) -> Self {
        Self {
            class: Class::Noise(noise),
            reason: reason.into(),
        }
    }
}

/// Says what a report tells of.
#[must_use]
pub fn explain(report: &Report, neighbourhood: &Neighbourhood) -> Explanation {
    match &report.body {
        Body::Packet(packet) => Case {
            report,
            packet,
            neighbourhood,
        }
        .explain(),
        Body::Arp(arp) => link::arp(arp),
        Body::Martian(martian) => link::martian(martian, &report.input),
        Body::Frame => link::frame(report.mac),
    }
}

/// A packet with what is known of it.
#[derive(Debug, Clone, Copy)]
struct Case<'a> {
    report: &'a Report,
    packet: &'a Packet,
    neighbourhood: &'a Neighbourhood,
}

impl Case<'_> {
    fn explain(&self) -> Explanation {
        let Some(event) = self.report.clone().into_event(Timestamp::default()) else {
            return self.own();
        };
        match detect::classify(&event, self.neighbourhood) {
            detect::Class::Harmless(harmless) => self.harmless(harmless),
            detect::Class::Probe(probe) if probe.nature == Nature::Impossible => {
                probe::explain(self, &probe)
            }
            detect::Class::Probe(probe) if probe.nature != Nature::Plain => {
                let late = late::answer(self);
                if self.is_from_container() && late::is_a_guess(late.class) {
                    self.container()
                } else {
                    late
                }
            }
            detect::Class::Probe(probe) if probe.tool.is_none() && self.is_from_container() => {
                self.container()
            }
            detect::Class::Probe(probe) => probe::explain(self, &probe),
        }
    }

    /// A packet that detection calls harmless: which noise is it?
    fn harmless(&self, harmless: Harmless) -> Explanation {
        if self.neighbourhood.is_own(self.packet.src) {
            return self.own();
        }
        if harmless == Harmless::Fragment
            || self
                .packet
                .fragment
                .is_some_and(|fragment| fragment.offset != 0)
        {
            return self.fragment();
        }
        if let Some(upkeep) = upkeep::explain(self) {
            return upkeep;
        }
        if self.report.group {
            return group::explain(self);
        }
        if self.packet.src.is_unspecified() {
            return Explanation::noise(
                Noise::Malformed,
                format!(
                    "A packet from {}, an address that stands for none. Nobody can be answered there, so nobody will take it.",
                    self.packet.src
                ),
            );
        }
        match &self.packet.transport {
            Transport::Icmp(icmp) if harmless == Harmless::Error => icmp::error(self, icmp),
            Transport::Icmp(icmp) => icmp::other(self, icmp),
            _ => late::answer(self),
        }
    }

    fn own(&self) -> Explanation {
        let Packet { src, dst, .. } = self.packet;
        let what = self.what();
        if self.report.answer {
            return Explanation::noise(
                Noise::Own,
                format!(
                    "{src} goes on with a conversation that this computer takes part in, with {what}."
                ),
            );
        }
        Explanation::noise(
            Noise::Own,
            match self.report.owner {
                Some((uid, _)) => format!(
                    "This computer itself sent {what} to {dst}; a program of the user with the number {uid} did."
                ),
                None if src.is_loopback() => {
                    format!("This computer talks to itself: {what} from {src} to {dst}.")
                }
                None => format!("This computer itself sent {what} to {dst}."),
            },
        )
    }

    fn fragment(&self) -> Explanation {
        Explanation::noise(
            Noise::Fragment,
            format!(
                "A later piece of a large packet from {}, without ports of its own. What the packet is for, its first piece told.",
                self.packet.src
            ),
        )
    }

    fn container(&self) -> Explanation {
        let (src, input) = (self.packet.src, self.report.input);
        let target = match self.packet.dport() {
            Some(port) => format!(
                "{} of {}",
                services::port(self.packet.protocol, port),
                self.target()
            ),
            None => self.target().into_owned(),
        };
        Explanation::noise(
            Noise::Container,
            format!(
                "{src} is probably a container or a virtual machine of this computer (interface {input}) and speaks to {target}. \
                 Their traffic crosses the firewall like a stranger's; only many different ports would be an alert."
            ),
        )
    }

    /// Did it come from a container or a virtual machine of this computer?
    fn is_from_container(&self) -> bool {
        self.neighbourhood.is_near(self.packet.src)
            && [&self.report.input, &self.report.physical_input]
                .into_iter()
                .any(|name| {
                    CONTAINER_INTERFACES
                        .iter()
                        .any(|begin| name.starts_with(begin))
                })
    }

    /// Who sent it.
    fn who(&self) -> Cow<'static, str> {
        if self.packet.src.is_unspecified() {
            Cow::Borrowed("A device that has no address yet")
        } else {
            Cow::Owned(self.packet.src.to_string())
        }
    }

    /// Whom it is for.
    fn target(&self) -> Cow<'static, str> {
        if self.report.output.is_empty() {
            Cow::Borrowed("this computer")
        } else {
            Cow::Owned(self.packet.dst.to_string())
        }
    }

    /// The packet with its article and its port, where it has one.
    fn what(&self) -> String {
        let protocol = self.packet.protocol;
        let packet = match &self.packet.transport {
            Transport::Tcp(_) => "a TCP segment".to_owned(),
            Transport::Udp(_) => "a UDP datagram".to_owned(),
            Transport::Icmp(_) => "an ICMP message".to_owned(),
            Transport::Ports { .. } | Transport::Ipsec { .. } | Transport::Other => {
                match protocol.name() {
                    Some(name) => format!("a packet of the protocol {}", name.to_uppercase()),
                    None => format!("a packet of the IP protocol {protocol}"),
                }
            }
        };
        match self.packet.dport() {
            Some(port) => format!("{packet} for {}", services::port(protocol, port)),
            None => packet,
        }
    }
}

#[cfg(test)]
mod tests {
    use wallwatch_dbus::{Kind, Verdict};

    use super::*;
    use crate::{
        decode,
        detect::{Config, Probe},
        replay::Replay,
    };

    /// The report of a line that goes on behind the addresses.
    fn report(prefix: &str, rest: &str) -> Report {
        let line = format!(
            "{prefix}IN=eth0 OUT= MAC= SRC=203.0.113.9 DST=192.0.2.2 LEN=40 TOS=0x00 PREC=0x00 TTL=50 ID=7 {rest}"
        );
        decode::log_line(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    fn explained(prefix: &str, rest: &str) -> Explanation {
        explain(&report(prefix, rest), &Neighbourhood::default())
    }

    #[test]
    fn a_probe_is_told_to_be_stopped_only_where_the_line_says_so() {
        let report = |prefix| {
            report(
                prefix,
                "PROTO=TCP SPT=40000 DPT=22 WINDOW=1024 RES=0x00 SYN URGP=0 ",
            )
        };
        for (prefix, verdict, claim) in [
            ("DROP ", Verdict::Dropped, "Your firewall stopped it."),
            ("ACCEPT ", Verdict::Passed, "Your firewall let it pass."),
            (
                "X ",
                Verdict::Unknown,
                "What became of it, the line does not tell.",
            ),
        ] {
            let report = report(prefix);
            assert_eq!(report.verdict(), verdict);
            let case = Case {
                report: &report,
                packet: report.packet().unwrap(),
                neighbourhood: &Neighbourhood::default(),
            };
            for kind in Kind::ALL {
                let probe = Probe {
                    kind: *kind,
                    weight: 1.0,
                    nature: Nature::Plain,
                    tool: None,
                    unit: 0,
                };
                let Explanation { class, reason } = probe::explain(&case, &probe);
                assert_eq!(class, Class::Probe(*kind));
                assert!(reason.starts_with("203.0.113.9 "), "{reason}");
                assert!(reason.ends_with(claim), "{reason}");
                assert_eq!(
                    reason.matches("Your firewall").count(),
                    usize::from(verdict != Verdict::Unknown)
                );
            }
        }
    }

    #[test]
    fn what_is_inferred_is_only_probable() {
        for rest in [
            "PROTO=TCP SPT=443 DPT=45000 WINDOW=0 RES=0x00 RST URGP=0 ",
            "PROTO=TCP SPT=443 DPT=45000 WINDOW=501 RES=0x00 ACK FIN URGP=0 ",
            "PROTO=TCP SPT=443 DPT=45000 WINDOW=501 RES=0x00 ACK SYN URGP=0 ",
            "PROTO=TCP SPT=80 DPT=1025 WINDOW=501 RES=0x00 ACK SYN URGP=0 ",
            "PROTO=TCP SPT=20 DPT=45000 WINDOW=64240 RES=0x00 SYN URGP=0 ",
            "PROTO=UDP SPT=53 DPT=45000 LEN=20 ",
            "PROTO=UDP SPT=123 DPT=123 LEN=20 ",
            "PROTO=UDP SPT=443 DPT=45000 LEN=20 ",
            "PROTO=UDP SPT=3478 DPT=45000 LEN=20 ",
            "PROTO=UDP SPT=1900 DPT=45000 LEN=20 ",
            "PROTO=UDP SPT=27015 DPT=45000 LEN=20 ",
            "PROTO=UDP SPT=51413 DPT=51413 LEN=20 ",
            "PROTO=ICMP TYPE=0 CODE=0 ID=1 SEQ=1 ",
        ] {
            let Explanation { class, reason } = explained("", rest);
            assert!(matches!(class, Class::Noise(_)), "{rest}: {class}");
            assert!(
                reason.to_lowercase().contains("probably"),
                "{rest}: {reason}"
            );
        }
    }

    #[test]
    fn three_impossible_packets_are_an_alert_and_one_is_none_as_it_is_told() {
        let null = |port| format!("PROTO=TCP SPT=40000 DPT={port} WINDOW=4000 RES=0x00 URGP=0 ");
        let alerts = |count| {
            let mut replay = Replay::new(
                Config::default(),
                Neighbourhood::default(),
                Timestamp(0),
                Timestamp(0),
            );
            (0..count).for_each(|port| replay.feed(Ok(report("", &null(25 + port)))));
            replay.finish().count()
        };
        assert_eq!((alerts(1), alerts(3)), (0, 1));
        let reason = explained("", &null(25)).reason;
        assert!(
            reason.contains("One such packet is no alert; three to different ports are."),
            "{reason}"
        );
    }

    #[test]
    fn whatever_is_read_of_a_damaged_line_is_a_sentence() {
        let mut explained = 0_u32;
        for row in include_str!("../../../tests/data/lines/explained.tsv").lines() {
            let line = row.split('\t').nth(3).unwrap();
            for (at, _) in line.char_indices() {
                let (head, tail) = line.split_at(at);
                for damaged in [
                    head.to_owned(),
                    format!("{head}{}", &tail[1..]),
                    format!("{head}9{}", &tail[1..]),
                ] {
                    let reason = match decode::log_line(damaged.as_bytes()) {
                        Ok(report) => {
                            explained += 1;
                            explain(&report, &Neighbourhood::default()).reason
                        }
                        Err(error) => refused(error, damaged.as_bytes()),
                    };
                    assert!(
                        (10..600).contains(&reason.len()) && reason.ends_with('.'),
                        "{damaged}: {reason}"
                    );
                }
            }
        }
        assert!(explained > 1000);
    }

    #[test]
    fn a_tool_is_named_by_its_traits() {
        let reason = |tcp: &str| explained("", &format!("PROTO=TCP SPT=40000 DPT=22 {tcp}")).reason;
        assert!(
            reason("WINDOW=1024 RES=0x00 FIN URGP=0 ").contains("It bears the traits of nmap.")
        );
        assert!(!reason("WINDOW=4000 RES=0x00 FIN URGP=0 ").contains("traits"));
    }
}
