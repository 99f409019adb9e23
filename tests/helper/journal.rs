//! The journal with the real kernel, journald and journalctl: what passed before the helper ran, what happens now, and who may write it.

use std::{
    fs,
    io::Write as _,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    thread,
    time::Duration,
};

use wallwatch_dbus::{Alert, SourceHealth};
use wallwatch_test_support::{
    Firewall, Helper, LogAllNamespaces, Process, Program, SystemBus, TempDir, TestNet, probe,
    process::{children, kill, wait_until},
    require_root,
    system_bus::WALLWATCH,
};

/// How long anything may take that takes next to no time.
const LIMIT: Duration = Duration::from_secs(15);
/// How long is waited for what must not come.
const SILENCE: Duration = Duration::from_secs(2);
/// Where Debian and Ubuntu install journald.
const JOURNALD: &str = "/lib/systemd/systemd-journald";

/// A victim that logs what it drops, a journald of its own that reads the kernel's log, and the helper.
struct Stage {
    helper: Option<Helper>,
    _journald: Process,
    net: TestNet,
    bus: SystemBus,
    dir: TempDir,
    state: PathBuf,
    _sysctl: LogAllNamespaces,
}

impl Stage {
    fn new() -> Self {
        let sysctl = LogAllNamespaces::set();
        let (bus, net, dir) = (
            SystemBus::start(),
            TestNet::new(Firewall::DropAndLog),
            TempDir::new(),
        );
        net.add_attackers((1..=5).map(attacker));
        net.victim.shell(&(1..=5).fold(String::new(), |script, n| {
            script
                + &format!(
                    "ip neigh replace {} lladdr 02:00:00:00:00:99 dev victim0 nud permanent\n",
                    attacker(n)
                )
        }));
        // What a journald writes and listens to lies where only the bus and the helper see it.
        let hide = "mkdir -p /run/log /run/systemd /var/log/journal
            for place in /run/log /run/systemd /var/log/journal; do mount -t tmpfs none $place; done
            umount /var/log/journal
            mkdir -p /run/log/journal /run/systemd/journal";
        bus.inside(Program::shell(hide)).succeed();
        let journald = bus.inside(Program::new(JOURNALD)).start();
        let stage = Self {
            helper: None,
            _journald: journald,
            state: dir.private("state", WALLWATCH),
            net,
            bus,
            dir,
            _sysctl: sysctl,
        };
        wait_until("journald keeps a journal", LIMIT, || {
            stage.inside("ls /run/log/journal/*/system.journal").ok()
        });
        stage
    }

    fn inside(&self, script: &str) -> wallwatch_test_support::Output {
        self.bus.inside(Program::shell(script)).output()
    }

    /// Lets everybody read the journal, as a group does it elsewhere.
    fn open_journal(&self) {
        let output = self.inside("chmod -R a+rX /run/log/journal");
        assert!(output.ok(), "{}", output.text());
    }

    /// Starts the helper without the right to read the kernel's log, so that it turns to the journal by itself.
    fn start(&mut self, config: &str) {
        let config = self.dir.write("config.toml", config);
        let words = [
            "--config",
            config.to_str().expect("it is ASCII"),
            "--state-dir",
            self.state.to_str().expect("it is ASCII"),
            "--capture=off",
        ];
        let mut helper = Helper::launch(&self.bus, &self.net.victim, &["net_admin"], &words);
        helper.wait_for_name(&self.bus);
        self.helper = Some(helper);
    }

    fn stop(&mut self) {
        self.helper.take().expect("it runs").process().stop();
    }

    fn log(&mut self) -> String {
        self.helper.as_mut().expect("it runs").process().log()
    }

    fn source(&self, name: &str) -> SourceHealth {
        let sources = self.bus.status().sources;
        let found = sources.into_iter().find(|source| source.name == name);
        found.expect("every source is listed")
    }

    fn wait_for(&self, state: &str) {
        wait_until("the journal is as expected", LIMIT, || {
            self.source("journal").state == state
        });
    }

