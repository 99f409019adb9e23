//! What a line tells of, and why it is nothing or something to fear, for somebody who knows nothing of networks.
//!
//! [`explain`] takes a [`Report`] and gives an [`Explanation`]: one word, its [`Class`], and a sentence or two. Whether a packet
//! is harmless or a probe says [`detect::classify`] alone; here it is put into words. What could
//! not be read is explained by [`refused()`], and [`Fields`] is a report as JSON shows it. A sentence claims only what the
//! headers show; what is inferred is "probably" so. [`Ledger`] counts what is harmless by its class.

mod class;
mod fields;
mod flow;
mod group;
mod icmp;
mod late;
mod ledger;
mod link;
mod outlook;
mod probe;
mod refused;
mod services;
mod trusted;
mod upkeep;

use std::borrow::Cow;

pub use class::{Class, Noise};
pub use fields::{Fields, Inner, flag_names};
pub use ledger::{EXAMPLE_INTERVAL, Entry, Example, Ledger};
pub use outlook::Outlook;
pub use refused::refused;
pub use trusted::trusted;

use crate::{
    decode::{Body, Report},
    detect::{self, Harmless, Nature},
    event::{Event, Timestamp, Verdict},
    flow::FlowRing,
    neighbourhood::Neighbourhood,
    packet::{Packet, Protocol, Transport},
};

/// How the ends begin that containers and virtual machines of their own network have here, beside those of
/// [`detect::is_container_bridge`]: pairs of any program, libvirt, systemd-nspawn, Kubernetes.
const CONTAINER_PORTS: [&str; 6] = ["veth", "vnet", "ve-", "vb-", "cali", "flannel"];

/// What a line tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// In one word.
    pub class: Class,
    /// How far it is to be feared; the sentence says why.
    pub outlook: Outlook,
    /// In a sentence or two.
    pub reason: String,
}

impl Explanation {
    /// What headers alone show to be a part of every network.
    fn fine(noise: Noise, reason: String) -> Self {
        Self {
            class: Class::Noise(noise),
            outlook: Outlook::Fine,
            reason,
        }
    }

    /// What breaks rules, so that nobody takes it.
    fn void(noise: Noise, reason: String) -> Self {
        Self {
            outlook: Outlook::Void,
            ..Self::fine(noise, reason)
        }
    }
}

/// Says what a report tells of.
#[must_use]
pub fn explain(report: &Report, neighbourhood: &Neighbourhood) -> Explanation {
    explain_beside(
        report,
        Timestamp::default(),
        neighbourhood,
        &FlowRing::none(),
    )
}

/// Says what a report of a time tells of, where these flows are known.
#[must_use]
pub fn explain_beside(
    report: &Report,
    time: Timestamp,
    neighbourhood: &Neighbourhood,
    flows: &FlowRing,
) -> Explanation {
    match &report.body {
        Body::Packet(packet) => {
            let case = Case {
                packet,
                time,
                input: &report.input,
                physical_input: &report.physical_input,
                output: &report.output,
                group: report.group,
                verdict: report.verdict(),
                neighbourhood,
                flows,
                wordless: false,
            };
            match report.event(time, case.verdict) {
                Some(event) => case.explain(&detect::classify(&event, neighbourhood, flows)),
                None => case.own(report.answer, report.owner),
            }
        }
        Body::Arp(arp) => link::arp(arp),
        Body::Martian(martian) => link::martian(martian, &report.input),
        Body::Frame => link::frame(report.mac),
    }
}

/// Says what an event's packet is, which detection has judged so.
#[must_use]
pub fn explain_event(
    event: &Event,
    judged: &detect::Class,
    neighbourhood: &Neighbourhood,
    flows: &FlowRing,
) -> Explanation {
    Case::of(event, neighbourhood, flows).explain(judged)
}

/// The same in one word, which costs no allocation: for every packet that comes.
#[must_use]
pub fn class_of(
    event: &Event,
    judged: &detect::Class,
    neighbourhood: &Neighbourhood,
    flows: &FlowRing,
) -> Class {
    let case = Case {
        wordless: true,
        ..Case::of(event, neighbourhood, flows)
    };
    case.explain(judged).class
}

