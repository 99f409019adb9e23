//! Log files with the real helper and the real logrotate: no line is lost, none comes twice, and what hides something is told.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, chown},
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use wallwatch_dbus::{Alert, SourceHealth};
use wallwatch_test_support::{
    Firewall, Helper, Program, SystemBus, TempDir, TestNet, probe,
    process::{figures, wait_until},
    require_root,
    system_bus::WALLWATCH,
};

/// How long anything may take that takes next to no time.
const LIMIT: Duration = Duration::from_secs(10);
/// How long is waited for what must not come.
const SILENCE: Duration = Duration::from_millis(700);
/// Who probes.
const PROBER: &str = "192.0.2.66";
/// Where the log lies for a helper that is told of no file.
const DEFAULT: &str = "/var/log";

/// A directory with logs, and whoever watches them. The helper's state outlives it.
struct Stage {
    helper: Option<Helper>,
    net: TestNet,
    bus: SystemBus,
    dir: TempDir,
    state: PathBuf,
}

impl Stage {
    fn new() -> Self {
        let dir = TempDir::new();
        fs::create_dir(dir.path().join("log")).expect("a directory can be made");
        Self {
            helper: None,
            net: TestNet::new(Firewall::None),
            bus: SystemBus::start(),
            state: dir.private("state", WALLWATCH),
            dir,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("log").join(name)
    }

    /// The log, opened by whoever writes to it.
    fn writer(&self, name: &str) -> File {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path(name))
            .expect("the log can be opened");
        let readable = fs::Permissions::from_mode(0o644);
        file.set_permissions(readable).expect("root may set a mode");
        file
    }

    /// Starts the helper with a configuration, and waits until the source is as expected.
    fn start(&mut self, config: &str, state: &str) {
        let config = self.dir.write("config.toml", config);
        let words = [
            "--config".as_ref(),
            config.as_os_str(),
            "--state-dir".as_ref(),
            self.state.as_os_str(),
            "--capture=off".as_ref(),
        ];
        let words = words.map(|word: &std::ffi::OsStr| word.to_str().expect("it is ASCII"));
        self.helper = Some(Helper::start_with(&self.bus, &self.net.victim, &words));
        wait_until("the source is as expected", LIMIT, || {
            self.source().state == state
        });
    }

    /// Starts the helper with one log.
    fn follow(&mut self) {
        let config = format!(
            "kmsg.read = \"off\"\njournal.read = \"off\"\nfile.paths = [\"{}\"]\n",
            self.path("kern.log").display()
        );
        self.start(&config, "working");
    }

    fn stop(&mut self) {
        self.helper.take().expect("it runs").process().stop();
    }

    fn log(&mut self) -> String {
        self.helper.as_mut().expect("it runs").process().log()
    }

    fn source(&self) -> SourceHealth {
        let sources = self.bus.status().sources;
        let found = sources.into_iter().find(|source| source.name == "file");
        found.expect("every source is listed")
    }

    fn wait_for_events(&self, events: u64) {
        wait_until("every line is told", LIMIT, || {
            self.source().events >= events
        });
        thread::sleep(SILENCE);
        assert_eq!(self.source().events, events, "none came twice");
    }

    fn alert(&self) -> Alert {
        let mut alerts = self.bus.alerts();
        assert_eq!(alerts.len(), 1, "{alerts:?}");
        alerts.remove(0)
    }

    /// Has logrotate rotate the log now, in the manner of these words.
    fn rotate(&self, manner: &str) {
        let config = self.dir.write(
            "logrotate.conf",
            format!(
                "{} {{ rotate 30\n nocompress\n {manner}\n }}\n",
                self.path("kern.log").display()
            ),
        );
        let output = Program::new("logrotate")
            .args(["--force", "--state"])
            .arg(self.dir.path().join("logrotate.state"))
            .arg(config)
            .output();
        assert!(output.ok(), "{}", output.text());
    }

