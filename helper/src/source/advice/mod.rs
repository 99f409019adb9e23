//! What is known of the user's firewall, and what follows for those who read the kernel's log: does it show all, a part or nothing?
//!
//! Pure: what was seen of rules and settings goes in, sentences come out. Only what is proven is said: rules that cannot be seen
//! may log.

pub mod firewalld;
pub mod ufw;
pub mod ulog;

use super::Trouble;
use crate::decode::ruleset::{Log, Maker, Rule, Stops};

/// The command that shows everything.
const CAPTURE: &str = "wallwatchctl capture on";
/// At most so many groups of NFLOG are named.
const MOST_GROUPS: usize = 8;
/// At most so many characters of a rule are shown.
const LONGEST_RULE: usize = 300;

/// How much of what a firewall does its rules write to the kernel's log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Logging {
    /// Nothing.
    #[default]
    Nothing,
    /// Every rule that writes to it is bound to a rate.
    Limited,
    /// There is a rule that writes every packet.
    Every,
}

/// The rules of nftables, iptables-nft's among them, but for the own table's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// What they write to the kernel's log.
    pub logging: Logging,
    /// The groups of NFLOG that they log to.
    pub groups: Vec<u16>,
    /// Do they stop packets?
    pub stops: Stops,
    /// Did ufw make some?
    pub ufw: bool,
    /// Did firewalld?
    pub firewalld: bool,
}

impl Rules {
    /// What these rules come to, and chains of which some drop by themselves.
    #[must_use]
    pub fn of(a_chain_drops: bool, rules: &[Rule]) -> Self {
        let mut all = Self::default();
        if a_chain_drops {
            all.stops = Stops::Yes;
        }
        for rule in rules {
            all.ufw |= rule.maker == Some(Maker::Ufw);
            all.firewalld |= rule.maker == Some(Maker::Firewalld);
            all.stops = all.stops.max(rule.stops);
            match rule.log {
                Some(Log::Kernel { limited: true }) => {
                    all.logging = all.logging.max(Logging::Limited);
                }
                Some(Log::Kernel { limited: false }) => all.logging = Logging::Every,
                Some(Log::Group(group))
                    if all.groups.len() < MOST_GROUPS && !all.groups.contains(&group) =>
                {
                    all.groups.push(group);
                }
                _ => {}
            }
        }
        all.groups.sort_unstable();
        all
    }
}

/// Everything that was seen of the firewall.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Firewall {
    /// The rules of nftables; `None` where they cannot be seen.
    pub rules: Option<Rules>,
    /// Can there be rules of the old iptables (iptables-legacy), which only root can see?
    pub legacy: bool,
    /// Does connection tracking write to the kernel's log by itself (`net.netfilter.nf_conntrack_log_invalid`)?
    pub logs_invalid: bool,
    /// ufw's settings; `None` where it is off, or they cannot be read.
    pub ufw: Option<ufw::Level>,
    /// Was a prefix of ufw's heard?
    pub ufw_heard: bool,
    /// Does firewalld log what it refuses? `None` where its settings cannot be read.
    pub firewalld: Option<bool>,
    /// What is told of rules that log by ULOG.
    pub old_ulog: Option<Trouble>,
}

/// What the kernel's log shows of the packets that the firewall stops.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Hearing {
    /// Nothing is known against it.
    #[default]
    Unknown,
    /// A part.
    Part(Trouble),
    /// Nothing, as is proven.
    Nothing(Trouble),
}

/// What follows from what was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advice {
    /// For those who read the kernel's log: directly, from the journal, or from files.
    pub kernel_log: Hearing,
    /// Rules that log by ULOG, and so not at all: which, and what they are called today.
    pub old_ulog: Option<Trouble>,
    /// Is it proven that nothing stops packets on this machine?
    pub no_firewall: bool,
}

impl Firewall {
    /// What follows.
    #[must_use]
    pub fn advice(&self) -> Advice {
        let stops = self.proven().map(|rules| rules.stops);
        Advice {
            kernel_log: self.kernel_log(),
            old_ulog: self.old_ulog.clone(),
            no_firewall: stops == Some(Stops::No),
        }
    }

    /// The rules, where there can be no others.
    fn proven(&self) -> Option<&Rules> {
        self.rules.as_ref().filter(|_| !self.legacy)
    }

