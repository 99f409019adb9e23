//! How a machine tells of what comes to it, and the alerts that come of it.

use wallwatch_dbus::Alert;
use wallwatch_helper::{
    decode::{Body, Capture, Lines, Mac, Report, Stamp, dress::Reference, order::Order},
    detect,
    event::{Feed, Interface, Prefix, Timestamp},
    packet::Transport,
    replay::{Replay, Unit},
};

use crate::{
    format::{dress, frames, kernel},
    place::Place,
    scene::Sent,
};

/// Ethernet (`LINKTYPE_ETHERNET`, pcap-linktype(7)).
const ETHERNET: u32 = 1;
/// What people write before lines about dropped packets, and about accepted ones.
const PREFIXES: [(&str, &str); 4] = [
    ("[UFW BLOCK]", "[UFW ALLOW]"),
    ("DROP:", "ACCEPT:"),
    ("FINAL_REJECT:", "PASS:"),
    ("iptables denied:", "accepted:"),
];

/// A way to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Lines with everything that a rule can be asked to tell.
    Lines,
    /// Lines without TCP's numbers and options.
    Stripped,
    /// A capture.
    Pcap,
    /// Records of the kernel's packet log.
    Records,
}

impl Form {
    /// Each.
    pub const ALL: [Self; 4] = [Self::Lines, Self::Stripped, Self::Pcap, Self::Records];
}

/// The alerts that these packets raise at this place, told in this form.
pub fn alerts(place: &Place, sent: &[Sent], form: Form) -> Vec<Alert> {
    let last = sent.iter().map(|sent| sent.time).max().unwrap_or_default();
    let mut replay = Replay::new(detect::Config::default(), place.neighbourhood(), last, last);
    match form {
        Form::Lines | Form::Stripped => {
            let now = last.plus(3600 * Timestamp::SECOND);
            let mut lines = Lines::new(Reference {
                now,
                ..Reference::default()
            });
            for sent in sent {
                let line = line(place, sent, form);
                replay.feed(lines.read(line.as_bytes()));
            }
            let refused = &replay.counts().lines.refused;
            assert!(refused.is_empty(), "every line is read: {refused:?}");
        }
        Form::Pcap => feed_capture(place, sent, &mut replay),
        Form::Records => {
            for sent in sent {
                let report = Report {
                    stamp: Stamp::Wall(sent.time),
                    feed: Feed::Nflog,
                    trusted: true,
                    ..report(place, sent)
                };
                replay.feed(Ok(report));
            }
        }
    }
    replay.finish().collect()
}

/// What a rule knows of a packet.
fn report(place: &Place, sent: &Sent) -> Report {
    // A user has one firewall, whose rules have their prefixes.
    let rules = PREFIXES[usize::from(place.mac[5]) % PREFIXES.len()];
    let prefix = if sent.accepted { rules.1 } else { rules.0 };
    let ethertype = if sent.packet.dst.is_ipv4() {
        0x0800
    } else {
        0x86dd
    };
    Report {
        prefix: Prefix::from(prefix).expect("a short prefix"),
        input: if sent.bridged {
            Interface::from("docker0").expect("a short name")
        } else {
            place.interface
        },
        mac: Some(Mac {
            src: sent.from,
            dst: sent.to,
            ethertype,
        }),
        group: sent.packet.is_to_group() || sent.to[0] & 1 == 1,
        ..Report::bare(Feed::File, Body::Packet(sent.packet.clone()))
    }
}

/// The line of a log that tells of a packet, without its end.
pub fn line(place: &Place, sent: &Sent, form: Form) -> String {
    let mut report = report(place, sent);
    if let Body::Packet(packet) = &mut report.body
        && let Transport::Tcp(tcp) = &mut packet.transport
    {
        if form == Form::Stripped {
            (tcp.seq, tcp.ack, tcp.options) = (None, None, None);
        }
        // Of a header without options the kernel says nothing.
        tcp.options = tcp.options.take().filter(|options| !options.is_empty());
    }
    let message = kernel::message(&report, kernel::Style::default());
    dress::iso(sent.time, 0, None, &message)
}

fn feed_capture(place: &Place, sent: &[Sent], replay: &mut Replay) {
    let frame = |sent: &Sent| {
        let mac = report(place, sent)
            .mac
            .expect("every packet came in a frame");
        (sent.time, frames::ethernet(&sent.packet, mac, None))
    };
    let all: Vec<_> = sent.iter().map(frame).collect();
    let file = frames::pcap(ETHERNET, Order::Little, &all);
    let mut capture = Capture::new(&file[..]).expect("a capture");
    while let Some(frame) = capture.next().expect("a whole capture") {
        assert!(frame.is_ok(), "every frame is read: {frame:?}");
        replay.feed_unit(Unit::Frame, &frame);
    }
}
