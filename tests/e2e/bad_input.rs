//! What can be wrong with a machine, told by the real programs: each in a sentence, with an exit code, never by a panic, and
//! the command that the sentence names mends it. The user's own firewall rules stay as they are.

use std::time::Duration;

use wallwatch_dbus::{SourceHealth, names::HELPER_BUS_NAME};
use wallwatch_test_support::{
    Firewall, Helper, NetNs, Output, Process, Program, SystemBus, TempDir, TestNet,
    helper::RIGHTS,
    process::wait_until,
    require_root,
    system_bus::{ALICE, MALLORY, WALLWATCH},
};

/// How long a program may take to say what is wrong, or to be mended: a source that failed is tried again.
const LIMIT: Duration = Duration::from_secs(40);
/// sysexits.h: the system bus is not to be had.
const EX_UNAVAILABLE: i32 = 69;
/// sysexits.h: no right to watch anything.
const EX_NOPERM: i32 = 77;
/// sysexits.h: the configuration is broken.
const EX_CONFIG: i32 = 78;

/// A victim and a bus, and the user's ruleset as it was.
struct Machine {
    bus: SystemBus,
    net: TestNet,
    ruleset: String,
}

impl Machine {
    fn new() -> Self {
        let net = TestNet::new(Firewall::DropInput);
        Self {
            bus: SystemBus::start(),
            ruleset: net.victim.ruleset(),
            net,
        }
    }

    /// Runs the helper until it ends by itself, with these rights.
    fn helper_fails(&self, rights: &[&str], arguments: &[&str]) -> Output {
        let state = TempDir::new();
        let program = self
            .bus
            .program("wallwatch-helper")
            .arg("--state-dir")
            .arg(state.private("state", WALLWATCH));
        let program = program
            .args(arguments)
            .clean_env()
            .as_user(WALLWATCH, rights);
        let output = self.net.victim.inside(program).output_within(LIMIT);
        self.check(&output.text());
        output
    }

    /// What holds for whatever the programs say, and for the machine after it.
    fn check(&self, said: &str) {
        assert!(!said.contains("panicked"), "{said}");
        assert_eq!(
            without_own_table(&self.net.victim),
            self.ruleset,
            "the user's ruleset is as it was"
        );
    }

    /// The health record of a source, once it has this state.
    fn source(&self, name: &str, state: &str) -> SourceHealth {
        let find = || {
            self.bus
                .status()
                .sources
                .into_iter()
                .find(|source| source.name == name)
        };
        wait_until(&format!("{name} is {state}"), LIMIT, || {
            find().is_some_and(|source| source.state == state)
        });
        find().expect("a source does not vanish")
    }

    /// Runs the command that a sentence named, inside, as root; `prelude` is run before in the same shell.
    fn mend(&self, prelude: &str, command: &str) -> Program {
        assert!(!command.is_empty(), "a command is named");
        // We are root already; and what the command starts shall be the process itself.
        let script = format!("sudo() {{ exec \"$@\"; }}\n{prelude}\n{command}");
        self.net
            .victim
            .inside(self.bus.inside(Program::shell(&script)))
    }
}

/// The ruleset but for the table `inet wallwatch`.
fn without_own_table(ns: &NetNs) -> String {
    let ruleset = ns.ruleset();
    let Some(start) = ruleset.find("table inet wallwatch ") else {
        return ruleset;
    };
    let end = ruleset[start..]
        .find("\n}\n")
        .map_or(ruleset.len(), |end| start + end + 3);
    format!("{}{}", &ruleset[..start], &ruleset[end..])
}

/// The command behind "To mend it: " in what a program said.
fn named_command(said: &str) -> &str {
    let rest = said
        .split("To mend it: ")
        .nth(1)
        .unwrap_or_else(|| panic!("no command is named in: {said}"));
    rest.lines().next().unwrap_or_default().trim()
}

#[test]
fn a_broken_config_is_told_with_file_line_and_the_keys_that_are_known() {
    require_root!();
    let machine = Machine::new();
    let dir = TempDir::new();
    for (text, line, known) in [
        ("\n[nflog]\ngruop = 5\n", "line 3", "`group`"),
        ("captrue = true\n", "line 1", "`capture`"),
        ("capture = \"on\"\n", "line 1", "boolean"),
        ("nflog.group = 70000\n", "line 1", "70000"),
        ("capture = \n", "line 1", "capture"),
        ("\u{0}\u{1b}[31m = 1\n", "line 1", ""),
    ] {
        let file = dir.write("config.toml", text);
        let output = machine.helper_fails(&RIGHTS, &["--config", &file.to_string_lossy()]);
        assert_eq!(output.code, Some(EX_CONFIG), "{text:?}: {}", output.text());
        for part in [file.to_string_lossy().as_ref(), line, known] {
            assert!(
                output.stderr.contains(part),
                "{text:?}: no {part:?} in {}",
                output.stderr
            );
        }
        assert!(
            !output.stderr.contains('\u{1b}'),
            "nothing from the file reaches the terminal raw: {:?}",
            output.stderr
        );
    }
    let missing = machine.helper_fails(&RIGHTS, &["--config", "/nonexistent/config.toml"]);
    assert_eq!(missing.code, Some(EX_CONFIG), "{}", missing.text());
    assert!(
        missing.stderr.contains("/nonexistent/config.toml"),
        "{}",
        missing.stderr
    );
}