    fn kernel_log(&self) -> Hearing {
        let seen = self.rules.clone().unwrap_or_default();
        let silent = self
            .proven()
            .is_some_and(|rules| rules.logging == Logging::Nothing)
            && !self.logs_invalid;
        let say = |trouble| {
            if silent {
                Hearing::Nothing(trouble)
            } else {
                Hearing::Part(trouble)
            }
        };
        // A rule that is not bound to a rate shows more than the one who made the others wants.
        let every = seen.logging == Logging::Every;
        if seen.ufw || self.ufw.is_some() || self.ufw_heard {
            return match self.ufw {
                Some(ufw::Level::Off) if !every => say(Trouble::new(
                    "ufw is set to log nothing (LOGLEVEL=off), so nothing of what it blocks is seen.",
                    "sudo ufw logging low",
                )),
                None if silent => Hearing::Nothing(Trouble::new(
                    "ufw's rules log nothing, so nothing of what it blocks is seen.",
                    "sudo ufw logging low",
                )),
                Some(ufw::Level::Every) => Hearing::Unknown,
                _ if every => Hearing::Unknown,
                _ => Hearing::Part(Trouble::new(
                    "ufw logs ten packets, then three a minute: of a scan of 1,000 ports about ten are seen.",
                    CAPTURE,
                )),
            };
        }
        if seen.firewalld && (silent || (self.firewalld == Some(false) && !every)) {
            return say(Trouble::new(
                "firewalld is set to log nothing (LogDenied=off), so nothing of what it refuses is seen.",
                "sudo firewall-cmd --set-log-denied=unicast",
            ));
        }
        if silent {
            return Hearing::Nothing(Trouble::new(silence(&seen), CAPTURE));
        }
        if self
            .proven()
            .is_some_and(|rules| rules.logging == Logging::Limited)
        {
            return Hearing::Part(Trouble::new(
                "Every rule of the firewall that logs is bound to a rate, so of a scan only the first packets are seen.",
                CAPTURE,
            ));
        }
        Hearing::Unknown
    }
}

/// Why nothing is heard of rules that do not write to the kernel's log.
fn silence(rules: &Rules) -> String {
    if rules.stops == Stops::No && rules.groups.is_empty() {
        return "This machine has no firewall that logs, so the kernel's log shows no attack."
            .to_owned();
    }
    if rules.groups.is_empty() {
        return "No rule of the firewall logs, so the kernel's log shows no attack.".to_owned();
    }
    let groups: Vec<String> = rules.groups.iter().map(u16::to_string).collect();
    let several = if groups.len() == 1 { "" } else { "s" };
    format!(
        "The firewall's rules log to NFLOG group{several} {} and not to the kernel's log, which so shows no attack.",
        groups.join(", ")
    )
}

/// What is told of a rule that logs by ULOG.
#[must_use]
pub fn old_rule(path: &str, line: usize, translated: &str) -> Trouble {
    let rule: String = translated
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_RULE)
        .collect();
    Trouble::new(
        format!(
            "The rule in line {line} of {path} logs by ULOG, which Linux has not had since 3.17, so it logs nothing. Today it reads: {rule}"
        ),
        "",
    )
}

