//! `wallwatchctl hooks`: the list, and a trial of a user's hook and of one of the system's.
#![expect(
    clippy::format_push_string,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and need not be fast"
)]

use std::{
    fs, os::unix::fs::PermissionsExt as _, os::unix::net::UnixStream, path::PathBuf, time::Duration,
};

use wallwatch_test_support::{
    Output, Process, Program, TempDir, helper, require_root,
    system_bus::{ALICE, MALLORY, WALLWATCH},
    wait_until,
};

/// What happens at once happens within this time, even on a busy machine.
const SOON: Duration = Duration::from_secs(10);

/// A user's configuration and the administrator's, and a folder of root's for scripts.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = TempDir::of_root();
        fs::create_dir_all(dir.path().join("user/wallwatch")).unwrap();
        let place = Self { dir };
        place.system("");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn user(&self, text: &str) {
        self.dir.write("user/wallwatch/config.toml", text);
    }

    fn system(&self, text: &str) {
        let socket = self.path("hook.sock");
        self.dir.write(
            "system.toml",
            format!("hook-socket = \"{}\"\n{text}", socket.display()),
        );
    }

    fn ctl(&self, words: &str) -> Program {
        Program::new(env!("CARGO_BIN_EXE_wallwatchctl"))
            .arg("hooks")
            .args(words.split_whitespace())
            .arg("--config")
            .arg(self.path("system.toml"))
            .clean_env()
            .env("XDG_CONFIG_HOME", self.path("user"))
            .env("MY_SESSION", "is here")
    }

    fn runner(&self) -> Process {
        let process = Program::new(helper::built("wallwatch-hook").expect("it is built"))
            .args(["--helper-user", &WALLWATCH.to_string()])
            .args(["--user", &ALICE.to_string()])
            .arg("--config")
            .arg(self.path("system.toml"))
            .arg("--listen")
            .arg(self.path("hook.sock"))
            .start();
        wait_until("the runner listens", SOON, || {
            UnixStream::connect(self.path("hook.sock")).is_ok()
        });
        process
    }
}

#[track_caller]
fn assert_ends(output: &Output, code: i32, parts: &[&str]) {
    assert_eq!(output.code, Some(code), "{}", output.text());
    for part in parts {
        assert!(output.text().contains(part), "{part}: {}", output.text());
    }
}

#[test]
fn the_list_says_what_each_waits_for_and_what_is_wrong() {
    require_root!();
    let place = Place::new();
    let none = place.ctl("").output();
    assert_ends(&none, 0, &["No hooks. Write a [[hook]]"]);
    let good = place.dir.script("good.sh", ":");
    let open = place.dir.script("open.sh", ":");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    place.user(&format!(
        "[[hook]]\nname = \"sound\"\non = \"alert\"\nrun = [{good:?}, \"x\"]\nmin-severity = 4\n\n[[hook]]\nname = \"early\"\non = \"event\"\nrun = [{good:?}]\n"
    ));
    place.system(&format!(
        "[[hook]]\nname = \"log\"\non = \"event\"\nrun = [{open:?}]\nprefix = \"SSH-\"\n"
    ));
    let list = place.ctl("").output();
    let parts = [
        "Yours, run by Wallwatch in your desktop session",
        "sound: each alert once, from severity 4 (high) on; at most 10 a minute",
        &format!("    {} x\n", good.display()),
        "line 7: the hook 'early': hooks on events stand in /etc/wallwatch/config.toml",
        "The system's, run as the user wallwatch-hook",
        "log: each packet, logged with a prefix like 'SSH-'",
        &format!("{} can be changed by others than its owner", open.display()),
    ];
    assert_ends(&list, 0, &parts);
    let json = place.ctl("--json").output();
    assert_ends(
        &json,
        0,
        &["\"side\":\"user\"", "\"trouble\":null", "\"name\":\"log\""],
    );
    assert_eq!(json.stdout.lines().count(), 3, "{}", json.stdout);
    place.system("[[hook]]\nnaem = 1\n");
    assert_ends(
        &place.ctl("").output(),
        0,
        &["sound:", "system.toml, line 3: unknown field `naem`"],
    );
}