#[test]
fn without_capabilities_the_helper_names_the_command_that_starts_it_with_them() {
    require_root!();
    let machine = Machine::new();
    let output = machine.helper_fails(&[], &["--capture", "on"]);
    assert_eq!(output.code, Some(EX_NOPERM), "{}", output.text());
    assert!(output.stderr.contains("CAP_NET_ADMIN"), "{}", output.stderr);

    let mended = machine.mend("", named_command(&output.stderr)).start();
    wait_until("the helper serves", LIMIT, || {
        machine.bus.has_name(HELPER_BUS_NAME)
    });
    assert!(machine.bus.status().watching, "{}", mended.log());
}

#[test]
fn with_one_capability_it_watches_by_what_that_one_allows() {
    require_root!();
    let machine = Machine::new();
    let mut helper = start(&machine, &["syslog"]);
    let source = machine.source("nflog", "failed");
    assert!(source.reason.contains("CAP_NET_ADMIN"), "{}", source.reason);
    assert_eq!(machine.source("kmsg", "working").reason, "");
    assert!(machine.bus.status().watching);
    machine.check(&helper.process().log());
}

#[test]
fn a_taken_nflog_group_is_told_and_the_named_command_moves_to_a_free_one() {
    require_root!();
    let machine = Machine::new();
    let _other = listener(&machine.net.victim, 5370);
    let dir = TempDir::new();
    let config = dir.write("config.toml", "capture = true\n");
    let arguments = ["--config", &config.to_string_lossy()];
    let mut helper = Helper::start_with(&machine.bus, &machine.net.victim, &arguments);
    let source = machine.source("nflog", "failed");
    assert!(
        source.reason.contains("5370") && source.reason.contains("perl"),
        "{}",
        source.reason
    );
    machine.check(&helper.process().log());
    drop(helper);

    machine.mend("", &source.mend).succeed();
    let mut helper = Helper::start_with(&machine.bus, &machine.net.victim, &arguments);
    machine.source("nflog", "working");
    machine.check(&helper.process().log());
}

#[test]
fn without_a_system_bus_the_helper_ends_and_says_so() {
    require_root!();
    let mut machine = Machine::new();
    machine.bus.stop_bus();
    let output = machine.helper_fails(&RIGHTS, &["--capture", "on"]);
    assert_eq!(output.code, Some(EX_UNAVAILABLE), "{}", output.text());
    assert!(output.stderr.contains("system bus"), "{}", output.stderr);
    let ctl = machine
        .bus
        .program("wallwatchctl")
        .arg("status")
        .as_user(ALICE, &[])
        .output();
    assert_eq!(ctl.code, Some(3), "{}", ctl.text());
    machine.check(&ctl.text());

    machine.bus.start_bus();
    machine.bus.start_polkit();
    let mut helper = start(&machine, &RIGHTS);
    machine.check(&helper.process().log());
}

#[test]
fn a_second_helper_ends_and_says_that_the_name_is_taken() {
    require_root!();
    let machine = Machine::new();
    let _first = start(&machine, &RIGHTS);
    let second = machine.helper_fails(&RIGHTS, &[]);
    assert_eq!(second.code, Some(EX_UNAVAILABLE), "{}", second.text());
    assert!(second.stderr.contains(HELPER_BUS_NAME), "{}", second.stderr);
}

#[test]
fn a_refusing_polkit_is_told_to_the_caller() {
    require_root!();
    let machine = Machine {
        bus: SystemBus::refusing(),
        ..Machine::new()
    };
    let mut helper = start(&machine, &RIGHTS);
    for (method, arguments) in [
        ("Subscribe", &[][..]),
        ("GetStatus", &[]),
        ("SetCapture", &["boolean:false"]),
    ] {
        let answer = machine.bus.call_as(ALICE, method, arguments);
        assert!(
            answer
                .stderr
                .contains("org.freedesktop.DBus.Error.AccessDenied"),
            "{method}: {}",
            answer.text()
        );
    }
    let ctl = machine
        .bus
        .program("wallwatchctl")
        .arg("alerts")
        .as_user(ALICE, &[])
        .output();
    assert_eq!(ctl.code, Some(4), "{}", ctl.text());
    machine.check(&format!("{}{}", ctl.text(), helper.process().log()));
}

