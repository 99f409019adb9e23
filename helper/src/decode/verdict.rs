//! What the prefix of a log rule tells of the packet's fate.

use wallwatch_dbus::Verdict;

/// Words that begin or end a word of the prefix of a rule that stops packets.
const STOPPED: [Stem; 5] = [
    Stem::new(b"drop"),
    Stem::new(b"block"),
    Stem::new(b"reject"),
    Stem::new(b"deny"),
    Stem::new(b"denied"),
];
/// The same for a rule that lets packets pass.
const LET_PASS: [Stem; 2] = [Stem::new(b"accept"), Stem::new(b"allow")];
/// Words that count only whole: a rule named "bypass" says nothing.
const LET_PASS_WHOLE: [Stem; 2] = [Stem::new(b"pass"), Stem::new(b"passed")];

/// The verdict that a prefix names: its words are looked at without regard to case; a prefix that names both fates, or
/// none, tells nothing.
#[must_use]
pub fn verdict_of(prefix: &str) -> Verdict {
    let mut stopped = false;
    let mut passed = false;
    let mut word = Word::default();
    // What is no letter ends a word, as does the end of the prefix.
    for byte in prefix.bytes().chain([0]) {
        if byte.is_ascii_alphabetic() {
            word.push(byte.to_ascii_lowercase());
            continue;
        }
        // No stem is shorter.
        if word.length >= 4 {
            stopped |= STOPPED.iter().any(|stem| word.has(*stem));
            passed |= LET_PASS.iter().any(|stem| word.has(*stem));
            passed |= LET_PASS_WHOLE.iter().any(|whole| word.is(*whole));
        }
        word = Word::default();
    }
    match (stopped, passed) {
        (true, false) => Verdict::Dropped,
        (false, true) => Verdict::Passed,
        _ => Verdict::Unknown,
    }
}

/// At most eight letters in one number, the first in the lowest byte.
#[derive(Clone, Copy)]
struct Stem {
    letters: u64,
    bits: u32,
}

impl Stem {
    const fn new<const N: usize>(letters: &[u8; N]) -> Self {
        let mut stem = Self {
            letters: 0,
            bits: 0,
        };
        let mut rest = letters.as_slice();
        while let [letter, behind @ ..] = rest {
            stem.letters |= (*letter as u64) << stem.bits;
            stem.bits = stem.bits.wrapping_add(8);
            rest = behind;
        }
        stem
    }
}

/// The first eight letters of a word and its last, each eight in one number, so that a stem is found in one comparison.
#[derive(Default)]
struct Word {
    /// From the lowest byte up.
    first: u64,
    /// To the highest byte up.
    last: u64,
    length: u32,
}

impl Word {
    fn push(&mut self, letter: u8) {
        if self.length < 8 {
            self.first |= u64::from(letter) << self.length.wrapping_mul(8);
        }
        self.last = self.last >> 8 | u64::from(letter) << 56;
        self.length = self.length.wrapping_add(1);
    }

    /// Does the word begin or end so?
    fn has(&self, stem: Stem) -> bool {
        let other = 64_u32.wrapping_sub(stem.bits);
        self.first << other == stem.letters << other || self.last >> other == stem.letters
    }

    fn is(&self, stem: Stem) -> bool {
        self.length.wrapping_mul(8) == stem.bits && self.first == stem.letters
    }
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
            ("DROPÄ", Verdict::Dropped),
            ("dro p", Verdict::Unknown),
            ("dropping everything", Verdict::Dropped),
            ("a-very-long-word-blocked", Verdict::Dropped),
            ("averylongwordthatisblock", Verdict::Dropped),
            ("averylongwordthatblocksall", Verdict::Unknown),
            ("disallowed", Verdict::Unknown),
            ("accepted", Verdict::Passed),
            ("DENIED", Verdict::Dropped),
            ("passed", Verdict::Passed),
            ("passes", Verdict::Unknown),
            ("den", Verdict::Unknown),
        ] {
            assert_eq!(verdict_of(prefix), verdict, "{prefix}");
        }
    }
}
