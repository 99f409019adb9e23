//! What the watchdog tells the helper: a line each, so that it can be read by people too.

use std::{fmt, str::FromStr};

/// A line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// The queue is ours.
    Bound,
    /// The kernel refused the queue, with this errno.
    Refused(i32),
    /// The reader ended, and all that waited was let pass. `read` is the number of the last packet that it read.
    Ended {
        /// Why.
        why: Why,
        /// The number of the last packet that was read.
        read: u32,
    },
    /// Readers ended again and again, so the queue was given back. Nothing that waited was lost.
    GaveUp,
    /// The watchdog was gone, so its reader gave the queue back. Nothing that waited was lost.
    Left,
}

/// Why a reader ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It stood still, and the watchdog ended it.
    Still,
    /// Something else ended it.
    Died,
}

impl Word {
    /// Was the queue given back with it, so that nothing was lost?
    pub(super) const fn is_farewell(self) -> bool {
        matches!(self, Self::GaveUp | Self::Left)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bound => f.write_str("bound"),
            Self::Refused(errno) => write!(f, "refused {errno}"),
            Self::Ended {
                why: Why::Still,
                read,
            } => write!(f, "still {read}"),
            Self::Ended {
                why: Why::Died,
                read,
            } => write!(f, "died {read}"),
            Self::GaveUp => f.write_str("gave-up"),
            Self::Left => f.write_str("left"),
        }
    }
}

impl FromStr for Word {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let (word, number) = line.split_once(' ').unwrap_or((line, ""));
        let ended = |why| {
            let read = number.parse().map_err(|_| ())?;
            Ok(Self::Ended { why, read })
        };
        match word {
            "bound" => Ok(Self::Bound),
            "refused" => number.parse().map(Self::Refused).map_err(|_| ()),
            "still" => ended(Why::Still),
            "died" => ended(Why::Died),
            "gave-up" => Ok(Self::GaveUp),
            "left" => Ok(Self::Left),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_as_it_was_written() {
        let ended = |why| Word::Ended {
            why,
            read: u32::MAX,
        };
        for word in [
            Word::Bound,
            Word::Refused(1),
            ended(Why::Still),
            ended(Why::Died),
            Word::GaveUp,
            Word::Left,
        ] {
            assert_eq!(word.to_string().parse(), Ok(word));
        }
        for rubbish in ["", "refused", "still x", "thread 'main' panicked"] {
            assert_eq!(rubbish.parse::<Word>(), Err(()), "{rubbish}");
        }
    }
}
