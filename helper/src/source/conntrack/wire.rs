//! What is asked of the kernel's connection tracking: the flows that stand, and not to be told of what this machine says to itself.
//! What the kernel sends is read by [`crate::decode::conntrack`].
//!
//! Pure: values in, bytes out.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// `NFNLGRP_CONNTRACK_NEW` and `NFNLGRP_CONNTRACK_DESTROY` (`linux/netfilter/nfnetlink.h`).
pub(super) const GROUPS: [libc::c_int; 2] = [1, 3];
/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET` (`linux/netfilter/nfnetlink_conntrack.h`).
const GET: u16 = (1 << 8) | 1;
/// `NLM_F_REQUEST | NLM_F_DUMP` (`linux/netlink.h`).
const FLAGS: u16 = 0x301;

/// The request for all flows, of both families.
pub(super) fn request(sequence: u32) -> Vec<u8> {
    const LEN: u32 = 20;
    [
        &LEN.to_ne_bytes()[..],
        &GET.to_ne_bytes(),
        &FLAGS.to_ne_bytes(),
        &sequence.to_ne_bytes(),
        &[0; 4], // the port id, which the kernel knows
        &[0; 4], // nfgenmsg: family AF_UNSPEC, version 0, no number
    ]
    .concat()
}

/// Where an event has what the filter looks at, in bytes: the type of the attribute for the direction of the first packet, that
/// of the addresses within it, that of the first address, and the addresses. The kernel writes these first
/// (`ctnetlink_conntrack_event` in `net/netfilter/nf_conntrack_netlink.c`); what is built otherwise is let through.
const TUPLE_AT: u32 = 22;
const IP_AT: u32 = 26;
const SRC_AT: u32 = 30;
const ADDRESS_AT: u32 = 32;
/// The second IPv4 address, and how far apart the words of the first IPv6 address are.
const SECOND_AT: u32 = 40;
const WORD: u32 = 4;
/// `CTA_TUPLE_ORIG` and `CTA_TUPLE_IP` with `NLA_F_NESTED`, `CTA_IP_V4_SRC`, `CTA_IP_V6_SRC`.
const TUPLE: u16 = 0x8001;
const IP: u16 = 0x8001;
const V4: u16 = 1;
const V6: u16 = 3;
/// 127.0.0.0/8 (RFC 1122 section 3.2.1.3).
const LOOPBACK: u32 = 127;

/// One step of the filter; where it goes on is told by the number of a step.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Takes the number of this size at a place.
    Load(u32, u32),
    /// Is the number this one? Goes on at the first step where it is, at the second where it is not.
    Is(u32, u8, u8),
    /// Lets so many bytes of the message through.
    Give(u32),
}

impl Step {
    /// As the kernel takes it (`linux/bpf_common.h`), where it is the step of this number.
    fn instruction(self, number: u8) -> libc::sock_filter {
        // Jumps are counted from the next step on.
        let distance = |to: u8| to.wrapping_sub(number).wrapping_sub(1);
        let (code, jt, jf, k) = match self {
            Self::Load(size, at) => (libc::BPF_LD | libc::BPF_ABS | size, 0, 0, at),
            Self::Is(value, yes, no) => {
                let code = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
                (code, distance(yes), distance(no), value)
            }
            Self::Give(bytes) => (libc::BPF_RET | libc::BPF_K, 0, 0, bytes),
        };
        #[expect(clippy::cast_possible_truncation, reason = "codes have 8 bits")]
        let code = code as u16;
        libc::sock_filter { code, jt, jf, k }
    }
}

/// The number that the filter loads where this one stands in the order of this machine: it takes all for the network's order.
fn loaded(number: u16) -> u32 {
    u16::from_be_bytes(number.to_ne_bytes()).into()
}

/// A program of the packet filter (the old kind of bpf(2)) that refuses flows within this machine: from 127.0.0.0/8 to there, and
/// from `::1`. A database or a proxy on the loopback makes thousands of them a second, and none can be an attack.
pub(super) fn no_loopback() -> Vec<libc::sock_filter> {
    const WORDS: u8 = 11;
    const THROUGH: u8 = 19;
    const REFUSED: u8 = 20;
    let (word, half, byte) = (libc::BPF_W, libc::BPF_H, libc::BPF_B);
    let steps = [
        Step::Load(half, TUPLE_AT),
        Step::Is(loaded(TUPLE), 2, THROUGH),
        Step::Load(half, IP_AT),
        Step::Is(loaded(IP), 4, THROUGH),
        Step::Load(half, SRC_AT),
        Step::Is(loaded(V6), WORDS, 6),
        Step::Is(loaded(V4), 7, THROUGH),
        Step::Load(byte, ADDRESS_AT),
        Step::Is(LOOPBACK, 9, THROUGH),
        Step::Load(byte, SECOND_AT),
        Step::Is(LOOPBACK, REFUSED, THROUGH),
        // WORDS: three of 0 and one of 1
        Step::Load(word, ADDRESS_AT),
        Step::Is(0, 13, THROUGH),
        Step::Load(word, ADDRESS_AT + WORD),
        Step::Is(0, 15, THROUGH),
        Step::Load(word, ADDRESS_AT + 2 * WORD),
        Step::Is(0, 17, THROUGH),
        Step::Load(word, ADDRESS_AT + 3 * WORD),
        Step::Is(1, REFUSED, THROUGH),
        // THROUGH and REFUSED
        Step::Give(u32::MAX),
        Step::Give(0),
    ];
    (0_u8..)
        .zip(steps)
        .map(|(number, step)| step.instruction(number))
        .collect()
}

#[cfg(test)]
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]
mod tests {
    use super::*;

    /// Runs a program as the kernel does (Documentation/networking/filter.rst).
    fn run(program: &[libc::sock_filter], message: &[u8]) -> u32 {
        let (mut at, mut loaded) = (0, 0_u32);
        loop {
            let step = program[at];
            let place = usize::try_from(step.k).unwrap();
            at += 1;
            match step.code {
                0x20 | 0x28 | 0x30 => {
                    let size = match step.code {
                        0x20 => 4,
                        0x28 => 2,
                        _ => 1,
                    };
                    let Some(bytes) = message.get(place..place.saturating_add(size)) else {
                        return 0;
                    };
                    loaded = bytes
                        .iter()
                        .fold(0, |number, byte| number << 8 | u32::from(*byte));
                }
                0x15 => at += usize::from(if loaded == step.k { step.jt } else { step.jf }),
                0x06 => return step.k,
                code => panic!("no such code {code:#x}"),
            }
        }
    }

    /// An event as the kernel writes it, as far as the filter looks.
    fn event(src: &str, dst: &str) -> Vec<u8> {
        use std::net::IpAddr;
        let octets = |text: &str| match text.parse().unwrap() {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        let (src, dst) = (octets(src), octets(dst));
        let len = |bytes: usize| u16::try_from(bytes + 4).unwrap().to_ne_bytes();
        let first = if src.len() == 4 { V4 } else { V6 };
        let mut event = vec![0; 20];
        for (len, kind) in [
            (len(80), TUPLE),
            (len(2 * (src.len() + 4)), IP),
            (len(src.len()), first),
        ] {
            event.extend(len);
            event.extend(kind.to_ne_bytes());
        }
        event.extend(&src);
        event.extend(len(dst.len()));
        event.extend((first + 1).to_ne_bytes());
        event.extend(&dst);
        event
    }

    #[test]
    fn only_flows_within_this_machine_are_refused() {
        let program = no_loopback();
        for (src, dst, through) in [
            ("127.0.0.1", "127.0.0.53", false),
            ("::1", "::1", false),
            ("127.0.0.1", "192.0.2.2", true),
            ("192.0.2.7", "192.0.2.2", true),
            ("192.0.2.7", "127.0.0.1", true),
            ("2001:db8::1", "2001:db8::2", true),
            ("fe80::1", "fe80::2", true),
            ("::", "ff02::1", true),
            ("::2", "::1", true),
        ] {
            let expected = if through { u32::MAX } else { 0 };
            assert_eq!(run(&program, &event(src, dst)), expected, "{src} {dst}");
        }
    }

    #[test]
    fn what_is_built_otherwise_is_let_through() {
        let program = no_loopback();
        for at in [22, 26, 30] {
            let mut other = event("127.0.0.1", "127.0.0.1");
            other[at] = 9;
            assert_eq!(run(&program, &other), u32::MAX, "byte {at}");
        }
    }

    #[test]
    fn the_request_tells_its_length() {
        let message = request(7);
        assert_eq!(message.len(), 20);
        assert_eq!(message[..4], 20_u32.to_ne_bytes());
        assert_eq!(message[8..12], 7_u32.to_ne_bytes());
    }
}