    /// The ports in all the logs that logrotate kept.
    fn kept(&self) -> BTreeSet<u16> {
        let entries = fs::read_dir(self.dir.path().join("log")).expect("the directory is there");
        let texts = entries
            .flatten()
            .map(|entry| fs::read_to_string(entry.path()).expect("a log is text"));
        texts
            .flat_map(|text| {
                let port = |line: &str| line.split("DPT=").nth(1)?.split(' ').next()?.parse().ok();
                text.lines().filter_map(port).collect::<Vec<u16>>()
            })
            .collect()
    }
}

fn write(mut file: &File, ports: std::ops::RangeInclusive<u16>) {
    let text: String = ports
        .map(|port| probe::line(Duration::ZERO, PROBER, port))
        .collect();
    file.write_all(text.as_bytes()).expect("the disk has room");
}

/// The ports of an alert: `22,80,1000-1500`.
fn ports(text: &str) -> BTreeSet<u16> {
    let number = |word: &str| word.parse::<u16>().expect("a port is a number");
    let ranges = text.split(',').map(|word| match word.split_once('-') {
        Some((first, last)) => number(first)..=number(last),
        None => number(word)..=number(word),
    });
    ranges.flatten().collect()
}

/// Ports that are written, one line after the other, for about two seconds.
const MANY: u16 = 20_000;

/// Writes lines while logrotate rotates; the writer opens the file anew a while after each rotation, as a syslog daemon that is told
/// by a signal. Returns how many rotations there were.
fn write_through_rotations(stage: &Stage, manner: &str, reopens: bool) {
    let rotations = AtomicU32::new(0);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let (mut log, mut seen) = (stage.writer("kern.log"), 0);
            for first in (1..=MANY).step_by(10) {
                write(&log, first..=(first + 9).min(MANY));
                thread::sleep(Duration::from_millis(1));
                let now = rotations.load(Ordering::Relaxed);
                // Some hundred lines still go to the file that was renamed.
                if reopens && now > seen && first % 400 == 1 {
                    (log, seen) = (stage.writer("kern.log"), now);
                }
            }
        });
        while !writer.is_finished() {
            thread::sleep(Duration::from_millis(300));
            stage.rotate(manner);
            rotations.fetch_add(1, Ordering::Relaxed);
        }
    });
    let rotations = rotations.into_inner();
    assert!((3..30).contains(&rotations), "{rotations} rotations");
}

#[test]
fn under_a_logrotate_that_renames_no_line_is_lost_and_none_comes_twice() {
    require_root!();
    let mut stage = Stage::new();
    drop(stage.writer("kern.log"));
    stage.follow();
    write_through_rotations(&stage, "create 0644 root root", true);
    stage.wait_for_events(u64::from(MANY));
    wait_until("the alert has all of them", LIMIT, || {
        stage.alert().packets == u64::from(MANY)
    });
    let alert = stage.alert();
    assert_eq!(
        (alert.ports.as_str(), alert.port_count),
        ("1-20000", u64::from(MANY))
    );
    assert_eq!((alert.feed.as_str(), alert.trusted), ("file", false));
}

#[test]
fn under_a_logrotate_that_copies_and_empties_no_line_is_lost_but_those_that_it_loses_itself() {
    require_root!();
    let mut stage = Stage::new();
    drop(stage.writer("kern.log"));
    stage.follow();
    write_through_rotations(&stage, "copytruncate", false);
    thread::sleep(SILENCE);
    // A line that was written between logrotate's last read and its truncation is in no file any more.
    let kept = stage.kept();
    wait_until("the alert has all that was kept", LIMIT, || {
        stage.alert().packets >= kept.len() as u64
    });
    thread::sleep(SILENCE);
    let alert = stage.alert();
    let told = ports(&alert.ports);
    assert_eq!(
        told.len() as u64,
        alert.port_count,
        "they all stand in {}",
        alert.ports
    );
    let missing: Vec<&u16> = kept.difference(&told).collect();
    assert!(
        missing.is_empty(),
        "kept by logrotate and not told: {missing:?}"
    );
    println!(
        "{MANY} written, {} kept by logrotate, {} told",
        kept.len(),
        told.len()
    );
    // On a machine with much to do logrotate loses a good deal.
    assert!(kept.len() > usize::from(MANY) / 2);
    assert_eq!(alert.port_count, alert.packets, "none came twice");
    assert_eq!(stage.source().events, alert.packets);
}

