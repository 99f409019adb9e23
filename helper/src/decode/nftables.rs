//! What the kernel's `nf_tables` sends (`linux/netfilter/nf_tables.h`), as far as it is asked for: named counters, and what was
//! taken out of tables.
//!
//! [`Replies`] are those of a netlink datagram, [`takes_out_of`] reads a notice. Everything read is bounded by the slice that it lies in.

use super::{
    attributes::{Attributes, Envelopes, NFGENMSG},
    order::Order,
};

/// `NLMSG_ERROR` and `NLMSG_DONE` (linux/netlink.h).
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// `NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWOBJ`.
const NEW_OBJECT: u16 = 0x0a12;
/// `NFNL_SUBSYS_NFTABLES`.
const NFTABLES: u16 = 10;
/// `NFT_MSG_DELTABLE`, `DELCHAIN`, `DELRULE`, `DELSET`, `DELOBJ`.
const TAKEN_OUT: [u16; 5] = [2, 5, 8, 11, 20];
/// `NFTA_TABLE_NAME`, `NFTA_CHAIN_TABLE`, `NFTA_RULE_TABLE`, `NFTA_SET_TABLE`, `NFTA_OBJ_TABLE`: all of them are the first.
const TABLE: u16 = 1;
/// `NFPROTO_INET` (linux/netfilter.h).
const INET: u8 = 1;
/// `NLM_F_DUMP_INTR` (linux/netlink.h): the tables changed while they were listed.
const INTERRUPTED: u16 = 0x10;

/// `NFTA_OBJ_*`.
mod object {
    pub(super) const NAME: u16 = 2;
    pub(super) const DATA: u16 = 4;
}
/// `NFTA_COUNTER_PACKETS`.
const COUNTER_PACKETS: u16 = 2;

/// One message of the answer to a listing of counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply<'a> {
    /// A counter.
    Counter {
        /// Its name.
        name: &'a [u8],
        /// How many packets it has counted.
        packets: u64,
    },
    /// The listing is complete.
    Done,
    /// The tables changed meanwhile: what was listed may be neither the old nor the new state.
    Interrupted,
    /// It was refused with this errno.
    Failed(i32),
}

/// The messages of one datagram. Messages of other types and what is cut short are left out.
#[derive(Debug, Clone)]
pub struct Replies<'a>(pub &'a [u8]);

impl<'a> Iterator for Replies<'a> {
    type Item = Reply<'a>;

    fn next(&mut self) -> Option<Reply<'a>> {
        let mut envelopes = Envelopes(self.0);
        let reply = envelopes.find_map(|envelope| match envelope.kind {
            NLMSG_ERROR => failure(envelope.body),
            _ if envelope.flags & INTERRUPTED != 0 => Some(Reply::Interrupted),
            NLMSG_DONE => failure(envelope.body),
            NEW_OBJECT => counter(envelope.body.get(NFGENMSG..)?),
            _ => None,
        });
        self.0 = envelopes.0;
        reply
    }
}

/// Does this datagram tell that something was taken out of the table `inet` of this name, or the table itself?
#[must_use]
pub fn takes_out_of(datagram: &[u8], table: &[u8]) -> bool {
    Envelopes(datagram).any(|envelope| {
        let [subsystem, kind] = [envelope.kind >> 8, envelope.kind & 0xff];
        let name = envelope
            .body
            .get(NFGENMSG..)
            .and_then(|attributes| find(attributes, TABLE));
        subsystem == NFTABLES
            && TAKEN_OUT.contains(&kind)
            && envelope.body.first() == Some(&INET)
            && name.and_then(|name| name.split(|byte| *byte == 0).next()) == Some(table)
    })
}

/// The end of a listing, good or bad: a negative errno, or 0.
fn failure<'a>(body: &[u8]) -> Option<Reply<'a>> {
    let errno = i32::from_ne_bytes(*body.first_chunk()?).checked_neg()?;
    Some(if errno == 0 {
        Reply::Done
    } else {
        Reply::Failed(errno)
    })
}

/// The counter that these attributes tell of.
fn counter(attributes: &[u8]) -> Option<Reply<'_>> {
    let name = find(attributes, object::NAME)?;
    let packets = find(find(attributes, object::DATA)?, COUNTER_PACKETS)?;
    Some(Reply::Counter {
        name: name.split(|byte| *byte == 0).next().unwrap_or_default(),
        packets: Order::Big.u64_at(packets, 0)?,
    })
}

/// The value of the first attribute of this type.
fn find(attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    Attributes::new(attributes, Order::NATIVE)
        .find_map(|(kind, value)| (kind == wanted).then_some(value))
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::{
        super::attributes::made::{message, push},
        *,
    };

    fn seen() -> Vec<u8> {
        let mut counts = Vec::new();
        push(&mut counts, 1, &4444_u64.to_be_bytes());
        push(&mut counts, COUNTER_PACKETS, &77_u64.to_be_bytes());
        let mut body = vec![1, 0, 0, 0];
        push(&mut body, 1, b"wallwatch\0");
        push(&mut body, object::NAME, b"seen\0");
        push(&mut body, object::DATA | 0x8000, &counts);
        message(NEW_OBJECT, &body)
    }

    #[test]
    fn a_listing_is_read_to_its_end() {
        let bytes = [
            seen(),
            message(0x777, &[0; 8]),
            message(NLMSG_DONE, &[0; 4]),
        ]
        .concat();
        let counter = Reply::Counter {
            name: b"seen",
            packets: 77,
        };
        assert_eq!(Replies(&bytes).collect::<Vec<_>>(), [counter, Reply::Done]);
        let refused = message(
            NLMSG_ERROR,
            &[&(-1_i32).to_ne_bytes()[..], &[0; 16]].concat(),
        );
        assert_eq!(Replies(&refused).collect::<Vec<_>>(), [Reply::Failed(1)]);
        let mut changed = message(NLMSG_DONE, &[0; 4]);
        changed[6..8].copy_from_slice(&INTERRUPTED.to_ne_bytes());
        assert_eq!(Replies(&changed).collect::<Vec<_>>(), [Reply::Interrupted]);
    }

    #[test]
    fn only_what_is_taken_out_of_the_own_table_counts() {
        let notice = |kind: u16, family: u8, table: &[u8]| {
            let mut body = vec![family, 0, 0, 0];
            push(&mut body, TABLE, table);
            [
                message(0x0a0f, &[0; 12]),
                message(NFTABLES << 8 | kind, &body),
            ]
            .concat()
        };
        for (kind, family, table, taken) in [
            (2, INET, b"wallwatch\0", true),
            (8, INET, b"wallwatch\0", true),
            (6, INET, b"wallwatch\0", false),
            (2, 2, b"wallwatch\0", false),
            (2, INET, b"wallwatcj\0", false),
        ] {
            let notice = notice(kind, family, table);
            assert_eq!(
                takes_out_of(&notice, b"wallwatch"),
                taken,
                "{kind} {family}"
            );
            for end in 0..notice.len() {
                assert!(!takes_out_of(&notice[..end], b"wallwatch"), "cut at {end}");
            }
        }
    }

    #[test]
    fn every_cut_and_every_damage_ends_without_a_panic() {
        let bytes = [seen(), seen()].concat();
        for end in 0..bytes.len() {
            assert!(Replies(&bytes[..end]).count() <= 1, "cut at {end}");
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                assert!(Replies(&damaged).count() <= 2, "byte {at} = {value}");
            }
        }
    }
}