    fn scan(&self, n: u8) {
        let scan = self.net.nmap(IpAddr::V4(attacker(n)));
        scan.args(["-sS", "-p", "100-120"]).succeed();
    }

    fn find(&self, n: u8) -> Option<Alert> {
        let alerts = self.bus.alerts();
        alerts
            .into_iter()
            .find(|alert| alert.sources == [attacker(n).to_string()])
    }

    fn wait_for_alert(&self, n: u8) -> Alert {
        wait_until("the scan is told", LIMIT, || {
            self.find(n).is_some_and(|alert| alert.ports == "100-120")
        });
        self.find(n).expect("an alert does not vanish")
    }

    /// The journalctl that the helper started.
    fn journalctl(&mut self) -> u32 {
        let helper = self.helper.as_mut().expect("it runs").process().pid();
        children(helper)[0]
    }
}

/// The `n`-th attacker of this run: what earlier runs left in the kernel's log is of others.
fn attacker(n: u8) -> Ipv4Addr {
    let [.., run] = std::process::id().to_be_bytes();
    Ipv4Addr::new(10, 99, run | 0x80, n)
}

#[test]
fn where_the_kernels_log_is_closed_the_journal_is_read_live_and_by_a_child_without_rights() {
    require_root!();
    let mut stage = Stage::new();
    stage.start("file.read = \"off\"\n");
    stage.wait_for("failed");
    let source = stage.source("journal");
    assert!(
        source.reason.contains("may not read the system's journal"),
        "{source:?}"
    );
    assert!(
        source
            .mend
            .starts_with("sudo usermod -aG systemd-journal wallwatch && "),
        "{source:?}"
    );
    stage.open_journal();
    stage.wait_for("working");
    assert_eq!(stage.source("kmsg").state, "failed");
    stage.scan(1);
    let alert = stage.wait_for_alert(1);
    assert_eq!(
        (alert.feed.as_str(), alert.verdict.as_str(), alert.trusted),
        ("journal", "dropped", true)
    );
    let status =
        fs::read_to_string(format!("/proc/{}/status", stage.journalctl())).expect("it runs");
    for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
        assert!(
            status.contains(&format!("{set}:\t0000000000000000\n")),
            "{set}: {status}"
        );
    }
}

#[test]
fn what_passed_before_the_helper_ran_is_told_with_its_own_time_and_only_once() {
    require_root!();
    let mut stage = Stage::new();
    stage.open_journal();
    stage.scan(1);
    thread::sleep(SILENCE);
    stage.start("");
    let before = stage.bus.status().started_at;
    let alert = stage.wait_for_alert(1);
    assert!(
        alert.first_seen < before - 1_000_000,
        "{} and {before}",
        alert.first_seen
    );
    stage.stop();

    stage.scan(2);
    thread::sleep(SILENCE);
    stage.start("");
    stage.wait_for_alert(2);
    stage.scan(3);
    stage.wait_for_alert(3);
    let first = attacker(1).to_string();
    let mut told = stage.bus.alerts();
    told.retain(|alert| alert.sources == [first.clone()]);
    assert_eq!(told.len(), 1, "the first scan was told before: {told:?}");
    assert_eq!(told[0].id, alert.id, "by the helper before");
    assert_eq!(stage.find(2).expect("it was there").packets, 21);

    // A cursor of another journal, and one that is none.
    for cursor in ["s=0123456789abcdef0123456789abcdef;i=1", "s=bad"] {
        stage.stop();
        fs::write(stage.state.join("journal-cursor"), cursor).expect("root may write");
        stage.start("");
        wait_until("it reads again", LIMIT, || {
            stage.source("journal").state == "working"
        });
        // Numbers of incidents begin with the time of the start.
        let begun = stage.bus.status().started_at.cast_unsigned();
        let third = attacker(3).to_string();
        wait_until("the scan is told again", LIMIT, || {
            let mut alerts = stage.bus.alerts().into_iter();
            alerts.any(|alert| alert.sources == [third.clone()] && alert.id >= begun)
        });
    }
}

