//! What the runner answers to a line: one JSON object a line, with what became of it.

use serde::{Deserialize, Serialize};

use super::words::clean;

/// More than any sentence has; what is longer is cut, in characters.
const MOST_WORDS: usize = 1000;

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The script runs.
    Started,
    /// It ended by itself.
    Ended,
    /// It was not started.
    Refused,
    /// It took too long and was ended.
    TimedOut,
    /// A later one stands for it.
    Folded,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The hook's name; empty where the line named none.
    pub hook: String,
    /// The number of the run, from 1 on in the life of the runner; 0 where there was none.
    pub run: u64,
    /// What became of it.
    pub state: State,
    /// The exit code of the script; 128 and the signal's number where a signal ended it; 0 where it did not run or runs.
    pub code: i32,
    /// The same as a sentence.
    pub words: String,
}

impl Answer {
    /// An answer; the words may hold what a stranger wrote.
    #[must_use]
    pub fn new(hook: &str, run: u64, state: State, code: i32, words: &str) -> Self {
        Self {
            hook: hook.to_owned(),
            run,
            state,
            code,
            words: clean(words).chars().take(MOST_WORDS).collect(),
        }
    }

    /// The answer as a line.
    #[must_use]
    pub fn to_line(&self) -> String {
        // A struct of strings and numbers can always be written.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_line_of_the_agreed_keys() {
        let answer = Answer::new("beep", 7, State::TimedOut, 143, "it took\ntoo long");
        assert_eq!(
            answer.to_line(),
            "{\"hook\":\"beep\",\"run\":7,\"state\":\"timed-out\",\"code\":143,\"words\":\"it took\\\\ntoo long\"}\n"
        );
        assert_eq!(
            serde_json::from_str::<Answer>(&answer.to_line()).unwrap(),
            answer
        );
    }
}
