//! Why an incident is as severe as it is, in words for the person who reads of it.

use wallwatch_dbus::{Family, Kind, Severity, Verdict};

/// What the reason is made of.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts about an incident, each of its own"
)]
pub(super) struct Grounds<'a> {
    pub(super) kind: Kind,
    pub(super) severity: Severity,
    /// Different ports that were asked for,
    pub(super) ports: u32,
    /// and other things where there are no ports: protocols, types of messages.
    pub(super) others: u32,
    pub(super) verdict: Verdict,
    /// Attacked ports that something listens on: port, protocol, owner. `None` where nobody told what listens.
    pub(super) exposed: Option<&'a [(u16, String, String)]>,
    /// Was a connection of the attacker's accepted?
    pub(super) connected: bool,
    /// Are there packets that tell the operating system?
    pub(super) fingerprinted: bool,
    /// Is it worse for coming from this very network?
    pub(super) lifted: bool,
    /// Are they such that hosts ignore them?
    pub(super) ignored: bool,
}

/// The reason, as sentences.
pub(super) fn reason(grounds: &Grounds<'_>) -> String {
    let mut text = cause(grounds);
    if let Some(outcome) = outcome(grounds) {
        text.push(' ');
        text.push_str(&outcome);
    }
    if grounds.lifted {
        text.push_str(" It comes from this network itself, which a rule calls public.");
    }
    text
}

/// What decides.
fn cause(grounds: &Grounds<'_>) -> String {
    if grounds.connected {
        return "A connection was accepted from a source that scans.".to_owned();
    }
    let is_great = grounds.severity >= Severity::High;
    let fixed = match grounds.kind {
        Kind::Smurf => {
            "The whole network is told to answer one address, which is probably the victim's and not the sender's."
        }
        Kind::RogueRa if grounds.ignored => {
            "Hosts ignore advertisements that came from beyond the network or from no router's address, so these do no harm here."
        }
        Kind::RogueRa => {
            "Whoever is taken for the router reads and changes what this computer sends, and this one was not there before."
        }
        Kind::RogueDhcp => {
            "Whoever gives out addresses says where everything is sent, and this server was not there before."
        }
        Kind::Bogon => "The packets name senders that nobody can be, so nobody is known by them.",
        Kind::Land => {
            "The packets name their receiver as their sender, which only an attack does; who sent them, they do not tell."
        }
        Kind::BruteForce => "One service was asked to let somebody in again and again.",
        Kind::Worm => "The packets look like those of a worm that looks for its next victim.",
        Kind::DistributedScan => "Many sources do what together is one scan.",
        Kind::Signature => "The packets are those of a known attack.",
        Kind::Test => "Somebody asked for this alert to see whether alerts come.",
        kind if kind.family() == Family::Flood && is_great => {
            "So many packets in so short a time can keep this computer busy."
        }
        kind if kind.family() == Family::Flood => {
            "More packets came in a short time than anybody needs."
        }
        _ if grounds.fingerprinted && grounds.severity <= Severity::Medium => {
            "The packets are made to tell which system runs here: somebody chooses an attack."
        }
        _ => return breadth(grounds),
    };
    fixed.to_owned()
}

/// How much was asked for.
fn breadth(grounds: &Grounds<'_>) -> String {
    let (count, what) = match (grounds.ports, grounds.others) {
        (0, 0) => return "Packets came that nobody needs to send.".to_owned(),
        (0, others) => (others, ["protocol or message", "protocols or messages"]),
        (ports, _) => (ports, ["port", "ports"]),
    };
    let only = if grounds.severity <= Severity::Low {
        "Only "
    } else if grounds.severity >= Severity::High {
        "As many as "
    } else {
        ""
    };
    let (noun, was) = if count == 1 {
        (what[0], "was")
    } else {
        (what[1], "were")
    };
    format!("{only}{count} {noun} {was} tried.")
}

