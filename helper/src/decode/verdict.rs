//! What the prefix of a log rule tells of the packet's fate.

use wallwatch_dbus::Verdict;

/// Words that begin or end a word of the prefix of a rule that stops packets.
const STOPPED: [&str; 5] = ["drop", "block", "reject", "deny", "denied"];
/// The same for a rule that lets packets pass.
const LET_PASS: [&str; 2] = ["accept", "allow"];
/// Words that count only whole: a rule named "bypass" says nothing.
const LET_PASS_WHOLE: [&str; 2] = ["pass", "passed"];

/// The verdict that a prefix names: its words are looked at without regard to case; a prefix that names both fates, or
/// none, tells nothing.
#[must_use]
pub fn verdict_of(prefix: &str) -> Verdict {
    let mut stopped = false;
    let mut passed = false;
    for word in prefix.split(|c: char| !c.is_ascii_alphabetic()) {
        stopped |= STOPPED.iter().any(|stem| has_stem(word, stem));
        passed |= LET_PASS.iter().any(|stem| has_stem(word, stem));
        passed |= LET_PASS_WHOLE
            .iter()
            .any(|whole| word.eq_ignore_ascii_case(whole));
    }
    match (stopped, passed) {
        (true, false) => Verdict::Dropped,
        (false, true) => Verdict::Passed,
        _ => Verdict::Unknown,
    }
}

fn has_stem(word: &str, stem: &str) -> bool {
    let begins = word
        .get(..stem.len())
        .is_some_and(|begin| begin.eq_ignore_ascii_case(stem));
    begins
        || word
            .len()
            .checked_sub(stem.len())
            .and_then(|at| word.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_prefix_tell_the_verdict() {
        for (prefix, verdict) in [
            ("[UFW BLOCK] ", Verdict::Dropped),
            ("[UFW LIMIT BLOCK] ", Verdict::Dropped),
            ("[UFW ALLOW] ", Verdict::Passed),
            ("[UFW AUDIT] ", Verdict::Unknown),
            ("filter_IN_public_REJECT: ", Verdict::Dropped),
            ("STATE_INVALID_DROP: ", Verdict::Dropped),
            ("DROP", Verdict::Dropped),
            ("FWDROP", Verdict::Dropped),
            ("iptables denied: ", Verdict::Dropped),
            ("IN-dropped ", Verdict::Dropped),
            ("[DET ACCEPT] ", Verdict::Passed),
            ("pass:", Verdict::Passed),
            ("bypass ", Verdict::Unknown),
            ("ACCEPT or DROP ", Verdict::Unknown),
            ("", Verdict::Unknown),
            ("ämter drop", Verdict::Dropped),
        ] {
            assert_eq!(verdict_of(prefix), verdict, "{prefix}");
        }
    }
}