/// A packet with what is known of it.
#[derive(Debug, Clone, Copy)]
struct Case<'a> {
    packet: &'a Packet,
    time: Timestamp,
    /// The interface it came in by.
    input: &'a str,
    /// The port of a bridge it came in by.
    physical_input: &'a str,
    /// The interface it leaves by.
    output: &'a str,
    /// Was the frame sent to a group?
    group: bool,
    verdict: Verdict,
    neighbourhood: &'a Neighbourhood,
    flows: &'a FlowRing,
    /// Is the class alone asked for? Then no sentence is made.
    wordless: bool,
}

impl<'a> Case<'a> {
    /// An event does not tell the port of a bridge, nor where the packet goes on to.
    fn of(event: &'a Event, neighbourhood: &'a Neighbourhood, flows: &'a FlowRing) -> Self {
        Self {
            packet: &event.packet,
            time: event.time,
            input: &event.interface,
            physical_input: "",
            output: "",
            group: event.group,
            verdict: event.verdict,
            neighbourhood,
            flows,
            wordless: false,
        }
    }

    /// What it is, in a word and, where they are wanted, in sentences.
    fn say(&self, class: Class, outlook: Outlook, words: impl FnOnce() -> String) -> Explanation {
        Explanation {
            class,
            outlook,
            reason: if self.wordless {
                String::new()
            } else {
                words()
            },
        }
    }

    fn noise(&self, noise: Noise, outlook: Outlook, words: impl FnOnce() -> String) -> Explanation {
        self.say(Class::Noise(noise), outlook, words)
    }

    /// What headers alone show to be a part of every network.
    fn fine(&self, noise: Noise, words: impl FnOnce() -> String) -> Explanation {
        self.noise(noise, Outlook::Fine, words)
    }

    /// What is harmless if it is what it looks like.
    fn likely(&self, noise: Noise, words: impl FnOnce() -> String) -> Explanation {
        self.noise(noise, Outlook::Likely, words)
    }

    /// What breaks rules, so that nobody takes it.
    fn void(&self, noise: Noise, words: impl FnOnce() -> String) -> Explanation {
        self.noise(noise, Outlook::Void, words)
    }

    /// What is no attack by itself, but ought to be understood.
    fn odd(&self, noise: Noise, words: impl FnOnce() -> String) -> Explanation {
        self.noise(noise, Outlook::Odd, words)
    }