#[test]
fn where_polkit_would_ask_for_a_password_the_caller_is_told() {
    require_root!();
    let machine = Machine::new();
    let _helper = start(&machine, &RIGHTS);
    let answer = machine.bus.call_as(MALLORY, "GetStatus", &[]);
    let name = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired";
    assert!(answer.stderr.contains(name), "{}", answer.text());
    let ctl = machine
        .bus
        .program("wallwatchctl")
        .arg("status")
        .as_user(MALLORY, &[])
        .output();
    assert_eq!(ctl.code, Some(4), "{}", ctl.text());
    machine.check(&ctl.text());
}

#[test]
fn while_polkit_is_away_nobody_is_let_in_and_afterwards_all_is_well() {
    require_root!();
    let mut machine = Machine::new();
    let mut helper = start(&machine, &RIGHTS);
    machine.bus.stop_polkit();
    let answer = machine.bus.call_as(ALICE, "GetStatus", &[]);
    assert!(
        answer
            .stderr
            .contains("org.freedesktop.DBus.Error.AuthFailed"),
        "{}",
        answer.text()
    );
    assert!(
        answer.stderr.contains("polkit"),
        "the sentence says who is away: {}",
        answer.stderr
    );
    machine.check(&helper.process().log());

    machine.bus.start_polkit();
    wait_until("alice is let in again", LIMIT, || {
        machine.bus.call_as(ALICE, "GetStatus", &[]).ok()
    });
}

#[test]
fn without_nft_the_helper_names_the_package_and_captures_once_it_is_there() {
    require_root!();
    let machine = Machine::new();
    let copy = TempDir::new();
    // A directory of programs without nft, seen inside the mount namespace only.
    let hide = "cp -a /usr/sbin \"$1\" && rm \"$1/sbin/nft\" && mount --bind \"$1/sbin\" /usr/sbin";
    machine
        .bus
        .inside(Program::shell(hide).arg("sh").arg(copy.path()))
        .succeed();
    let mut helper = start(&machine, &RIGHTS);
    let source = machine.source("nflog", "failed");
    assert!(source.reason.contains("nft"), "{}", source.reason);
    assert!(
        machine
            .net
            .victim
            .tables()
            .iter()
            .all(|table| table != "table inet wallwatch")
    );
    machine.check(&helper.process().log());

    // The package manager is stood in for: a test does not install packages, it only lets the program appear again.
    let apt = "apt() { [ \"$*\" = 'install nftables' ] && umount /usr/sbin; }\nsudo() { \"$@\"; }";
    machine.mend(apt, &source.mend).succeed();
    machine.source("nflog", "working");
    assert!(
        machine
            .net
            .victim
            .tables()
            .contains(&"table inet wallwatch".to_owned())
    );
    machine.check(&helper.process().log());
}

#[test]
fn the_users_ruleset_is_the_same_before_during_and_after() {
    require_root!();
    let machine = Machine::new();
    let mut helper = start(&machine, &RIGHTS);
    machine.source("nflog", "working");
    assert!(
        machine
            .net
            .victim
            .tables()
            .contains(&"table inet wallwatch".to_owned())
    );
    machine.check("");
    helper.process().stop();
    assert_eq!(
        machine.net.victim.ruleset(),
        machine.ruleset,
        "even the own table is gone"
    );
}

/// A helper with `--capture on` and these rights.
fn start(machine: &Machine, rights: &[&str]) -> Helper {
    let helper = Helper::launch(
        &machine.bus,
        &machine.net.victim,
        rights,
        &["--capture", "on"],
    );
    wait_until("the helper serves", LIMIT, || {
        machine.bus.has_name(HELPER_BUS_NAME)
    });
    helper
}

/// Another program that listens to an NFLOG group: a netlink socket and one message, in Perl because every Debian has it.
fn listener(ns: &NetNs, group: u16) -> Process {
    // linux/netlink.h: AF_NETLINK 16, SOCK_RAW 3, NETLINK_NETFILTER 12. linux/netfilter/nfnetlink_log.h: message
    // NFULNL_MSG_CONFIG (1) of subsystem NFNL_SUBSYS_ULOG (4), attribute NFULA_CFG_CMD (1) with NFULNL_CFG_CMD_BIND (1).
    let script = "socket(S, 16, 3, 12) or die $!;
        syswrite(S, pack('LSSLL CCn SSCxxx', 28, (4 << 8) | 1, 5, 1, 0, 0, 0, $ARGV[0], 5, 1, 1)) or die $!;
        sysread(S, $answer, 4096); (unpack 'x16l', $answer) == 0 or die 'refused';
        $| = 1; print \"bound\\n\"; sleep 600;";
    let mut process = ns
        .inside(Program::new("perl").args(["-e", script, &group.to_string()]))
        .start();
    process.wait_for("bound", LIMIT);
    process
}
