//! An hour of ordinary traffic, all of it at once, before the real helper on a machine that stands where it comes to.

use std::{fmt::Write as _, fs::OpenOptions, io::Write as _, os::unix::fs::PermissionsExt as _};
use std::{path::Path, thread, time::Duration};

use wallwatch_dbus::Alert;
use wallwatch_helper::{clock, event::Timestamp};
use wallwatch_test_support::{
    Firewall, Helper, Raised, SystemBus, TempDir, TestNet, netns::VICTIM_IF, probe, require_root,
    wait_until,
};

use crate::{
    check,
    evaluation::score::pops_up,
    form::{self, Form},
    noise,
    place::Place,
    scene::Scene,
};

/// How long it is.
const HOUR: i64 = 3600 * Timestamp::SECOND;
/// Each noise begins in the first part of it.
const BEGIN: std::ops::Range<f64> = 0.0..1500.0;
/// How long the helper may need to read all lines, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
/// Longer than an alert needs from the packet to the bus.
const SETTLED: Duration = Duration::from_secs(2);
/// Who attacks when the hour is over.
const PROBER: &str = "192.0.2.66";

/// The hour that ends at this moment, as lines of a log.
fn hour(scene: &mut Scene, end: Timestamp) -> Vec<String> {
    let start = end.plus(-HOUR);
    for noise in noise::ALL {
        let before = scene.sent.len();
        scene.now = start;
        scene.wait(BEGIN);
        (noise.make)(scene);
        let comes = scene.sent[before..].iter().any(|sent| sent.time < end);
        assert!(comes, "{} comes within the hour", noise.name);
    }
    let mut sent = std::mem::take(&mut scene.sent);
    sent.retain(|sent| sent.time < end);
    let sent = check::in_order(sent);
    sent.iter()
        .map(|sent| form::line(&scene.place, sent, Form::Lines))
        .collect()
}

/// Puts the victim where the scene plays: its addresses, its network, its router.
fn settle(net: &TestNet, place: &Place) {
    let mac = |mac: [u8; 6]| mac.map(|byte| format!("{byte:02x}")).join(":");
    let (name, router) = (&place.interface, place.router.address);
    let mut script = format!(
        "ip link set {VICTIM_IF} down; ip addr flush dev {VICTIM_IF}; ip link set {VICTIM_IF} name {name}
        ip link set {name} address {} up; ip addr add {}/64 dev {name} nodad\n",
        mac(place.mac),
        place.own6,
    );
    for own in &place.own {
        writeln!(script, "ip addr add {own}/24 dev {name}").expect("a string takes everything");
    }
    writeln!(
        script,
        "ip route add default via {router}; ip neigh replace {router} lladdr {} dev {name} nud permanent",
        mac(place.router.mac),
    )
    .expect("a string takes everything");
    net.victim.shell(&script);
}

/// Appends lines to the log.
fn append(log: &Path, lines: &str) {
    let file = OpenOptions::new().create(true).append(true).open(log);
    let mut file = file.expect("the log can be opened");
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
        .expect("root may set a mode");
    file.write_all(lines.as_bytes())
        .expect("the log can be written");
}

#[test]
fn an_hour_of_all_noises_at_once_pops_nothing_up_and_an_attack_after_it_does() {
    require_root!();
    let (seed, name) = (check::seed(), "an_hour");
    let mut scene = check::scene(seed, name, 0);
    let lines = hour(&mut scene, clock::now());
    let again = check::again(seed, name);
    println!("{} packets; {again}", lines.len());

    let (dir, bus, net) = (
        TempDir::new(),
        SystemBus::start(),
        TestNet::new(Firewall::None),
    );
    settle(&net, &scene.place);
    let log = dir.path().join("kern.log");
    append(&log, "");
    let config = format!(
        "kmsg.read = \"off\"\njournal.read = \"off\"\nfile.paths = [\"{}\"]\n",
        log.display()
    );
    let config = dir.write("config.toml", &config);
    let words = ["--config", &config.display().to_string(), "--capture=off"];
    let _helper = Helper::start_with(&bus, &net.victim, &words);
    let file = || {
        let sources = bus.status().sources.into_iter();
        let mut files = sources.filter(|source| source.name == "file");
        files.next().expect("every source is listed")
    };
    wait_until("the log is watched", LIMIT, || file().state == "working");
    let raised = Raised::watch(&bus);

    append(&log, &(lines.join("\n") + "\n"));
    wait_until("every line is told", LIMIT, || {
        file().events >= lines.len() as u64
    });
    thread::sleep(SETTLED);
    let mut alerts: Vec<Alert> = raised
        .alerts()
        .into_iter()
        .map(|(alert, _)| alert)
        .collect();
    alerts.extend(bus.alerts());
    alerts.retain(|alert| alert.popup || pops_up(alert));
    let mut text = String::new();
    check::list(&mut text, &alerts);
    assert!(alerts.is_empty(), "{again}{text}");

    let probes: String = (1..=10)
        .map(|port| probe::line(Duration::ZERO, PROBER, port))
        .collect();
    append(&log, &probes);
    wait_until("the attack is raised", LIMIT, || {
        let is_it = |alert: &Alert| alert.popup && alert.sources == [PROBER];
        raised.alerts().iter().any(|(alert, _)| is_it(alert))
    });
}