#[test]
fn over_a_restart_the_position_is_kept_and_late_lines_keep_their_time() {
    require_root!();
    let mut stage = Stage::new();
    let log = stage.writer("kern.log");
    write(&log, 60_000..=60_100);
    stage.follow();
    thread::sleep(SILENCE);
    assert_eq!(
        stage.source().events,
        0,
        "the first time it begins at the end"
    );
    write(&log, 1..=5);
    stage.wait_for_events(5);
    stage.stop();

    let old = Duration::from_secs(7200);
    let mut late = String::new();
    for port in 101..=120 {
        late += &probe::line(old, "192.0.2.77", port);
    }
    (&log)
        .write_all(late.as_bytes())
        .expect("the disk has room");
    write(&log, 6..=10);
    stage.rotate("create 0644 root root");
    let log = stage.writer("kern.log");
    write(&log, 11..=20);
    stage.follow();
    stage.wait_for_events(35);
    let alerts = stage.bus.alerts();
    let find = |src: &str| {
        // The history has what was before the restart too.
        let found = alerts.iter().rev().find(|alert| alert.sources == [src]);
        found.unwrap_or_else(|| panic!("no alert of {src} in {alerts:?}"))
    };
    assert_eq!(find(PROBER).ports, "6-20");
    let late = find("192.0.2.77");
    assert_eq!(late.ports, "101-120");
    let age = (find(PROBER).first_seen - late.first_seen) / 1_000_000;
    assert!((7190..7260).contains(&age), "{age} seconds");
    stage.stop();
    stage.follow();
    thread::sleep(SILENCE);
    assert_eq!(stage.source().events, 0, "nothing new was written");
}

#[test]
fn a_file_that_vanishes_is_told_once_and_waited_for() {
    require_root!();
    let mut stage = Stage::new();
    write(&stage.writer("kern.log"), 1..=3);
    stage.follow();
    fs::remove_file(stage.path("kern.log")).expect("it is there");
    wait_until("it is told", LIMIT, || stage.source().state == "blind");
    let reason = stage.source().reason;
    assert!(reason.contains("kern.log is not there"), "{reason}");
    fs::remove_dir(stage.dir.path().join("log")).expect("it is empty");
    thread::sleep(SILENCE);
    fs::create_dir(stage.dir.path().join("log")).expect("a directory can be made");
    write(&stage.writer("kern.log"), 4..=9);
    stage.wait_for_events(6);
    let source = stage.source();
    assert_eq!(
        (source.state.as_str(), source.reason.as_str()),
        ("working", "")
    );
    assert_eq!(
        stage.log().matches("is not there").count(),
        1,
        "{}",
        stage.log()
    );
}

#[test]
fn a_file_that_may_not_be_read_is_told_with_the_command_that_mends_it() {
    require_root!();
    let mut stage = Stage::new();
    let log = stage.writer("kern.log");
    log.set_permissions(fs::Permissions::from_mode(0o640))
        .expect("root may set a mode");
    let groups = fs::read_to_string("/etc/group").expect("there are groups");
    let adm = groups
        .lines()
        .find_map(|line| line.strip_prefix("adm:x:")?.split(':').next()?.parse().ok());
    chown(
        stage.path("kern.log"),
        None,
        Some(adm.expect("Debian has a group adm")),
    )
    .expect("root may give files away");
    let config = format!(
        "kmsg.read = \"off\"\njournal.read = \"off\"\nfile.paths = [\"{}\"]\n",
        stage.path("kern.log").display()
    );
    stage.start(&config, "failed");
    let source = stage.source();
    assert!(source.reason.contains("may not read"), "{source:?}");
    assert!(
        source
            .mend
            .starts_with("sudo usermod -aG adm wallwatch && "),
        "{source:?}"
    );
    log.set_permissions(fs::Permissions::from_mode(0o644))
        .expect("root may set a mode");
    wait_until("it is tried again", LIMIT, || {
        stage.source().state == "working"
    });
}

