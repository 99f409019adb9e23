//! Text of attackers never reaches a shell, and reaches the script as it is.

use std::fs;

use serde_json::json;
use wallwatch_helper::runner::answer::State;
use wallwatch_test_support::require_root;

use crate::stage::{Stage, line};

/// What a shell would make something of, once `{}` is a file that nobody shall make.
const HOSTILE: [&str; 16] = [
    "$(touch {})",
    "`touch {}`",
    "; touch {} ;",
    "| touch {}",
    "& touch {} &",
    "&& touch {}",
    "\"; touch {}; \"",
    "'; touch {}; '",
    "'\"$(touch {})\"'",
    "\ntouch {}\n",
    "\r\n touch {}",
    ">{}",
    "() { :; }; touch {}",
    "--help -rf * ~ ${IFS} \\",
    "%s%n \u{202e}\u{1b}]0;x\u{7} \u{e9}\u{1f600}",
    "-e exec('touch {}')",
];

#[test]
fn hostile_text_arrives_byte_for_byte_and_runs_nothing() {
    require_root!();
    let stage = Stage::new();
    let (input, summary, pwned) = (
        stage.out("input"),
        stage.out("variables"),
        stage.out("pwned"),
    );
    let script = stage.dir.script(
        "echo.sh",
        &format!(
            "cat >{}; printf '%s\\n' \"$WALLWATCH_PREFIX\" \"$WALLWATCH_SRC\" \"$SRCIP\" \"$WALLWATCH_KIND\" \"$#\" >{}; printf '%s\\n' \"$WALLWATCH_PREFIX\"",
            input.display(),
            summary.display()
        ),
    );
    stage.hooks(&[("echo", &script, "on = \"event\"")]);
    let running = stage.start();
    let mut peer = running.connect();
    for text in HOSTILE {
        let text = text.replace("{}", pwned.to_str().unwrap());
        let event = json!({"feed": "kmsg", "verdict": text, "class": text, "kind": text, "prefix": text,
            "packet": {"in": text, "out": text, "src": text, "dst": text, "proto": text, "sport": 1, "dport": 2, "prefix": text}});
        let told = line("echo", 0, "event", &event);
        peer.write(&told);
        let ended = peer.end();
        assert_eq!(
            (ended.state, ended.code),
            (State::Ended, 0),
            "{text:?}: {}",
            ended.words
        );
        assert_eq!(fs::read(&input).unwrap(), told, "{text:?}");
        let expected = format!("{text}\n{text}\n{text}\n{text}\n0\n");
        assert_eq!(fs::read_to_string(&summary).unwrap(), expected);
        assert!(!pwned.exists(), "{text:?} ran");
    }
    let log = running.process.log();
    assert!(!log.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{log}");
    // A zero byte, which no variable can hold, is put right there and is whole in the input.
    let told = line(
        "echo",
        0,
        "event",
        &json!({"prefix": "a\0b", "packet": {"src": "\0"}}),
    );
    peer.write(&told);
    assert_eq!(peer.end().code, 0);
    assert_eq!(fs::read(&input).unwrap(), told);
    assert!(
        fs::read_to_string(&summary)
            .unwrap()
            .starts_with("a\u{fffd}b\n\u{fffd}\n")
    );
}
