//! Lines that no helper writes.

use std::io::Write as _;

use wallwatch_helper::runner::{
    answer::State,
    told::{MOST_LINE, Told},
};
use wallwatch_test_support::require_root;

use crate::stage::{Stage, alert, line};

#[test]
fn garbage_and_lines_of_thirty_mebibytes_are_refused_and_the_next_line_is_heard() {
    require_root!();
    let stage = Stage::new();
    let script = stage.dir.script("run.sh", ":");
    stage.hooks(&[("run", &script, "")]);
    let running = stage.start();
    let before = running.process.figures().rss_kib;
    let mut peer = running.connect();
    for garbage in [
        &b"\n"[..],
        b"hello\n",
        b"\xff\xfe\x00\n",
        b"{\"version\":1,\"hook\":\"run\"}\n",
        b"{\"version\":1,\"hook\":\"\\u001b[31m\",\"on\":\"alert\",\"alert\":{}}\n",
        b"{\"version\":1,\"hook\":\"../run\",\"on\":\"alert\",\"alert\":{}}\n",
        b"{\"version\":1,\"hook\":\"run\",\"on\":\"alert\",\"alert\":[[[[\n",
    ] {
        peer.write(garbage);
        let refused = peer.end();
        assert_eq!(refused.state, State::Refused, "{garbage:?}");
        assert!(
            !refused.words.is_empty() && !refused.words.contains('\u{1b}'),
            "{refused:?}"
        );
    }
    let deep = format!(
        "{{\"version\":1,\"hook\":\"run\",\"on\":\"alert\",\"alert\":{}\n",
        "[".repeat(MOST_LINE / 2)
    );
    peer.write(deep.as_bytes());
    assert_eq!(peer.end().state, State::Refused);
    let chunk = vec![b'x'; 1024 * 1024];
    for _ in 0..30 {
        peer.write(&chunk);
    }
    peer.write(b"\n");
    assert_eq!(peer.end().words, "The line is longer than 64 KiB.");
    let grown = running.process.figures().rss_kib.saturating_sub(before);
    eprintln!("a line of 30 MiB costs {grown} KiB");
    assert!(grown < 2048, "{grown} KiB");
    peer.alert("run", &alert(1));
    assert_eq!(peer.end().state, State::Ended);
    // The longest that is a line still is one.
    let mut big = alert(2);
    let rest = MOST_LINE - (line("run", 0, "alert", &big).len() - 1) - ",\"reason\":\"\"".len();
    big["reason"] = "x".repeat(rest).into();
    let longest = line("run", 0, "alert", &big);
    assert_eq!(longest.len(), MOST_LINE + 1, "with its end");
    peer.write(&longest);
    assert_eq!(peer.end().state, State::Ended);
    // Half a line is none.
    let told = line("run", 0, "alert", &alert(3));
    peer.write(&told[..told.len() - 1]);
    peer.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(peer.rest(), []);
    // And one that comes in small pieces is one.
    let mut peer = running.connect();
    for byte in told.chunks(7) {
        peer.write(byte);
        peer.stream.flush().unwrap();
    }
    assert_eq!(peer.end().state, State::Ended);
}

proptest::proptest! {
    /// Any bytes are a line or a sentence, and never a panic.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        match Told::read(&bytes) {
            Ok(told) => proptest::prop_assert!(told.input().starts_with(&bytes)),
            Err(sentence) => proptest::prop_assert!(sentence.ends_with('.')),
        }
    }

    /// A line of any text in any field comes through as it is.
    #[test]
    fn any_text_comes_through(text in "\\PC*|[\\x00-\\x7f]{0,40}", folded in 0..10_u64) {
        let bytes = line("beep", folded, "alert", &serde_json::json!({"id": 1, "reason": text, "sources": [text]}));
        let told = Told::read(&bytes[..bytes.len() - 1]).unwrap();
        proptest::prop_assert_eq!(told.input(), bytes.clone());
        let mut latest = told.clone();
        latest.fold(&told);
        let value: serde_json::Value = serde_json::from_slice(&latest.input()).unwrap();
        proptest::prop_assert_eq!(value["alert"]["reason"].as_str(), Some(text.as_str()));
        proptest::prop_assert_eq!(value["folded"].as_u64(), Some(2 * folded + 1));
    }
}
