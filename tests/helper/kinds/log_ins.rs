//! Those who want in: a worm's probes, a client that guesses passwords, and a scanner who gets a connection.

use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use wallwatch_dbus::{Kind, Verdict};
use wallwatch_test_support::{
    Process, Program, TempDir,
    netns::{ATTACKER_IF, VICTIM_V4, attacker_v4, flooder_v4},
    require_root, wait_until,
};

use crate::range::{Range, Told};

/// How long a server may need to start.
const LIMIT: Duration = Duration::from_secs(20);

/// A server of SSH on the victim's port 22.
fn dropbear(range: &Range, dir: &TempDir) -> Process {
    let key = dir.path().join("key");
    Program::new("dropbearkey")
        .args(["-t", "ed25519", "-f"])
        .arg(&key)
        .succeed();
    let program = Program::new("dropbear").args(["-F", "-E", "-p", "22", "-r"]);
    let program = program.arg(key).arg("-P").arg(dir.path().join("pid"));
    let server = range.net.victim.inside(program).start();
    wait_until("port 22 is open", LIMIT, || {
        range
            .net
            .victim
            .shell("ss -Hltn sport = 22")
            .contains("LISTEN")
    });
    server
}

/// A log-in from `source` with a password that nobody has, as words of a shell.
fn guess(dir: &TempDir, source: impl std::fmt::Display) -> String {
    let words = dir.write("guess", "#!/bin/sh\necho wrong\n");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&words, mode).expect("root may set a mode");
    let words = words.display();
    format!(
        "SSH_ASKPASS={words} SSH_ASKPASS_REQUIRE=force ssh -F none -n -b {source} -o StrictHostKeyChecking=no \
         -o UserKnownHostsFile=/dev/null -o NumberOfPasswordPrompts=1 -o PubkeyAuthentication=no nobody@{VICTIM_V4} true || :"
    )
}

#[test]
fn guessed_passwords_are_a_brute_force_and_who_gets_in_after_a_scan_is_the_worst() {
    require_root!();
    let (range, dir) = (Range::new(), TempDir::new());
    let _server = dropbear(&range, &dir);
    let mut attacks = Vec::new();

    let options = "--worm --ports 23 --sources 1 --rate 20 --count 6";
    let options: Vec<&str> = options.split(' ').collect();
    range.net.flood(&options).succeed();
    attacks.push(Told {
        tool: Some("mirai"),
        severity: 3,
        ..Told::of(Kind::Worm, &flooder_v4(0))
    });

    let scanner = attacker_v4(1);
    range.attack(&format!(
        "nmap -n -Pn -sS -T4 --max-retries 0 -p 101-120 -e {ATTACKER_IF} -S {scanner} {VICTIM_V4}"
    ));
    let scan = Told {
        tool: Some("nmap"),
        tags: &["connected"],
        severity: 5,
        verdict: None,
        ..Told::of(Kind::TcpSynScan, &scanner)
    };
    range.is_raised(&scan);
    let said = range
        .net
        .attacker
        .inside(Program::shell(&guess(&dir, scanner)))
        .output();
    assert!(said.text().contains("Permission denied"), "{}", said.text());
    attacks.push(scan);

    // Three at a time, as the programs that do this for a living.
    let guesser = attacker_v4(2);
    let once = guess(&dir, guesser);
    range.net.attacker.shell(&format!(
        "for n in 1 2 3; do (for m in 1 2 3 4 5 6 7 8 9 10 11 12; do {once}; done) & done; wait"
    ));
    attacks.push(Told {
        severity: 3,
        tags: &["accepted"],
        verdict: Some(Verdict::Passed),
        ..Told::of(Kind::BruteForce, &guesser)
    });
    range.all_are_told(&attacks);
}