#[test]
fn what_others_than_the_kernel_write_into_the_journal_is_no_event() {
    require_root!();
    let mut stage = Stage::new();
    stage.open_journal();
    stage.start("");
    stage.wait_for("working");
    let forged = attacker(4).to_string();
    let mut kmsg = fs::OpenOptions::new()
        .write(true)
        .open("/dev/kmsg")
        .expect("root may write");
    // The kernel takes ten lines in five seconds from a program (`printk_devkmsg`, Documentation/admin-guide/sysctl/kernel.rst).
    for port in 200..210 {
        let text = probe::text(&forged, port);
        // By a program of root's, to the kernel's log, where it gets another facility; to journald as a syslog daemon, and in its own
        // language with a field that only journald sets.
        kmsg.write_all(format!("<4>{text}\n").as_bytes())
            .expect("the kernel takes a line");
    }
    let text = probe::text(&forged, 300);
    let script = format!(
        "for n in $(seq 20); do
            logger --socket /run/systemd/journal/dev-log --tag kernel --priority kern.warning '{text}'
        done
        printf '_TRANSPORT=kernel\\nSYSLOG_IDENTIFIER=kernel\\nSYSLOG_FACILITY=0\\nMESSAGE={text}\\n' |
            python3 -c 'import socket,sys; s=socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(\"/run/systemd/journal/socket\"); s.send(sys.stdin.buffer.read())'"
    );
    let output = stage.inside(&script);
    assert!(output.ok(), "{}", output.text());
    stage.scan(5);
    stage.wait_for_alert(5);
    assert_eq!(stage.find(4), None);
    let seen = stage.inside(&format!("journalctl -o cat | grep -c SRC={forged}"));
    assert_eq!(
        seen.stdout.trim(),
        "31",
        "journald took them all: {}",
        seen.text()
    );
}

#[test]
fn a_journalctl_that_ends_is_told_and_started_again_where_it_was() {
    require_root!();
    let mut stage = Stage::new();
    stage.open_journal();
    stage.start("");
    stage.wait_for("working");
    stage.scan(1);
    stage.wait_for_alert(1);
    kill(stage.journalctl(), "KILL");
    stage.scan(2);
    wait_until("it is told", LIMIT, || {
        stage
            .source("journal")
            .reason
            .contains("journalctl that reads the journal ended")
    });
    stage.wait_for("working");
    stage.wait_for_alert(2);
    assert_eq!(
        stage.find(1).expect("it was there").packets,
        21,
        "none came twice"
    );
    assert!(stage.log().contains("signal: 9"), "{}", stage.log());
    // And it ends with the helper.
    let child = stage.journalctl();
    stage
        .helper
        .as_mut()
        .expect("it runs")
        .process()
        .signal("KILL");
    wait_until("it ends too", LIMIT, || {
        !std::path::Path::new(&format!("/proc/{child}")).exists()
    });
}

#[test]
fn a_machine_without_journalctl_or_without_a_journal_is_told_so_and_the_files_are_read() {
    require_root!();
    let mut stage = Stage::new();
    let log = stage.dir.write("kern.log", "");
    let hide = stage.inside("mount --bind /dev/null /usr/bin/journalctl");
    assert!(hide.ok(), "{}", hide.text());
    stage.start(&format!("file.paths = [\"{}\"]\n", log.display()));
    stage.wait_for("failed");
    let source = stage.source("journal");
    assert!(
        source.reason.contains("journalctl is missing"),
        "{source:?}"
    );
    wait_until("the files are read", LIMIT, || {
        stage.source("file").state == "working"
    });
    let back = stage.inside("umount /usr/bin/journalctl; mount -t tmpfs none /run/log");
    assert!(back.ok(), "{}", back.text());
    wait_until("the journal is looked for again", LIMIT, || {
        stage.source("journal").reason.contains("no journal here")
    });
}
