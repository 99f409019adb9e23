//! Rules that log by ULOG, which Linux has not had since 3.17, and what they are called today: NFLOG (iptables-extensions(8)).

use std::fmt::Write as _;

/// The group of a rule that names none: ULOG's first is 1, NFLOG's is 0.
const DEFAULT_GROUP: &str = "1";

/// The NFLOG form of a rule that jumps to ULOG, as iptables(8) and iptables-save(8) write rules; `None` for any other.
///
/// What the rule says else stays as it is, quotes and all.
#[must_use]
pub fn translate_ulog(rule: &str) -> Option<String> {
    let words = words(rule);
    let is_jump =
        |pair: &[&str]| matches!(pair, ["-j" | "--jump", target] if bare(target) == "ULOG");
    if !words.windows(2).any(is_jump) && !words.contains(&"--jump=ULOG") {
        return None;
    }
    let mut translated = String::with_capacity(rule.len() + 16);
    let mut add = |word: &str| {
        if !translated.is_empty() {
            translated.push(' ');
        }
        translated.push_str(word);
    };
    let mut group = None;
    let mut rest = words.into_iter();
    while let Some(word) = rest.next() {
        let (name, joined) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ => (word, None),
        };
        let mut value = || joined.or_else(|| rest.next()).unwrap_or_default();
        match name {
            "-j" | "--jump" => {
                let target = value();
                add(name);
                add(if bare(target) == "ULOG" {
                    "NFLOG"
                } else {
                    target
                });
            }
            "--ulog-nlgroup" => group = Some(value()),
            "--ulog-prefix" => {
                add("--nflog-prefix");
                add(value());
            }
            // 0 is the whole packet, which NFLOG copies where nothing is said.
            "--ulog-cprange" => match value() {
                "0" => {}
                range => {
                    add("--nflog-size");
                    add(range);
                }
            },
            "--ulog-qthreshold" => {
                add("--nflog-threshold");
                add(value());
            }
            // A name that iptables would complete, or none that there ever was.
            _ if name.starts_with("--ulog") => return None,
            _ => add(word),
        }
    }
    // Writing to a String cannot fail.
    _ = write!(
        translated,
        " --nflog-group {}",
        group.unwrap_or(DEFAULT_GROUP)
    );
    Some(translated)
}

/// The first rule of a file that jumps to ULOG: the number of its line, and the rule in its NFLOG form.
#[must_use]
pub fn first_in(file: &str) -> Option<(usize, String)> {
    let lines = (1..).zip(file.lines());
    let mut rules = lines.filter(|(_, line)| !line.trim_start().starts_with('#'));
    rules.find_map(|(number, line)| Some((number, translate_ulog(line)?)))
}

/// Does this ulogd.conf read ULOG? `plugin="..ulogd_inppkt_ULOG.so"` loads what does, `stack=log1:ULOG,..` uses it.
#[must_use]
pub fn is_read_by_ulogd(conf: &str) -> bool {
    let mut lines = conf.lines().map(str::trim);
    lines.any(|line| {
        let is = |key: &str| {
            line.strip_prefix(key)
                .is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        (is("plugin") && line.contains("inppkt_ULOG")) || (is("stack") && line.contains(":ULOG,"))
    })
}

/// The words of a rule, with their quotes: blanks inside quotes part none, and a backslash hides what follows it.
fn words(rule: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut quote, mut hidden) = (None, None, false);
    for (at, c) in rule.char_indices() {
        if c.is_whitespace() && quote.is_none() && !hidden {
            words.extend(start.take().map(|start| &rule[start..at]));
            continue;
        }
        start = start.or(Some(at));
        match c {
            _ if hidden => hidden = false,
            '\\' => hidden = true,
            '"' | '\'' if quote == Some(c) => quote = None,
            '"' | '\'' if quote.is_none() => quote = Some(c),
            _ => {}
        }
    }
    words.extend(start.map(|start| &rule[start..]));
    words
}

/// A word without its quotes.
fn bare(word: &str) -> &str {
    word.trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_keeps_all_but_its_target() {
        let cases = [
            (
                r#"-A INPUT -j ULOG --ulog-nlgroup 1 --ulog-prefix "x" --ulog-cprange 64 --ulog-qthreshold 10"#,
                r#"-A INPUT -j NFLOG --nflog-prefix "x" --nflog-size 64 --nflog-threshold 10 --nflog-group 1"#,
            ),
            (
                r#"iptables -A FORWARD -p tcp --dport 22 -m comment --comment "no ULOG  here" -j ULOG"#,
                r#"iptables -A FORWARD -p tcp --dport 22 -m comment --comment "no ULOG  here" -j NFLOG --nflog-group 1"#,
            ),
            (
                r"[12:720] -A LOGDROP --jump ULOG --ulog-prefix=drop\ it --ulog-nlgroup=32 --ulog-cprange 0",
                r"[12:720] -A LOGDROP --jump NFLOG --nflog-prefix drop\ it --nflog-group 32",
            ),
            ("-A x --jump=ULOG", "-A x --jump NFLOG --nflog-group 1"),
        ];
        for (old, new) in cases {
            assert_eq!(translate_ulog(old).as_deref(), Some(new));
            assert_eq!(
                translate_ulog(new),
                None,
                "a translated rule is none of ULOG's"
            );
        }
    }

    #[test]
    fn what_does_not_jump_to_ulog_is_left_alone() {
        for rule in [
            "",
            "-A INPUT -j LOG --log-prefix \"ULOG \"",
            "-A INPUT -j NFLOG --nflog-group 1",
            ":ULOG - [0:0]",
            "-A INPUT -m comment --comment \"-j ULOG\" -j DROP",
            "-A INPUT -j",
            "\"",
        ] {
            assert_eq!(translate_ulog(rule), None, "{rule}");
        }
    }

    #[test]
    fn a_rule_that_is_cut_anywhere_is_no_trouble() {
        let rule = r#"-A ä -j ULOG --ulog-prefix "ü \" x" --ulog-nlgroup 2 --ulog-cprange 9 --ulog-qthreshold 1"#;
        for end in (0..=rule.len()).filter(|end| rule.is_char_boundary(*end)) {
            let translated = translate_ulog(&rule[..end]);
            assert!(translated.is_none_or(|new| !new.contains("ULOG") && !new.contains("--ulog-")));
        }
    }

    #[test]
    fn the_first_rule_of_a_file_is_named_with_its_line() {
        let file = "# -A INPUT -j ULOG\n*filter\n:INPUT DROP [0:0]\n-A INPUT -j ULOG --ulog-nlgroup 3\n-A INPUT -j ULOG\nCOMMIT\n";
        let expected = "-A INPUT -j NFLOG --nflog-group 3".to_owned();
        assert_eq!(first_in(file), Some((4, expected)));
        assert_eq!(first_in("*filter\nCOMMIT\n"), None);
    }

    #[test]
    fn a_ulogd_that_reads_ulog_is_known_by_its_settings() {
        for (conf, reads) in [
            ("plugin=\"/usr/lib/ulogd/ulogd_inppkt_ULOG.so\"\n", true),
            (
                "[global]\n stack = log1:ULOG,base1:BASE,emu1:LOGEMU\n",
                true,
            ),
            ("#plugin=\"/usr/lib/ulogd/ulogd_inppkt_ULOG.so\"\n", false),
            (
                "stack=log2:NFLOG,base1:BASE,emu1:LOGEMU\nplugins=inppkt_ULOG",
                false,
            ),
            ("", false),
        ] {
            assert_eq!(is_read_by_ulogd(conf), reads, "{conf}");
        }
    }
}
