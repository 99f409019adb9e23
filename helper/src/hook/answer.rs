//! Reads what the runner answers: bounded, whoever it is.

use crate::runner::answer::Answer;

/// An answer has at most so many bytes; what is longer is passed over.
const MOST_BYTES: usize = 8 * 1024;
/// Words are kept up to so many characters.
const MOST_WORDS: usize = 300;

/// Takes the answers out of what was read.
#[derive(Debug, Default)]
pub struct Answers {
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
    /// Is the line too long already?
    too_long: bool,
}

impl Answers {
    /// Takes in what was read, and calls `each` for each answer in it. What is none is passed over.
    pub fn read(&mut self, mut bytes: &[u8], mut each: impl FnMut(Answer)) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            self.begin(line);
            if !self.too_long
                && let Ok(answer) = serde_json::from_slice::<Answer>(&self.begun)
            {
                each(Answer {
                    words: one_line(&answer.words),
                    ..answer
                });
            }
            self.begun.clear();
            self.too_long = false;
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.begin(bytes);
    }

    fn begin(&mut self, bytes: &[u8]) {
        if self.begun.len() + bytes.len() > MOST_BYTES {
            self.too_long = true;
            self.begun.clear();
        } else if !self.too_long {
            self.begun.extend_from_slice(bytes);
        }
    }
}

/// The text without control characters, and bounded.
fn one_line(text: &str) -> String {
    let shown = text.chars().take(MOST_WORDS);
    shown
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::answer::State;

    fn read(pieces: &[&[u8]]) -> Vec<(String, State, i32, String)> {
        let mut answers = Answers::default();
        let mut all = Vec::new();
        for piece in pieces {
            answers.read(piece, |answer| {
                all.push((answer.hook, answer.state, answer.code, answer.words));
            });
        }
        all
    }

    #[test]
    fn answers_come_in_any_pieces() {
        let text = b"{\"hook\":\"a\",\"run\":1,\"state\":\"started\",\"code\":0,\"words\":\"\"}\n{\"hook\":\"a\",\"run\":1,\"state\":\"timed-out\",\"code\":143,\"words\":\"too\\nlong\"}\n";
        let expected = [
            ("a".to_owned(), State::Started, 0, String::new()),
            ("a".to_owned(), State::TimedOut, 143, "too long".to_owned()),
        ];
        assert_eq!(read(&[text]), expected);
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(read(&bytes), expected);
    }

    #[test]
    fn what_is_no_answer_is_passed_over_and_nothing_grows() {
        let good = b"{\"hook\":\"a\",\"run\":1,\"state\":\"ended\",\"code\":0,\"words\":\"\"}\n";
        let long = vec![b'x'; 3 * MOST_BYTES];
        let wrong: &[u8] = b"\n[]\n{\"hook\":7,\"state\":\"ended\"}\n\xff\xfe\n{\"hook\":\"a\",\"state\":\"flying\"}\n";
        let all = read(&[wrong, good, &long, &long, b"\n", good]);
        assert_eq!(all.len(), 2);
        let mut answers = Answers::default();
        for _ in 0..100 {
            answers.read(&long, |_| panic!("no answer"));
            assert!(answers.begun.capacity() <= 2 * MOST_BYTES);
        }
    }
}
