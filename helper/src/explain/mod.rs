//! What a line tells of, and why it is nothing or something to fear, for somebody who knows nothing of networks.
//!
//! [`explain`] takes a [`Report`] and gives an [`Explanation`]: one word, its [`Class`], and a sentence or two. Whether a packet
//! is harmless or a probe says [`detect::classify`] alone; here it is put into words. What could
//! not be read is explained by [`refused()`], and [`Fields`] is a report as JSON shows it. A sentence claims only what the
//! headers show; what is inferred is "probably" so.

mod class;
mod fields;
mod flow;
mod group;
mod icmp;
mod late;
mod link;
mod outlook;
mod probe;
mod refused;
mod services;
mod upkeep;

use std::borrow::Cow;

pub use class::{Class, Noise};
pub use fields::{Fields, Inner, flag_names};
pub use outlook::Outlook;
pub use refused::refused;

use crate::{
    decode::{Body, Report},
    detect::{self, Harmless, Nature},
    event::Timestamp,
    flow::FlowRing,
    neighbourhood::Neighbourhood,
    packet::{Packet, Protocol, Transport},
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
    /// How far it is to be feared; the sentence says why.
    pub outlook: Outlook,
    /// In a sentence or two.
    pub reason: String,
}

impl Explanation {
    fn noise(noise: Noise, outlook: Outlook, reason: impl Into<String>) -> Self {
        Self {
            class: Class::Noise(noise),
            outlook,
            reason: reason.into(),
        }
    }

    /// What headers alone show to be a part of every network.
    fn fine(noise: Noise, reason: impl Into<String>) -> Self {
        Self::noise(noise, Outlook::Fine, reason)
    }

    /// What is harmless if it is what it looks like.
    fn likely(noise: Noise, reason: impl Into<String>) -> Self {
        Self::noise(noise, Outlook::Likely, reason)
    }

    /// What breaks rules, so that nobody takes it.
    fn void(noise: Noise, reason: impl Into<String>) -> Self {
        Self::noise(noise, Outlook::Void, reason)
    }

    /// What is no attack by itself, but ought to be understood.
    fn odd(noise: Noise, reason: impl Into<String>) -> Self {
        Self::noise(noise, Outlook::Odd, reason)
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
        Body::Packet(packet) => Case {
            report,
            packet,
            time,
            neighbourhood,
            flows,
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
    time: Timestamp,
    neighbourhood: &'a Neighbourhood,
    flows: &'a FlowRing,
}

impl Case<'_> {
    fn explain(&self) -> Explanation {
        let Some(event) = self.report.clone().into_event(self.time) else {
            return self.own();
        };
        let relation = || {
            self.flows
                .relation(self.packet, self.time, self.neighbourhood)
        };
        match detect::classify(&event, self.neighbourhood, self.flows) {
            detect::Class::Harmless(harmless) => relation()
                .filter(|_| harmless == Harmless::Flow)
                .map_or_else(
                    || self.harmless(harmless),
                    |relation| flow::explain(self, relation),
                ),
            detect::Class::Probe(probe) if probe.nature == Nature::Impossible => {
                probe::explain(self, &probe)
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
            return Explanation::void(
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
            return Explanation::fine(
                Noise::Own,
                format!(
                    "{src} goes on with a conversation that this computer takes part in, with {what}."
                ),
            );
        }
        Explanation::fine(
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
        Explanation::likely(
            Noise::Fragment,
            format!(
                "A later piece of a large packet from {}, without ports of its own. What the packet is for, only its first piece \
                 tells, which is judged by itself.",
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
        Explanation::likely(
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
