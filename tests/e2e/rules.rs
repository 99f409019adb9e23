//! Rules and configuration by wallwatchctl, as people use it: each answer says how it is undone, and that does undo it.

use std::{fs, path::Path};

use serde_json::Value;
use wallwatch_test_support::{
    Firewall, Helper, Program, SystemBus, TempDir, TestNet,
    process::Output,
    require_root,
    system_bus::{ALICE, MALLORY},
};

/// A helper, and those who talk to it.
struct Stage {
    _helper: Helper,
    bus: SystemBus,
    _net: TestNet,
    dir: TempDir,
}

impl Stage {
    fn new() -> Self {
        let (bus, net, dir) = (
            SystemBus::start(),
            TestNet::new(Firewall::DropInput),
            TempDir::new(),
        );
        let config = dir.write("config.toml", "[[rule]]\ntype = \"mute\"\nport = 5353\n");
        let config = config.to_str().expect("a path of ours");
        let helper = Helper::start_with(&bus, &net.victim, &["--config", config]);
        Self {
            _helper: helper,
            bus,
            _net: net,
            dir,
        }
    }

    /// What wallwatchctl answers a user; the line is split at blanks.
    fn ctl(&self, uid: u32, line: &str) -> Output {
        self.words(uid, &line.split_whitespace().collect::<Vec<_>>())
    }

    fn words(&self, uid: u32, words: &[&str]) -> Output {
        let program = self.bus.program("wallwatchctl").args(words);
        program.as_user(uid, &[]).output()
    }

    /// What alice is answered, who may do everything.
    fn alice(&self, line: &str) -> String {
        let output = self.ctl(ALICE, line);
        assert!(output.ok(), "{line}: {}", output.text());
        output.stdout
    }

    /// The rules as JSON.
    fn rules(&self) -> Vec<Value> {
        self.alice("rules --json")
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line is an object"))
            .collect()
    }
}

/// The code that the program ended with.
fn code(output: &Output) -> i32 {
    output.code.expect("no signal ended it")
}

#[test]
fn each_command_says_how_it_is_undone_and_that_undoes_it() {
    require_root!();
    let stage = Stage::new();
    for (line, said) in [
        ("trust 192.0.2.7", "Trusts packets from 192.0.2.7 (rule "),
        (
            "trust 2001:db8::/32 --port 22 --comment it's",
            "Trusts packets from 2001:db8::/32 for port 22 (\"it's\") (rule ",
        ),
        (
            "trust --interface tun0",
            "Trusts packets by the interface tun0 (rule ",
        ),
        (
            "mute --source 192.0.2.0/24 --kind ping-sweep --everybody",
            "No popups of attacks of the kind ping-sweep from 192.0.2.0/24 (rule ",
        ),
        (
            "rules network home --gateway 02:00:00:00:00:01",
            "The network behind 02:00:00:00:00:01 is home",
        ),
    ] {
        let before = stage.rules().len();
        let answer = stage.alice(line);
        assert!(answer.starts_with(said), "{line}: {answer}");
        assert_eq!(stage.rules().len(), before + 1);
        let undo = answer
            .lines()
            .find_map(|line| line.strip_prefix("Undo: wallwatchctl "))
            .unwrap_or_else(|| panic!("{line}: {answer}"));
        let answer = stage.alice(undo);
        assert_eq!(stage.rules().len(), before, "{undo}");
        // And back: the shell reads what is printed.
        let redo = answer
            .lines()
            .find_map(|line| line.strip_prefix("Undo: wallwatchctl "))
            .unwrap_or_else(|| panic!("{undo}: {answer}"));
        let split = Program::shell(&format!("printf '%s\\n' {redo}")).succeed();
        let words: Vec<&str> = split.lines().collect();
        let output = stage.words(ALICE, &words);
        assert!(output.ok(), "{redo}: {}", output.text());
        assert_eq!(stage.rules().len(), before + 1);
        let last = stage.rules().pop().expect("there is one");
        stage.alice(&format!("rules remove {}", last["id"]));
    }
}