#[test]
fn a_users_hook_is_tried_right_here() {
    require_root!();
    let place = Place::new();
    let good = place.dir.script("good.sh", "echo \"$MY_SESSION, $1: $WALLWATCH_SUMMARY\"; grep -c '\"test\":true'; printf '\\033[31m\\n'");
    let bad = place.dir.script("bad.sh", "echo oh >&2; exit 7");
    let slow = place.dir.script("slow.sh", "sleep 60");
    let mut text = String::new();
    for (name, script) in [
        ("good", &good),
        ("bad", &bad),
        ("slow", &slow),
        ("gone", &place.path("gone.sh")),
    ] {
        text += &format!(
            "[[hook]]\nname = \"{name}\"\non = \"alert\"\nrun = [{script:?}, \"$(x)\"]\ntimeout = 1\n"
        );
    }
    place.user(&text);
    let tried = place.ctl("test good").output();
    let parts = [
        "  is here, $(x): Port scan (SYN) - medium: 192.0.2.1, ports 22,80,443\n",
        "  1\n",
        "  \\u{1b}[31m\n",
        "It ended with exit code 0 after 0.",
    ];
    assert_ends(&tried, 0, &parts);
    assert_ends(
        &place.ctl("test bad").output(),
        1,
        &["  oh\n", "It ended with exit code 7"],
    );
    assert_ends(
        &place.ctl("test slow").output(),
        1,
        &["It took longer than its 1 s"],
    );
    assert_ends(&place.ctl("test gone").output(), 1, &["gone.sh is missing"]);
    let none = place.ctl("test nobody").output();
    assert_ends(
        &none,
        5,
        &["no hook has the name 'nobody'. There are: good, bad, slow, gone."],
    );
    let json = place.ctl("--json test bad").output();
    assert_ends(
        &json,
        1,
        &["\"code\":7", "\"output\":[\"oh\"]", "\"state\":\"ended\""],
    );
    assert_ends(&place.ctl("test").output(), 2, &["<NAME>"]);
}

#[test]
fn a_hook_of_the_system_is_tried_by_who_runs_those() {
    require_root!();
    let place = Place::new();
    let good = place
        .dir
        .script("good.sh", "echo \"I got $WALLWATCH_SUMMARY as $(id -u)\"");
    let bad = place.dir.script("bad.sh", "exit 7");
    let open = place.dir.script("open.sh", ":");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let hook = |name: &str, on: &str, script: &PathBuf| {
        format!("[[hook]]\nname = \"{name}\"\non = \"{on}\"\nrun = [{script:?}]\n")
    };
    place.system(
        &(hook("good", "event", &good)
            + &hook("bad", "alert", &bad)
            + &hook("open", "alert", &open)),
    );
    place.user(&hook("good", "alert", &open));
    let away = place.ctl("test --system good").output();
    assert_ends(
        &away,
        3,
        &[
            "does not listen at",
            "sudo systemctl enable --now wallwatch-hook.socket",
        ],
    );
    let runner = place.runner();
    let tried = place.ctl("test --system good").output();
    assert_ends(
        &tried,
        0,
        &[
            "It runs.",
            "It ended with exit code 0",
            "journalctl -u wallwatch-hook",
        ],
    );
    let said = format!("good[1]: I got udp from 192.0.2.1:40000 to 192.0.2.2:161 as {ALICE}");
    assert!(runner.log().contains(&said), "{}", runner.log());
    assert_ends(
        &place.ctl("test good").output(),
        1,
        &["can be changed by others"],
    );
    assert_ends(
        &place.ctl("test bad").output(),
        1,
        &["It ended with exit code 7"],
    );
    assert_ends(
        &place.ctl("test open").output(),
        1,
        &["can be changed by others"],
    );
    let json = place.ctl("--json test bad").output();
    assert_eq!(json.stdout.lines().count(), 2, "{}", json.text());
    // Somebody else is told that this takes root, whether the socket's mode stops him or the runner.
    for mode in [0o600, 0o666] {
        fs::set_permissions(place.path("hook.sock"), fs::Permissions::from_mode(mode)).unwrap();
        let stranger = place.ctl("test bad").as_user(MALLORY, &[]).output();
        assert_ends(&stranger, 4, &["Try again with sudo"]);
    }
}
