//! What the kernel's `nf_tables` tells of chains and rules (`linux/netfilter/nf_tables.h`), as far as it says what a firewall
//! logs and stops.

use super::{
    attributes::{Attributes, NFGENMSG},
    order::Order,
};

/// `NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN`; what asks for chains is one higher.
pub const NEW_CHAIN: u16 = (10 << 8) | 3;
/// `NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE`; what asks for rules is one higher.
pub const NEW_RULE: u16 = (10 << 8) | 6;

/// `NF_DROP` (`linux/netfilter.h`).
const DROP: u32 = 0;
/// `NFT_REG_VERDICT`.
const VERDICT: u32 = 0;
/// `NFT_LOGLEVEL_AUDIT`: to the audit log, and not to the kernel's.
const AUDIT: u32 = 8;
/// Targets of iptables that neither stop a packet nor log it.
const HARMLESS: [&[u8]; 24] = [
    b"ACCEPT",
    b"RETURN",
    b"MARK",
    b"CONNMARK",
    b"CONNSECMARK",
    b"SECMARK",
    b"CT",
    b"NOTRACK",
    b"MASQUERADE",
    b"SNAT",
    b"DNAT",
    b"REDIRECT",
    b"NETMAP",
    b"TCPMSS",
    b"CLASSIFY",
    b"DSCP",
    b"TOS",
    b"TTL",
    b"HL",
    b"SET",
    b"CHECKSUM",
    b"NFLOG",
    b"LOG",
    b"TRACE",
];

/// Where a rule logs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// The kernel's log.
    Kernel {
        /// Is the rule bound to a rate, so that most of a scan is left out?
        limited: bool,
    },
    /// A group of NFLOG.
    Group(u16),
}

/// What a rule can do to a packet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stops {
    /// It lets it go on.
    #[default]
    No,
    /// That cannot be seen in the rule.
    Perhaps,
    /// It drops or rejects it.
    Yes,
}

/// A rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rule {
    /// Where it logs to, if it does.
    pub log: Option<Log>,
    /// Does it stop packets?
    pub stops: Stops,
    /// Who made it, where its chain or its table tells.
    pub maker: Option<Maker>,
}

/// A program that manages a firewall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// ufw(8).
    Ufw,
    /// firewalld(1).
    Firewalld,
}

/// Does the chain that this body tells of drop what none of its rules decides? `None` where it is cut short or of this table.
#[must_use]
pub fn chain_drops(body: &[u8], without_table: &[u8]) -> Option<bool> {
    const TABLE: u16 = 1;
    const POLICY: u16 = 5;
    let attributes = body.get(NFGENMSG..)?;
    let table = word(value_of(attributes, TABLE));
    let counts = !table.is_empty() && table != without_table;
    counts.then(|| number(attributes, POLICY) == Some(DROP))
}

/// Reads the body of a message about a rule; `None` where it is cut short or of this table.
#[must_use]
pub fn rule(body: &[u8], without_table: &[u8]) -> Option<Rule> {
    const TABLE: u16 = 1;
    const CHAIN: u16 = 2;
    const EXPRESSIONS: u16 = 4;
    const NAME: u16 = 1;
    const DATA: u16 = 2;
    let (mut table, mut chain, mut expressions) = (&[][..], &[][..], &[][..]);
    for (kind, value) in Attributes::new(body.get(NFGENMSG..)?, Order::NATIVE) {
        match kind {
            TABLE => table = word(value),
            CHAIN => chain = word(value),
            EXPRESSIONS => expressions = value,
            _ => {}
        }
    }
    if table.is_empty() || table == without_table {
        return None;
    }
    let mut rule = Rule {
        maker: maker(table, chain),
        ..Rule::default()
    };
    let mut limited = false;
    for (_, expression) in Attributes::new(expressions, Order::NATIVE) {
        let (mut name, mut data) = (&[][..], &[][..]);
        for (kind, value) in Attributes::new(expression, Order::NATIVE) {
            match kind {
                NAME => name = word(value),
                DATA => data = value,
                _ => {}
            }
        }
        // "match" and "target" are those of iptables, by their names.
        let inner = word(value_of(data, 1));
        match name {
            b"limit" => limited = true,
            b"match" if inner == b"limit" || inner == b"hashlimit" => limited = true,
            b"log" => rule.log = rule.log.or(log(data, limited)),
            b"target" if inner == b"LOG" => {
                rule.log = rule.log.or(Some(Log::Kernel { limited }));
            }
            b"target" if inner == b"REJECT" || inner == b"DROP" => rule.stops = Stops::Yes,
            b"target" if !HARMLESS.contains(&inner) => rule.stops = rule.stops.max(Stops::Perhaps),
            b"reject" => rule.stops = Stops::Yes,
            b"immediate" if drops(data) => rule.stops = Stops::Yes,
            b"lookup" if number(data, 3) == Some(VERDICT) => {
                rule.stops = rule.stops.max(Stops::Perhaps);
            }
            b"queue" | b"synproxy" => rule.stops = rule.stops.max(Stops::Perhaps),
            _ => {}
        }
    }
    Some(rule)
}