#[test]
fn rules_are_listed_with_who_and_when_and_errors_have_their_codes() {
    require_root!();
    let stage = Stage::new();
    stage.alice("trust 192.0.2.7");
    stage.alice("rules noise llmnr off");
    let table = stage.alice("rules");
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows.len(), 4, "{table}");
    assert!(rows[0].contains("RULE") && rows[0].contains("ADDED BY") && rows[0].contains("UNDO"));
    assert!(
        rows[1].contains("on port 5353") && rows[1].contains("the configuration"),
        "{table}"
    );
    assert!(
        rows[2].contains("alice, 20") && rows[2].ends_with("wallwatchctl untrust 192.0.2.7"),
        "{table}"
    );
    assert!(
        rows[3].ends_with("wallwatchctl rules noise llmnr on"),
        "{table}"
    );
    let rules = stage.rules();
    assert_eq!(
        (&rules[1]["added_by"], &rules[1]["fixed"], &rules[1]["undo"]),
        (
            &"alice".into(),
            &false.into(),
            &"wallwatchctl untrust 192.0.2.7".into()
        )
    );
    let added = stage.alice("trust 192.0.2.7 --json");
    let added: Value = serde_json::from_str(&added).expect("an object");
    assert_eq!(added["id"], rules[1]["id"], "it is there already");
    assert!(
        stage
            .alice("mute --port 5353 --everybody")
            .contains("says so already")
    );
    for (uid, line, expected, words) in [
        (ALICE, "untrust 192.0.2.8", 5, "no rule trusts 192.0.2.8"),
        (ALICE, "rules remove 99", 5, "there is no rule 99"),
        (
            ALICE,
            "unmute --port 5353 --everybody",
            1,
            "stands in the configuration",
        ),
        (
            ALICE,
            "unmute --port 5354 --everybody",
            5,
            "no rule mutes this",
        ),
        (
            ALICE,
            "trust 192.0.2.7/24",
            2,
            "one address of 192.0.2.0/24",
        ),
        (ALICE, "trust", 2, "required"),
        (
            ALICE,
            "trust 192.0.2.7 --kind syn-flood",
            2,
            "no single packet is a syn-flood",
        ),
        (ALICE, "mute --port 22", 2, "mute --port 22 --everybody"),
        (ALICE, "rules noise own off", 2, "cannot be switched"),
        (ALICE, "rules noise nonsense off", 2, "nonsense"),
        (ALICE, "rules network home", 1, "--gateway"),
        (MALLORY, "trust 192.0.2.9", 4, ""),
        (MALLORY, "rules", 4, ""),
        (MALLORY, "reload", 4, ""),
        (MALLORY, "clear-history --all", 4, ""),
    ] {
        let output = stage.ctl(uid, line);
        assert_eq!(code(&output), expected, "{line}: {}", output.text());
        assert!(output.stderr.contains(words), "{line}: {}", output.text());
    }
    assert_eq!(stage.rules().len(), 3);
}

#[test]
fn the_configuration_is_checked_shown_and_read_again() {
    require_root!();
    let stage = Stage::new();
    let config = stage.dir.path().join("config.toml");
    let shown = config.to_str().expect("a path of ours");
    fs::create_dir(stage.dir.path().join("config.d")).expect("a directory can be made");
    let more = stage.dir.write("config.d/10.toml", "nflog.groups = [9]\n");
    let right = stage.alice(&format!("config check {shown}"));
    assert_eq!(
        right,
        format!("{shown} is right.\n{} is right.\n", more.display())
    );
    let effective = stage.alice(&format!("config show {shown}"));
    let line = |key: &str| {
        let found = effective.lines().find(|line| line.starts_with(key));
        found
            .unwrap_or_else(|| panic!("no {key} in {effective}"))
            .to_owned()
    };
    assert!(line("nflog.groups = [9]").ends_with(&format!("# {}", more.display())));
    assert!(line("nflog.group = 5370").ends_with("# default"));
    assert!(effective.contains("[[rule]]"));
    let json: Value = serde_json::from_str(&stage.alice(&format!("config show {shown} --json")))
        .expect("an object");
    assert_eq!(json["nflog"]["groups"][0], 9);
    assert_eq!(
        stage.alice("reload"),
        "The configuration was read again, and holds.\n"
    );

    fs::write(&more, "nflog.gruops = [9]\nkmsg.read = 1\n").expect("root writes anywhere");
    let output = stage.ctl(ALICE, &format!("config check {shown}"));
    assert_eq!(code(&output), 1);
    let mistakes: Vec<&str> = output.stdout.lines().collect();
    assert!(
        mistakes.len() == 2
            && mistakes[0].starts_with(&format!("{}:1: unknown field `gruops`", more.display()))
            && mistakes[1].starts_with(&format!("{}:2: ", more.display())),
        "{}",
        output.text()
    );
    let output = stage.ctl(ALICE, "reload");
    assert_eq!(code(&output), 1);
    let place = format!("{}, line ", more.display());
    assert!(output.stderr.contains(&place), "{}", output.text());
    let status = stage.alice("status");
    assert!(status.contains(&place), "{status}");
    let user = stage.dir.write("user.toml", "popup-from = 9\n");
    let output = stage.ctl(ALICE, &format!("config check --user {}", user.display()));
    assert!(
        code(&output) == 1
            && output
                .stdout
                .starts_with(&format!("{}:1: ", user.display())),
        "{}",
        output.text()
    );
    assert!(
        stage
            .alice("config path")
            .contains("/etc/wallwatch/config.toml")
    );
    assert!(Path::new(shown).exists());
}