/// What is told of a ulogd that reads ULOG.
#[must_use]
pub fn old_ulogd(path: &str) -> Trouble {
    Trouble::new(
        format!(
            "{path} has ulogd read ULOG, which Linux has not had since 3.17, so it hears nothing. Its input plugin is \
             ulogd_inppkt_NFLOG.so today, and its stack begins with NFLOG."
        ),
        "",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(rules: Rules) -> Firewall {
        Firewall {
            rules: Some(rules),
            ..Firewall::default()
        }
    }

    fn reason(hearing: &Hearing) -> (&str, &str, &str) {
        match hearing {
            Hearing::Unknown => ("unknown", "", ""),
            Hearing::Part(trouble) => ("part", &trouble.reason, &trouble.mend),
            Hearing::Nothing(trouble) => ("nothing", &trouble.reason, &trouble.mend),
        }
    }

    #[track_caller]
    fn expect(firewall: &Firewall, how: &str, words: &str, mend: &str) {
        let advice = firewall.advice();
        let (told, sentence, command) = reason(&advice.kernel_log);
        assert_eq!((told, command), (how, mend), "{sentence}");
        assert!(sentence.contains(words), "{sentence}");
    }

    #[test]
    fn rules_come_to_what_the_loudest_of_them_says() {
        let log = |log| Rule {
            log: Some(log),
            ..Rule::default()
        };
        let limited = log(Log::Kernel { limited: true });
        let every = log(Log::Kernel { limited: false });
        let logging = |rules: &[Rule]| Rules::of(false, rules).logging;
        assert_eq!(logging(&[]), Logging::Nothing);
        assert_eq!(logging(&[log(Log::Group(5))]), Logging::Nothing);
        assert_eq!(logging(&[limited, Rule::default()]), Logging::Limited);
        assert_eq!(logging(&[limited, every, limited]), Logging::Every);
        let groups: Vec<Rule> = [7, 5, 5].map(|group| log(Log::Group(group))).to_vec();
        assert_eq!(Rules::of(false, &groups).groups, [5, 7]);
        let of_ufw = Rule {
            maker: Some(Maker::Ufw),
            ..Rule::default()
        };
        let rules = Rules::of(true, &[of_ufw]);
        assert_eq!(
            (rules.stops, rules.ufw, rules.firewalld),
            (Stops::Yes, true, false)
        );
    }

    #[test]
    fn ufw_shows_ten_packets_of_a_scan_unless_it_is_told_to_show_more() {
        let ufw = Rules {
            ufw: true,
            logging: Logging::Limited,
            stops: Stops::Yes,
            ..Rules::default()
        };
        expect(&seen(ufw.clone()), "part", "ten packets", CAPTURE);
        let every = Rules {
            logging: Logging::Every,
            ..ufw.clone()
        };
        expect(&seen(every), "unknown", "", "");
        // Where its rules are the old iptables', its settings tell.
        let set = |level| Firewall {
            ufw: Some(level),
            legacy: true,
            ..seen(Rules::default())
        };
        expect(&set(ufw::Level::Limited), "part", "three a minute", CAPTURE);
        expect(&set(ufw::Level::Every), "unknown", "", "");
        expect(
            &set(ufw::Level::Off),
            "part",
            "LOGLEVEL=off",
            "sudo ufw logging low",
        );
        // Where nothing of it can be read, its lines tell.
        let heard = Firewall {
            ufw_heard: true,
            ..Firewall::default()
        };
        expect(&heard, "part", "ten packets", CAPTURE);
        let off = Rules {
            logging: Logging::Nothing,
            ..ufw
        };
        expect(
            &seen(off),
            "nothing",
            "ufw's rules log nothing",
            "sudo ufw logging low",
        );
    }

    #[test]
    fn firewalld_shows_nothing_unless_it_is_told_to() {
        let command = "sudo firewall-cmd --set-log-denied=unicast";
        let quiet = Rules {
            firewalld: true,
            stops: Stops::Yes,
            ..Rules::default()
        };
        expect(&seen(quiet.clone()), "nothing", "LogDenied=off", command);
        let loud = Rules {
            logging: Logging::Every,
            ..quiet.clone()
        };
        expect(&seen(loud), "unknown", "", "");
        let beside_the_old_iptables = Firewall {
            legacy: true,
            firewalld: Some(false),
            ..seen(quiet)
        };
        expect(&beside_the_old_iptables, "part", "LogDenied=off", command);
        let not_running = Firewall {
            firewalld: Some(false),
            legacy: true,
            ..seen(Rules::default())
        };
        expect(&not_running, "unknown", "", "");
    }

    #[test]
    fn the_log_is_only_called_empty_where_that_is_proven() {
        let stops = |stops| Rules {
            stops,
            ..Rules::default()
        };
        expect(
            &seen(stops(Stops::Yes)),
            "nothing",
            "No rule of the firewall logs",
            CAPTURE,
        );
        expect(
            &seen(stops(Stops::No)),
            "nothing",
            "no firewall that logs",
            CAPTURE,
        );
        let to_group = Rules {
            groups: vec![5, 7],
            ..stops(Stops::Yes)
        };
        expect(&seen(to_group), "nothing", "NFLOG groups 5, 7", CAPTURE);
        let limited = Rules {
            logging: Logging::Limited,
            ..stops(Stops::Yes)
        };
        expect(&seen(limited), "part", "bound to a rate", CAPTURE);
        for unproven in [
            Firewall::default(),
            Firewall {
                legacy: true,
                ..seen(stops(Stops::Yes))
            },
            Firewall {
                logs_invalid: true,
                ..seen(stops(Stops::Yes))
            },
        ] {
            expect(&unproven, "unknown", "", "");
        }
    }

    #[test]
    fn no_firewall_is_only_told_where_that_is_proven() {
        let none = seen(Rules::default());
        assert!(none.advice().no_firewall);
        for (stops, legacy) in [
            (Stops::Yes, false),
            (Stops::Perhaps, false),
            (Stops::No, true),
        ] {
            let firewall = Firewall {
                legacy,
                ..seen(Rules {
                    stops,
                    ..Rules::default()
                })
            };
            assert!(!firewall.advice().no_firewall);
        }
        assert!(!Firewall::default().advice().no_firewall);
    }

    #[test]
    fn an_old_rule_is_shown_in_its_form_of_today() {
        let trouble = old_rule(
            "/etc/iptables/rules.v4",
            12,
            "-A INPUT\u{1b} -j NFLOG --nflog-group 1",
        );
        assert!(trouble.reason.contains("line 12 of /etc/iptables/rules.v4"));
        assert!(
            trouble
                .reason
                .ends_with("-A INPUT -j NFLOG --nflog-group 1")
        );
        let long = old_rule("x", 1, &"y".repeat(5000));
        assert!(long.reason.len() < 600);
    }
}