/// Who makes tables and chains of these names. ufw leaves its chains behind, empty, when it is switched off.
fn maker(table: &[u8], chain: &[u8]) -> Option<Maker> {
    if table == b"firewalld" {
        Some(Maker::Firewalld)
    } else if chain.starts_with(b"ufw-") || chain.starts_with(b"ufw6-") {
        Some(Maker::Ufw)
    } else {
        None
    }
}

/// Reads the data of a "log".
fn log(data: &[u8], limited: bool) -> Option<Log> {
    const GROUP: u16 = 1;
    const LEVEL: u16 = 5;
    let group = Attributes::new(data, Order::NATIVE).find(|(kind, _)| *kind == GROUP);
    match group {
        Some((_, value)) => Order::Big.u16_at(value, 0).map(Log::Group),
        None if number(data, LEVEL) == Some(AUDIT) => None,
        None => Some(Log::Kernel { limited }),
    }
}

/// Is the data of this "immediate" the verdict to drop?
fn drops(data: &[u8]) -> bool {
    const DREG: u16 = 1;
    const DATA: u16 = 2;
    const DATA_VERDICT: u16 = 2;
    const VERDICT_CODE: u16 = 1;
    let verdict = value_of(value_of(data, DATA), DATA_VERDICT);
    number(data, DREG) == Some(VERDICT) && number(verdict, VERDICT_CODE) == Some(DROP)
}

/// The value of the first attribute of this type; empty where there is none.
fn value_of(attributes: &[u8], kind: u16) -> &[u8] {
    let mut all = Attributes::new(attributes, Order::NATIVE);
    all.find(|(found, _)| *found == kind)
        .map_or(&[], |(_, value)| value)
}

/// The number that the first attribute of this type is.
fn number(attributes: &[u8], kind: u16) -> Option<u32> {
    Order::Big.u32_at(value_of(attributes, kind), 0)
}