#[test]
fn a_line_of_a_megabyte_is_left_out_counted_and_said_once() {
    require_root!();
    let mut stage = Stage::new();
    let mut log = stage.writer("kern.log");
    stage.follow();
    for _ in 0..3 {
        log.write_all(&vec![b'x'; 1024 * 1024])
            .expect("the disk has room");
        log.write_all(b"\n").expect("the disk has room");
    }
    write(&log, 1..=5);
    stage.wait_for_events(5);
    let source = stage.source();
    assert_eq!(source.lost, 3);
    assert!(source.reason.contains("left out"), "{source:?}");
    assert_eq!(
        stage.log().matches("left out").count(),
        1,
        "{}",
        stage.log()
    );
    let rss = figures(stage.helper.as_mut().expect("it runs").process().pid()).rss_kib;
    assert!(rss < 24 * 1024, "{rss} KiB");
}

#[test]
fn a_disk_that_is_full_is_told_once_and_reading_goes_on() {
    require_root!();
    let mut stage = Stage::new();
    let log = stage.writer("kern.log");
    let kept_in = stage.state.display().to_string();
    // 64 KiB in the mount namespace of the bus and the helper, which are full.
    let fill = format!(
        "mount -t tmpfs -o size=64k,mode=700,uid={WALLWATCH},gid={WALLWATCH} none \"$1\"
        dd if=/dev/zero of=\"$1/full\" bs=1k count=100 2>/dev/null || true"
    );
    let inside = |stage: &Stage, script: &str| {
        let program = Program::shell(script).arg("sh").arg(&kept_in);
        stage.bus.inside(program).succeed()
    };
    inside(&stage, &fill);
    stage.follow();
    for port in 1..=3 {
        write(&log, port..=port);
        // Longer than the time between two attempts to write.
        thread::sleep(Duration::from_millis(5200));
    }
    let source = stage.source();
    assert_eq!((source.state.as_str(), source.events), ("working", 3));
    assert!(
        source.reason.contains("No space left on device"),
        "{source:?}"
    );
    assert_eq!(source.mend, format!("df -h {kept_in}"));
    assert_eq!(
        stage.log().matches("cannot be kept").count(),
        1,
        "{}",
        stage.log()
    );
    inside(&stage, "rm \"$1/full\"");
    write(&log, 4..=4);
    wait_until("it is mended", LIMIT, || stage.source().reason.is_empty());
    let kept = inside(&stage, "ls \"$1\"; cat \"$1/positions-file.json\"");
    assert!(
        kept.contains("kern.log") && !kept.contains(".new"),
        "{kept}"
    );
}

#[test]
fn where_no_file_is_named_that_of_the_kernel_is_read_and_no_line_twice() {
    require_root!();
    let mut stage = Stage::new();
    let (kern, syslog) = (stage.writer("kern.log"), stage.writer("syslog"));
    let log = stage.dir.path().join("log");
    let cover = Program::new("mount").arg("--bind").arg(&log).arg(DEFAULT);
    stage.bus.inside(cover).succeed();
    stage.start("kmsg.read = \"off\"\njournal.read = \"off\"\n", "working");
    assert!(
        stage.log().contains("file: reads /var/log/kern.log\n"),
        "{}",
        stage.log()
    );
    for log in [&kern, &syslog] {
        write(log, 1..=10);
    }
    stage.wait_for_events(10);
}