/// What they met here: what listens on the ports, and what became of the packets.
fn outcome(grounds: &Grounds<'_>) -> Option<String> {
    let fate = match grounds.verdict {
        Verdict::Dropped => Some("the firewall dropped all packets"),
        Verdict::Passed => Some("the packets reached this computer"),
        Verdict::Mixed => Some("some of the packets reached this computer"),
        Verdict::Unknown => None,
    };
    let is_lan = grounds.kind.family() == Family::Lan || grounds.kind == Kind::Test;
    if is_lan || grounds.ports == 0 {
        return None;
    }
    let mut text = match grounds.exposed {
        Some([]) if grounds.ports == 1 => "nothing listens on that port".to_owned(),
        Some([]) => format!("nothing listens on any of the {} ports", grounds.ports),
        Some(exposed) => listeners(exposed, grounds.ports),
        None => String::new(),
    };
    if let Some(fate) = fate {
        if !text.is_empty() {
            text.push_str(", and ");
        }
        text.push_str(fate);
    }
    let first = text.get(..1)?.to_uppercase();
    Some(format!("{first}{}.", text.get(1..)?))
}

/// Who listens on ports that were tried.
fn listeners(exposed: &[(u16, String, String)], ports: u32) -> String {
    let mut text = match exposed {
        [(port, _, owner)] if owner.is_empty() => {
            format!("something listens on port {port}")
        }
        [(port, _, owner), ..] if exposed.len() == 1 => {
            format!("here {owner} listens on port {port}")
        }
        [(port, _, _), ..] => format!(
            "something listens on {} ports, {port} among them",
            exposed.len()
        ),
        [] => String::new(),
    };
    if ports > 1 {
        text.push_str(if exposed.len() == 1 {
            ", which was tried"
        } else {
            ", which were tried"
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grounds(kind: Kind, severity: Severity, ports: u32) -> Grounds<'static> {
        Grounds {
            lifted: false,
            kind,
            severity,
            ports,
            others: 0,
            verdict: Verdict::Dropped,
            exposed: None,
            connected: false,
            fingerprinted: false,
            ignored: false,
        }
    }

    #[test]
    fn each_reason_says_what_decides_and_what_the_packets_met() {
        let ssh = [(22, "tcp".to_owned(), "ssh.service".to_owned())];
        let several = [ssh[0].clone(), (80, "tcp".to_owned(), String::new())];
        let scan = |severity, ports| grounds(Kind::TcpSynScan, severity, ports);
        for (grounds, text) in [
            (
                Grounds {
                    exposed: Some(&[]),
                    ..scan(Severity::Medium, 24)
                },
                "24 ports were tried. Nothing listens on any of the 24 ports, and the firewall dropped all packets.",
            ),
            (
                Grounds {
                    exposed: Some(&ssh),
                    verdict: Verdict::Passed,
                    ..scan(Severity::Low, 3)
                },
                "Only 3 ports were tried. Here ssh.service listens on port 22, which was tried, and the packets reached this computer.",
            ),
            (
                Grounds {
                    exposed: Some(&several),
                    verdict: Verdict::Mixed,
                    ..scan(Severity::High, 1000)
                },
                "As many as 1000 ports were tried. Something listens on 2 ports, 22 among them, which were tried, and some of the packets \
                 reached this computer.",
            ),
            (
                Grounds {
                    connected: true,
                    ..scan(Severity::Critical, 3)
                },
                "A connection was accepted from a source that scans. The firewall dropped all packets.",
            ),
            (
                Grounds {
                    verdict: Verdict::Unknown,
                    ..scan(Severity::Low, 1)
                },
                "Only 1 port was tried.",
            ),
            (
                Grounds {
                    others: 3,
                    ..grounds(Kind::IpProtocolScan, Severity::Low, 0)
                },
                "Only 3 protocols or messages were tried.",
            ),
            (
                grounds(Kind::RogueDhcp, Severity::Medium, 1),
                "Whoever gives out addresses says where everything is sent, and this server was not there before.",
            ),
        ] {
            assert_eq!(reason(&grounds), text);
        }
    }

    #[test]
    fn every_kind_has_a_reason_at_every_severity() {
        for kind in Kind::ALL {
            for severity in [1, 2, 3, 4, 5].map(Severity::from_level) {
                for ports in [0, 1, 300] {
                    let text = reason(&grounds(*kind, severity, ports));
                    assert!(text.ends_with('.'), "{kind} {severity} {ports}: {text}");
                }
            }
        }
    }

    #[test]
    fn what_hosts_ignore_is_told_apart_from_what_they_believe() {
        let believed = grounds(Kind::RogueRa, Severity::Medium, 0);
        let ignored = Grounds {
            ignored: true,
            ..grounds(Kind::RogueRa, Severity::Low, 0)
        };
        assert!(reason(&ignored).starts_with("Hosts ignore"));
        assert!(!reason(&believed).contains("ignore"));
    }
}
