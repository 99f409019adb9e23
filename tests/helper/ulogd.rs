//! What the real ulogd2 writes about real scans: each of its outputs, live, and what would make it late is told.

use std::{fs, os::unix::net::UnixStream, path::PathBuf, thread, time::Duration};

use wallwatch_dbus::{Alert, SourceHealth};
use wallwatch_test_support::{
    Firewall, Helper, Process, Program, SystemBus, TempDir, TestNet,
    netns::attacker_v4,
    process::wait_until,
    require_root,
    system_bus::{ALICE, WALLWATCH},
};

/// How long anything may take that takes next to no time.
const LIMIT: Duration = Duration::from_secs(10);
/// How long is waited for what must not come.
const SILENCE: Duration = Duration::from_millis(1500);
/// The group that the victim's rules log to.
const GROUP: u16 = 7;

/// A victim whose rules log to a group, ulogd that listens to it, and the helper.
struct Stage {
    helper: Option<Helper>,
    ulogd: Option<Process>,
    net: TestNet,
    bus: SystemBus,
    dir: TempDir,
}

impl Stage {
    fn new() -> Self {
        let net = TestNet::new(Firewall::None);
        net.victim.shell(&format!(
            "nft -f - <<'END'
            table inet users_own {{
                chain input {{
                    type filter hook input priority filter; policy accept;
                    iif lo accept
                    ct state established,related accept
                    icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
                    log prefix \"DROP \" group {GROUP}
                    drop
                }}
            }}
END"
        ));
        let dir = TempDir::new();
        dir.private("run", WALLWATCH);
        Self {
            helper: None,
            ulogd: None,
            net,
            bus: SystemBus::start(),
            dir,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// ulogd's configuration: an output of this kind with these settings. The helper finds it in its place.
    fn configure(&self, output: &str, settings: &str) -> PathBuf {
        let filters = match output {
            "JSON" => "mac2str1:HWHDR,out1:JSON",
            _ => "print1:PRINTPKT,out1:LOGEMU",
        };
        let conf = self.dir.write(
            "ulogd.conf",
            format!(
                "[global]\nloglevel=3\nlogfile=\"{}\"\nstack=log1:NFLOG,base1:BASE,ifi1:IFINDEX,ip2str1:IP2STR,{filters}\n[log1]\ngroup={GROUP}\n\
                 [out1]\n{settings}\n",
                self.path("ulogd.log").display()
            ),
        );
        let cover = Program::new("mount")
            .arg("--bind")
            .arg(&conf)
            .arg("/etc/ulogd.conf");
        self.bus.inside(cover).succeed();
        conf
    }

    fn start_ulogd(&mut self, conf: &PathBuf) {
        let program = Program::new("ulogd").arg("-c").arg(conf);
        self.ulogd = Some(self.net.victim.inside(program).start());
        let log = self.path("ulogd.log");
        let ready =
            || fs::read_to_string(&log).is_ok_and(|text| text.contains("entering main loop"));
        wait_until("ulogd listens", LIMIT, ready);
    }

    fn start_helper(&mut self, settings: &str) {
        let config = self.dir.write(
            "config.toml",
            format!("kmsg.read = \"off\"\njournal.read = \"off\"\nfile.read = \"off\"\nulogd.{settings}\n"),
        );
        let config = config.to_str().expect("it is ASCII");
        let words = ["--capture=off", "--config", config];
        self.helper = Some(Helper::start_with(&self.bus, &self.net.victim, &words));
    }

    fn source(&self) -> SourceHealth {
        let sources = self.bus.status().sources;
        let found = sources.into_iter().find(|source| source.name == "ulogd");
        found.expect("every source is listed")
    }

    fn wait_for(&self, state: &str) {
        wait_until("the source is as expected", LIMIT, || {
            self.source().state == state
        });
    }

    /// Scans from the attacker's `n`-th address and returns what is told of it.
    fn scan(&self, n: u8) -> Alert {
        let source = attacker_v4(n);
        let scan = self.net.nmap(source.into());
        scan.args(["-sS", "-p", "100-120"]).succeed();
        let find = || {
            let alerts = self.bus.alerts();
            alerts
                .into_iter()
                .find(|alert| alert.sources == [source.to_string()])
        };
        wait_until("the scan is told", LIMIT, || {
            find().is_some_and(|alert| alert.ports == "100-120")
        });
        find().expect("an alert does not vanish")
    }
}

#[test]
fn a_scan_in_the_file_that_ulogd_writes_as_the_kernel_does_is_told() {
    require_root!();
    let mut stage = Stage::new();
    let log = stage.path("syslogemu.log");
    let conf = stage.configure("LOGEMU", &format!("file=\"{}\"\nsync=1", log.display()));
    stage.start_ulogd(&conf);
    stage.start_helper(&format!("files = [\"{}\"]", log.display()));
    stage.wait_for("working");
    let alert = stage.scan(1);
    assert_eq!(
        (
            alert.feed.as_str(),
            alert.verdict.as_str(),
            alert.interface.as_str()
        ),
        ("ulogd", "dropped", "victim0")
    );
    assert_eq!(stage.source().reason, "");
    // Emptied and told to open its file anew, as Debian's logrotate does it.
    fs::rename(&log, stage.path("syslogemu.log.1")).expect("it is there");
    stage.ulogd.as_mut().expect("it runs").signal("HUP");
    stage.scan(2);
}

#[test]
fn a_scan_in_the_file_that_ulogd_writes_as_json_is_told() {
    require_root!();
    let mut stage = Stage::new();
    let log = stage.path("ulogd.json");
    let conf = stage.configure("JSON", &format!("file=\"{}\"\nsync=1", log.display()));
    stage.start_ulogd(&conf);
    stage.start_helper(&format!("files = [\"{}\"]", log.display()));
    stage.wait_for("working");
    let alert = stage.scan(1);
    assert_eq!(
        (alert.feed.as_str(), alert.verdict.as_str(), alert.trusted),
        ("ulogd", "dropped", true)
    );
    assert_eq!(stage.source().reason, "");
}

#[test]
fn a_scan_that_ulogd_writes_to_the_socket_is_told_also_after_either_was_started_again() {
    require_root!();
    let mut stage = Stage::new();
    let socket = stage.path("run/ulogd.sock");
    let conf = stage.configure(
        "JSON",
        &format!("mode=\"unix\"\nfile=\"{}\"", socket.display()),
    );
    let settings = format!("socket = \"{}\"", socket.display());
    stage.start_helper(&settings);
    stage.wait_for("blind");
    let source = stage.source();
    assert!(
        source.reason.contains("started after the helper"),
        "{source:?}"
    );
    assert_eq!(source.mend, "sudo systemctl restart ulogd2");
    stage.start_ulogd(&conf);
    stage.wait_for("working");
    let alert = stage.scan(1);
    assert_eq!(
        (alert.feed.as_str(), alert.verdict.as_str(), alert.trusted),
        ("ulogd", "dropped", true)
    );
    let stopped = stage.ulogd.take();
    drop(stopped);
    stage.wait_for("blind");
    assert!(stage.source().reason.contains("has left"));
    stage.start_ulogd(&conf);
    stage.wait_for("working");
    stage.scan(2);

    // A helper that is killed leaves its socket behind, and ulogd connects anew with its next packet.
    let mut killed = stage.helper.take().expect("it runs");
    killed.process().signal("KILL");
    drop(killed);
    assert!(socket.exists());
    stage.start_helper(&settings);
    stage.wait_for("blind");
    stage.ulogd.as_mut().expect("it runs").signal("HUP");
    wait_until("ulogd is back", LIMIT, || {
        stage
            .net
            .nmap(attacker_v4(5).into())
            .args(["-sS", "-p", "99"])
            .succeed();
        stage.source().state == "working"
    });
    stage.scan(3);
    stage.helper.take().expect("it runs").process().stop();
    assert!(!socket.exists(), "the socket is taken away");
}

#[test]
fn ordinary_users_are_not_let_in_and_what_another_listens_to_is_left_alone() {
    require_root!();
    let mut stage = Stage::new();
    let socket = stage.path("run/ulogd.sock");
    fs::set_permissions(
        stage.path("run"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .expect("root may set a mode");
    stage.configure("JSON", "mode=\"unix\"");
    stage.start_helper(&format!("socket = \"{}\"", socket.display()));
    stage.wait_for("blind");
    let object = "{\"timestamp\": \"2026-11-24T01:02:03.000000+0000\", \"dvc\": \"x\", \"raw.pktlen\": 44, \"oob.prefix\": \"DROP \", \
                  \"oob.in\": \"eth0\", \"oob.out\": \"\", \"oob.family\": 2, \"oob.protocol\": 2048, \"src_ip\": \"192.0.2.66\", \
                  \"dest_ip\": \"10.99.0.2\"}";
    let talk = format!(
        "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\ntry:\n s.sendall(b'''{object}\\n'''*9)\n \
         print('left' if s.recv(1)==b'' else 'kept')\nexcept OSError: print('left')\n"
    );
    let program = Program::new("python3").args(["-c", &talk]).arg(&socket);
    let said = program.as_user(ALICE, &[]).output();
    assert_eq!(said.stdout.trim(), "left", "{}", said.text());
    thread::sleep(SILENCE);
    assert_eq!(
        (stage.source().events, stage.source().state.as_str()),
        (0, "blind")
    );
    let log = stage.helper.as_mut().expect("it runs").process().log();
    assert!(log.contains("was not let in"), "{log}");

    // Root is, and a second helper leaves the socket to the first.
    let root = UnixStream::connect(&socket).expect("root is let in");
    stage.wait_for("working");
    drop(root);
    let second = SystemBus::start();
    let config = stage.path("config.toml");
    let words = [
        "--capture=off",
        "--config",
        config.to_str().expect("it is ASCII"),
    ];
    let _helper = Helper::start_with(&second, &stage.net.victim, &words);
    let status = || {
        second
            .status()
            .sources
            .into_iter()
            .find(|source| source.name == "ulogd")
    };
    wait_until("the second is refused", LIMIT, || {
        status().is_some_and(|source| source.reason.contains("Another program listens"))
    });
}

#[test]
fn an_ulogd_that_keeps_its_lines_back_is_told_with_the_command_that_mends_it() {
    require_root!();
    let mut stage = Stage::new();
    let log = stage.path("syslogemu.log");
    let conf = stage.configure("LOGEMU", &format!("file=\"{}\"", log.display()));
    stage.start_ulogd(&conf);
    stage.start_helper(&format!("files = [\"{}\"]", log.display()));
    wait_until("it is told", LIMIT, || {
        stage.source().reason.contains("keeps its lines back")
    });
    let source = stage.source();
    assert_eq!(source.state, "working");
    assert!(
        source
            .mend
            .starts_with("sudo sed -i '/^\\[out1\\]/a sync=1' /etc/ulogd.conf && "),
        "{source:?}"
    );
    // The command does what it says.
    let edit = source.mend.split(" && ").next().expect("there is one");
    let edit = edit
        .replace("sudo sed -i", "sed")
        .replace("/etc/ulogd.conf", conf.to_str().expect("it is ASCII"));
    let mended = Program::shell(&edit).succeed();
    assert!(
        mended.ends_with("[out1]\nsync=1\nfile=\"") || mended.contains("[out1]\nsync=1\n"),
        "{mended}"
    );
}

#[test]
fn where_ulogds_configuration_is_closed_to_the_helper_its_file_shows_whether_lines_come_late() {
    require_root!();
    for sync in [1, 0] {
        let mut stage = Stage::new();
        let log = stage.path("syslogemu.log");
        let conf = stage.configure(
            "LOGEMU",
            &format!("file=\"{}\"\nsync={sync}", log.display()),
        );
        fs::set_permissions(&conf, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .expect("root may set a mode");
        stage.start_ulogd(&conf);
        stage.start_helper(&format!("files = [\"{}\"]", log.display()));
        wait_until("nobody can tell", LIMIT, || {
            stage.source().reason.contains("nobody can tell yet")
        });
        // More than 4096 bytes.
        let scan = stage.net.nmap(attacker_v4(1).into());
        scan.args(["-sS", "-p", "100-140"]).succeed();
        let words = if sync == 1 {
            ""
        } else {
            "keeps its lines back"
        };
        wait_until("it shows", LIMIT, || {
            let reason = stage.source().reason;
            if words.is_empty() {
                reason.is_empty()
            } else {
                reason.contains(words)
            }
        });
    }
}

#[test]
fn an_input_of_a_target_that_linux_has_no_more_is_named_with_its_successor() {
    require_root!();
    let mut stage = Stage::new();
    let log = stage.path("syslogemu.log");
    fs::write(&log, "").expect("the disk has room");
    let conf = stage.configure("LOGEMU", &format!("file=\"{}\"\nsync=1", log.display()));
    let text = fs::read_to_string(&conf).expect("it is there");
    fs::write(&conf, text.replace("log1:NFLOG", "ulog1:ULOG")).expect("the disk has room");
    stage.start_helper(&format!("files = [\"{}\"]", log.display()));
    wait_until("it is told", LIMIT, || {
        stage.source().reason.contains("\"ulog1:ULOG\"")
    });
    let source = stage.source();
    assert!(
        source.reason.contains("-j NFLOG --nflog-group"),
        "{source:?}"
    );
    assert!(source.mend.contains("ulog1:NFLOG"), "{source:?}");
}