    fn explain(&self, judged: &detect::Class) -> Explanation {
        let relation = || {
            self.flows
                .relation(self.packet, self.time, self.neighbourhood)
        };
        match judged {
            detect::Class::Harmless(Harmless::Flow) => relation().map_or_else(
                || self.harmless(Harmless::Flow),
                |relation| flow::explain(self, relation),
            ),
            detect::Class::Harmless(harmless) => self.harmless(*harmless),
            detect::Class::Probe(probe) if probe.nature == Nature::Impossible => {
                probe::explain(self, probe)
            }
            detect::Class::Probe(probe) if probe.nature != Nature::Plain => {
                if let Some(relation) = relation().filter(|_| probe.nature == Nature::ReplyLike) {
                    return flow::explain(self, relation);
                }
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
            detect::Class::Probe(probe) => probe::explain(self, probe),
        }
    }

    /// A packet that detection calls harmless: which noise is it?
    fn harmless(&self, harmless: Harmless) -> Explanation {
        if self.neighbourhood.is_own(self.packet.src) {
            return self.own(false, None);
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
        if self.group {
            return group::explain(self);
        }
        if self.packet.src.is_unspecified() {
            return self.void(Noise::Malformed, || {
                format!(
                    "A packet from {}, an address that stands for none. Nobody can be answered there, so nobody will take it.",
                    self.packet.src
                )
            });
        }
        match &self.packet.transport {
            Transport::Icmp(icmp) if harmless == Harmless::Error => icmp::error(self, icmp),
            Transport::Icmp(icmp) => icmp::other(self, icmp),
            _ => late::answer(self),
        }
    }

    /// What this computer sent; or, where it is an answer, somebody who goes on with a conversation. A socket of ours may be told
    /// by the numbers of its user and group.
    fn own(&self, answer: bool, owner: Option<(u32, u32)>) -> Explanation {
        let Packet { src, dst, .. } = self.packet;
        self.fine(Noise::Own, || {
            let what = self.what();
            match owner {
                _ if answer => format!(
                    "{src} goes on with a conversation that this computer takes part in, with {what}."
                ),
                Some((uid, _)) => format!(
                    "This computer itself sent {what} to {dst}; a program of the user with the number {uid} did."
                ),
                None if src.is_loopback() => {
                    format!("This computer talks to itself: {what} from {src} to {dst}.")
                }
                None => format!("This computer itself sent {what} to {dst}."),
            }
        })
    }

    fn fragment(&self) -> Explanation {
        self.likely(Noise::Fragment, || {
            format!(
                "A later piece of a large packet from {}, without ports of its own. What the packet is for, only its first piece \
                 tells, which is judged by itself.",
                self.packet.src
            )
        })
    }

    fn container(&self) -> Explanation {
        self.likely(Noise::Container, || {
            let (src, input) = (self.packet.src, self.input);
            let target = match self.packet.dport() {
                Some(port) => format!(
                    "{} of {}",
                    services::port(self.packet.protocol, port),
                    self.target()
                ),
                None => self.target().into_owned(),
            };
            format!(
                "{src} is probably a container or a virtual machine of this computer (interface {input}) and speaks to {target}. \
                 Their traffic crosses the firewall like a stranger's; only many different ports would be an alert."
            )
        })
    }

    /// Did it come from a container or a virtual machine of this computer?
    fn is_from_container(&self) -> bool {
        self.neighbourhood.is_near(self.packet.src)
            && [self.input, self.physical_input].into_iter().any(|name| {
                detect::is_container_bridge(name)
                    || CONTAINER_PORTS.iter().any(|begin| name.starts_with(begin))
            })
    }

    /// Does the sender seem to stand on this network? By its address, or since no router passed the packet on.
    fn is_on_link(&self) -> bool {
        self.packet.src.is_unspecified() || self.neighbourhood.is_on_link(self.packet)
    }

    /// Who sent it.
    fn who(&self) -> Cow<'static, str> {
        if self.packet.src.is_unspecified() {
            Cow::Borrowed("A device without an address")
        } else {
            Cow::Owned(self.packet.src.to_string())
        }
    }

    /// Whom it is for: another one where it is handed on, as an interface tells or, where our addresses are known, its own.
    fn target(&self) -> Cow<'static, str> {
        let Neighbourhood { addresses, .. } = self.neighbourhood;
        let is_handed_on =
            !addresses.is_empty() && !self.group && !self.neighbourhood.is_own(self.packet.dst);
        if self.output.is_empty() && !is_handed_on {
            Cow::Borrowed("this computer")
        } else {
            Cow::Owned(self.packet.dst.to_string())
        }
    }

    /// The packet with its article and its port, where it has one.
    fn what(&self) -> String {
        let packet = self.packet_name();
        match self.packet.dport() {
            Some(port) => format!(
                "{packet} for {}",
                services::port(self.packet.protocol, port)
            ),
            None => packet.into_owned(),
        }
    }

    /// The packet with its article.
    fn packet_name(&self) -> Cow<'static, str> {
        let protocol = self.packet.protocol;
        Cow::Borrowed(match &self.packet.transport {
            Transport::Tcp(_) => "a TCP segment",
            Transport::Udp(_) if protocol == Protocol::UDPLITE => "a UDP-Lite datagram",
            Transport::Udp(_) => "a UDP datagram",
            Transport::Icmp(_) => "an ICMP message",
            Transport::Other if fields::is_untold(self.packet) => "a later piece of a large packet",
            Transport::Ports { .. } | Transport::Ipsec { .. } | Transport::Other => {
                return Cow::Owned(match protocol.name() {
                    Some(name) => format!("a packet of the protocol {}", name.to_uppercase()),
                    None => format!("a packet of the IP protocol {protocol}"),
                });
            }
        })
    }
}

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod tests;