/// A name without its end mark.
fn word(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::{super::attributes::made::push, *};

    fn nest(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, value) in attributes {
            push(&mut bytes, *kind, value);
        }
        bytes
    }

    /// An expression, as an element of a list.
    fn expression(name: &str, data: &[(u16, &[u8])]) -> Vec<u8> {
        let name = [name.as_bytes(), &[0]].concat();
        nest(&[(1, &nest(&[(1, &name), (2, &nest(data))]))])
    }

    fn body(table: &str, expressions: &[Vec<u8>]) -> Vec<u8> {
        let table = [table.as_bytes(), &[0]].concat();
        let expressions = expressions.concat();
        [
            vec![2, 0, 0, 0],
            nest(&[(1, &table), (2, b"input\0"), (4, &expressions)]),
        ]
        .concat()
    }

    fn read(expressions: &[Vec<u8>]) -> Rule {
        rule(&body("filter", expressions), b"wallwatch").unwrap()
    }

    fn verdict(code: u32) -> Vec<u8> {
        let data = nest(&[(2, &nest(&[(1, &code.to_be_bytes())]))]);
        expression("immediate", &[(1, &[0; 4]), (2, &data)])
    }

    #[test]
    fn where_a_rule_logs_to_is_told_by_its_expressions() {
        let limit = || expression("limit", &[]);
        let old_limit = || expression("match", &[(1, b"limit\0")]);
        let kernel = |limited| Some(Log::Kernel { limited });
        let cases = [
            (vec![expression("log", &[(2, b"DROP \0")])], kernel(false)),
            (vec![limit(), expression("log", &[])], kernel(true)),
            (vec![expression("log", &[]), limit()], kernel(false)),
            (
                vec![expression("log", &[(1, &[0, 5])])],
                Some(Log::Group(5)),
            ),
            (vec![expression("log", &[(5, &[0, 0, 0, 8])])], None),
            (
                vec![expression("log", &[(5, &[0, 0, 0, 4])])],
                kernel(false),
            ),
            (vec![expression("target", &[(1, b"LOG\0")])], kernel(false)),
            (
                vec![old_limit(), expression("target", &[(1, b"LOG\0")])],
                kernel(true),
            ),
            (vec![expression("target", &[(1, b"NFLOG\0")])], None),
            (vec![expression("counter", &[])], None),
            (vec![], None),
        ];
        for (expressions, log) in cases {
            assert_eq!(read(&expressions).log, log, "{expressions:?}");
        }
    }

    #[test]
    fn what_stops_a_packet_is_told_by_its_expressions() {
        let target = |name: &'static [u8]| expression("target", &[(1, name)]);
        let to_verdict = |register: u32| expression("lookup", &[(3, &register.to_be_bytes())]);
        let cases = [
            (verdict(0), Stops::Yes),
            (verdict(1), Stops::No),
            (verdict(u32::MAX - 2), Stops::No), // NFT_JUMP
            (expression("reject", &[]), Stops::Yes),
            (target(b"REJECT\0"), Stops::Yes),
            (target(b"DROP\0"), Stops::Yes),
            (target(b"MARK\0"), Stops::No),
            (target(b"TARPIT\0"), Stops::Perhaps),
            (to_verdict(0), Stops::Perhaps),
            (to_verdict(1), Stops::No),
            (expression("lookup", &[]), Stops::No),
            (expression("queue", &[]), Stops::Perhaps),
            (expression("log", &[]), Stops::No),
        ];
        for (expression, stops) in cases {
            assert_eq!(
                read(std::slice::from_ref(&expression)).stops,
                stops,
                "{expression:?}"
            );
        }
    }

    #[test]
    fn the_own_table_does_not_count_and_a_cut_message_is_harmless() {
        let whole = body("wallwatch", &[expression("log", &[]), verdict(0)]);
        assert_eq!(rule(&whole, b"wallwatch"), None);
        assert!(rule(&whole, b"other").is_some());
        for end in 0..whole.len() {
            let read = rule(&whole[..end], b"other").unwrap_or_default();
            assert_eq!(read, Rule::default(), "{end}");
        }
    }

    #[test]
    fn a_rule_tells_its_maker_by_where_it_stands() {
        let make = |table: &[u8], chain: &[u8]| {
            let mut body = vec![2, 0, 0, 0];
            push(&mut body, 1, table);
            push(&mut body, 2, chain);
            rule(&body, b"wallwatch").unwrap().maker
        };
        assert_eq!(make(b"mine\0", b"input\0"), None);
        assert_eq!(make(b"filter\0", b"ufw-before-input\0"), Some(Maker::Ufw));
        assert_eq!(make(b"filter\0", b"ufw6-user-input\0"), Some(Maker::Ufw));
        assert_eq!(
            make(b"firewalld\0", b"filter_INPUT\0"),
            Some(Maker::Firewalld)
        );
    }

    #[test]
    fn a_chain_tells_its_policy() {
        let make = |table: &[u8], policy: Option<u32>| {
            let mut body = vec![2, 0, 0, 0];
            push(&mut body, 1, table);
            push(&mut body, 3, b"input\0");
            if let Some(policy) = policy {
                push(&mut body, 5, &policy.to_be_bytes());
            }
            body
        };
        for (policy, drops) in [(Some(0), true), (Some(1), false), (None, false)] {
            let whole = make(b"mine\0", policy);
            assert_eq!(chain_drops(&whole, b"wallwatch"), Some(drops));
            assert_eq!(chain_drops(&whole, b"mine"), None);
            for end in 0..whole.len() {
                let cut = chain_drops(&whole[..end], b"wallwatch");
                assert!(matches!(cut, None | Some(false)), "{end}");
            }
        }
    }
}
