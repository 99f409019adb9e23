//! `make run`: it watches this machine, shows an attack, and leaves nothing behind when Ctrl+C ends it.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use wallwatch_test_support::{
    Firewall, Process, Program, TempDir, TestNet,
    netns::attacker_v4,
    process::{children, holds_within, kill, project, target},
    require_root,
};

/// How long packages, build and start may take; all three are done already when `make test` runs this.
const START_LIMIT: Duration = Duration::from_secs(900);
/// How long an alert, or the end, may take.
const LIMIT: Duration = Duration::from_secs(20);

/// What could be left behind.
#[derive(Debug, PartialEq, Eq)]
struct Traces {
    files: BTreeSet<String>,
    tables: Vec<String>,
    ruleset: String,
}

impl Traces {
    /// Files with Wallwatch's name where programs put files, everything in the user's home, and the nftables ruleset.
    fn of(net: &TestNet, home: &Path) -> Self {
        let all = ["/tmp", "/run", "/var/lib", "/var/log", "/etc"].map(Path::new);
        let named = all
            .into_iter()
            .flat_map(list)
            .filter(|name| name.contains("wallwatch-run") || name.contains("/wallwatch"));
        let files = named.chain(list(home)).collect();
        Self {
            files,
            tables: net.victim.tables(),
            ruleset: net.victim.ruleset(),
        }
    }
}

/// The paths in a directory.
fn list(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path().to_string_lossy().into_owned())
        .filter(|path| !path.contains("wallwatch-test."))
        .collect()
}

/// Every process that `pid` started, and theirs.
fn descendants(pid: u32) -> Vec<u32> {
    children(pid)
        .into_iter()
        .flat_map(|child| {
            [child]
                .into_iter()
                .chain(descendants(child))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// `make run` in the victim's namespace, as from a terminal of root's without a screen.
fn make_run(net: &TestNet, home: &TempDir) -> Process {
    let inherited = ["CARGO_HOME", "RUSTUP_HOME", "CARGO_TARGET_DIR", "PATH"];
    let user_home = std::env::var("HOME").unwrap_or_else(|_| "/root".to_owned());
    // Its own session, as a terminal would give it: the signal of Ctrl+C goes to the whole process group. What a shell starts
    // in the background, perhaps this test, has that signal ignored, and hands it on so.
    let mut program = Program::new("setsid")
        .args([
            "env",
            "--default-signal=INT",
            "make",
            "--no-print-directory",
            "-C",
        ])
        .arg(project())
        .arg("run")
        .clean_env();
    program = program
        .env("CARGO_HOME", format!("{user_home}/.cargo"))
        .env("RUSTUP_HOME", format!("{user_home}/.rustup"));
    for (name, value) in inherited
        .iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)))
    {
        program = program.env(name, value);
    }
    let mut process = net.victim.inside(program.env("HOME", home.path())).start();
    process.wait_for("Ctrl+C ends it", START_LIMIT);
    process
}

#[test]
fn make_run_shows_a_scan_in_the_terminal_and_ctrl_c_leaves_nothing_behind() {
    require_root!();
    let net = TestNet::new(Firewall::DropInput);
    let home = TempDir::new();
    let before = Traces::of(&net, home.path());

    let mut run = make_run(&net, &home);
    assert!(
        run.log().contains("no screen"),
        "it says why there is no icon: {}",
        run.log()
    );
    assert!(
        net.victim
            .tables()
            .contains(&"table inet wallwatch".to_owned()),
        "the own table is there"
    );
    let programs = descendants(run.pid());
    assert!(
        programs.len() >= 5,
        "bus, polkitd, helper, nft and the terminal's view run: {programs:?}"
    );
    net.nmap(attacker_v4(3).into())
        .args(["-sS", "-p", "1-100"])
        .succeed();
    run.wait_for("10.99.1.3", LIMIT);
    let test_alert = Program::new(project().join("scripts/ctl.sh"))
        .arg("test-alert")
        .output();
    assert!(test_alert.ok(), "{}", test_alert.text());

    kill_group(run.pid(), "INT");
    assert!(run.wait(LIMIT).is_some(), "it ends: {}", run.log());
    let left = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    };
    assert!(
        holds_within(LIMIT, || !programs.iter().any(left)),
        "no process is left"
    );
    assert_eq!(Traces::of(&net, home.path()), before);
    assert!(!target().join("run-bus-address").exists());
}

#[test]
fn killed_outright_make_run_still_takes_its_programs_and_its_table_away() {
    require_root!();
    let net = TestNet::new(Firewall::DropInput);
    let home = TempDir::new();
    let before = Traces::of(&net, home.path());
    let run = make_run(&net, &home);
    let shell = children(run.pid())
        .into_iter()
        .next()
        .unwrap_or_else(|| run.pid());
    let programs = descendants(shell);
    kill(shell, "KILL");
    let left = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    };
    assert!(
        holds_within(LIMIT, || !programs.iter().any(left)),
        "no process is left"
    );
    assert!(
        holds_within(LIMIT, || Traces::of(&net, home.path()) == before),
        "{:?}",
        Traces::of(&net, home.path())
    );
}

/// Sends a signal to every process of a group, as the terminal does.
fn kill_group(group: u32, signal: &str) {
    Program::new("kill")
        .args([format!("-{signal}"), "--".to_owned(), format!("-{group}")])
        .succeed();
}
