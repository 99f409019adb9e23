//! What the helper knows of the machine, with a real kernel: what listens, and where in the network it stands.

use std::{
    ffi::OsString,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

use wallwatch_dbus::Alert;
use wallwatch_helper::surroundings::Surroundings;
use wallwatch_test_support::{
    Firewall, NetNs, Process, Program, Scene, TempDir, TestNet,
    netns::{VICTIM_IF, VICTIM_V4, attacker_v4, attacker_v6},
    process::wait_until,
    require_root,
};

/// How long anything may take that takes next to no time.
const LIMIT: Duration = Duration::from_secs(10);
/// Within so long a change of the network is known.
const PROMPT: Duration = Duration::from_secs(1);

/// Scans the victim from this address and returns the alert about it in its latest state.
fn scan(scene: &Scene, source: IpAddr, arguments: &[&str]) -> Alert {
    scene.net.nmap(source).args(arguments).succeed();
    let word = source.to_string();
    let find = || {
        let mut alerts = scene.bus.alerts().into_iter();
        alerts.find(|alert| alert.sources.contains(&word))
    };
    wait_until("the scan is told", LIMIT, || find().is_some());
    // Updates are told twice a second at most.
    sleep(Duration::from_secs(1));
    find().expect("an alert does not vanish")
}

/// A program inside that is bound to this address and port until it is dropped; perl(1) is on every Debian.
fn listener(ns: &NetNs, kind: &str, address: &str, port: u16) -> Process {
    listener_from(ns, "", kind, address, port)
}

/// As [`listener`], after these words of a shell script.
fn listener_from(ns: &NetNs, before: &str, kind: &str, address: &str, port: u16) -> Process {
    let (family, pack) = if address.contains(':') {
        ("AF_INET6", "pack_sockaddr_in6")
    } else {
        ("AF_INET", "pack_sockaddr_in")
    };
    let (kind, listen) = if kind == "tcp" {
        ("SOCK_STREAM", "listen(S, 5) or die $!;")
    } else {
        ("SOCK_DGRAM", "")
    };
    let perl = format!(
        "$| = 1; socket(S, {family}, {kind}, 0) or die $!;
        setsockopt(S, IPPROTO_IPV6, IPV6_V6ONLY, 0) if {family} == AF_INET6;
        bind(S, {pack}({port}, inet_pton({family}, \"{address}\"))) or die $!;
        {listen} print \"bound\\n\"; sleep 600"
    );
    let script = format!("{before}\nexec perl -MSocket=:all -e '{perl}'");
    let mut process = ns.inside(Program::shell(&script)).start();
    process.wait_for("bound", LIMIT);
    process
}

fn exposed(ports: &[(u16, &str, &str)]) -> Vec<(u16, String, String)> {
    let owned = |(port, protocol, owner): &(u16, &str, &str)| {
        (*port, (*protocol).to_owned(), (*owner).to_owned())
    };
    ports.iter().map(owned).collect()
}

/// A cgroup of a unit that systemd knows nothing of.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new(name: &str) -> Self {
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let root = roots
            .iter()
            .find(|root| root.join("cgroup.controllers").exists())
            .expect("the kernel has cgroups of version 2");
        let path = root.join(name);
        fs::create_dir(&path).expect("root may make a cgroup");
        Self(path)
    }

    /// The shell command that enters it.
    fn enter(&self) -> String {
        format!("echo $$ > {}/cgroup.procs", self.0.display())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // The kernel needs a moment to see that the last process has left.
        let gone = || fs::remove_dir(&self.0).is_ok();
        wait_until("the cgroup is removed", LIMIT, gone);
    }
}

#[test]
fn what_listens_on_an_attacked_port_is_named_with_its_unit() {
    require_root!();
    let scene = Scene::new(Firewall::DropInput);
    let name = format!("wallwatch-test-{}.service", std::process::id());
    let cgroup = Cgroup::new(&name);
    let victim = &scene.net.victim;
    let _owned = listener_from(victim, &cgroup.enter(), "tcp", "0.0.0.0", 120);
    let _inside = listener(victim, "tcp", "127.0.0.1", 110);
    let _unasked = listener(victim, "tcp", "0.0.0.0", 99);
    let alert = scan(&scene, attacker_v4(1).into(), &["-sS", "-p", "100-140"]);
    assert_eq!(alert.exposed, exposed(&[(120, "tcp", &name)]));
}

#[test]
fn listeners_are_told_apart_by_protocol_and_family() {
    require_root!();
    let scene = Scene::new(Firewall::DropInput);
    let victim = &scene.net.victim;
    let _both = listener(victim, "tcp", "::", 120);
    let _four = listener(victim, "tcp", "0.0.0.0", 121);
    let _here = listener(victim, "tcp", &VICTIM_V4.to_string(), 122);
    let _udp = listener(victim, "udp", "0.0.0.0", 130);
    let ports = |alert: &Alert| -> Vec<(u16, String)> {
        let exposed = alert.exposed.iter();
        exposed
            .map(|(port, protocol, _)| (*port, protocol.clone()))
            .collect()
    };
    let tcp = |port| (port, "tcp".to_owned());
    let v4 = scan(&scene, attacker_v4(1).into(), &["-sS", "-p", "100-140"]);
    assert_eq!(ports(&v4), [tcp(120), tcp(121), tcp(122)]);
    let v6 = scan(&scene, attacker_v6(2).into(), &["-sS", "-p", "100-140"]);
    assert_eq!(ports(&v6), [tcp(120)]);
    let udp = scan(&scene, attacker_v4(3).into(), &["-sU", "-p", "100-140"]);
    assert_eq!(ports(&udp), [(130, "udp".to_owned())]);
}

#[test]
fn what_begins_to_listen_during_an_attack_is_named_by_the_next_update() {
    require_root!();
    let scene = Scene::new(Firewall::DropInput);
    let attacker = attacker_v4(1).into();
    let before = scan(&scene, attacker, &["-sS", "-p", "100-140"]);
    assert_eq!(before.exposed, []);
    let _late = listener(&scene.net.victim, "tcp", "0.0.0.0", 120);
    // What was seen is believed for five seconds.
    sleep(Duration::from_secs(5));
    let after = scan(&scene, attacker, &["-sS", "-p", "141-150"]);
    assert_eq!((after.id, after.exposed.len()), (before.id, 1));
    assert_eq!(after.exposed[0].0, 120);
}

#[test]
fn an_address_that_comes_with_a_private_network_is_our_own_at_once() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    let victim = &scene.net.victim;
    let _all = listener(victim, "tcp", "0.0.0.0", 120);
    victim.shell("ip tuntap add vpn0 mode tun && ip link set vpn0 up");
    victim.shell("ip addr add 10.99.200.1/32 dev vpn0");
    sleep(PROMPT);
    let source = attacker_v4(1);
    scene
        .net
        .attacker
        .shell(&format!("ip route add 10.99.200.1 via {VICTIM_V4}"));
    let target = "10.99.200.1".to_owned();
    let words = format!(
        "nmap -n -Pn -T4 --max-retries 0 --min-rate 300 -e attack0 -S {source} -sS -p 100-140 {target}"
    );
    let nmap = scene.net.attacker.run(words.split(' '));
    assert!(nmap.ok(), "{}", nmap.text());
    let find = || {
        let mut alerts = scene.bus.alerts().into_iter();
        alerts.find(|alert| alert.targets.contains(&target))
    };
    wait_until("the scan is told", LIMIT, || {
        find().is_some_and(|alert| !alert.exposed.is_empty())
    });
}

/// What the surroundings of a namespace are, as a process inside tells it.
struct Told(Process);

impl Told {
    fn of(ns: &NetNs) -> Self {
        Self::start(ns, Self::program())
    }

    fn program() -> Program {
        let program = std::env::current_exe().expect("a test knows its program");
        Program::new(program).args([
            "--ignored",
            "--exact",
            "tells_its_surroundings",
            "--nocapture",
        ])
    }

    fn start(ns: &NetNs, program: Program) -> Self {
        let mut process = ns.inside(program).start();
        process.wait_for("Neighbourhood", LIMIT);
        Self(process)
    }

    /// The latest that it told.
    fn last(&self) -> String {
        let log = self.0.log();
        let line = log.lines().rfind(|line| line.starts_with("Neighbourhood"));
        line.unwrap_or_default().to_owned()
    }

    /// Waits until what it told last holds (or does not hold) these words.
    #[track_caller]
    fn expect(&self, words: &str, holds: bool) {
        let what = format!(
            "'{words}' is {}known: {}",
            if holds { "" } else { "not " },
            self.last()
        );
        wait_until(&what, PROMPT, || self.last().contains(words) == holds);
    }
}

/// No test of its own: the other tests start it inside a namespace.
#[test]
#[ignore = "runs inside the namespaces of other tests, which start it"]
fn tells_its_surroundings() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    runtime.block_on(async {
        let surroundings = Surroundings::open();
        let mut watch = surroundings.watch();
        println!("\n{:?}", *watch.borrow_and_update());
        tokio::spawn(surroundings.follow());
        while watch.changed().await.is_ok() {
            println!("{:?}", *watch.borrow_and_update());
        }
    });
}

#[test]
fn changes_of_the_network_are_known_within_a_second() {
    require_root!();
    let net = TestNet::new(Firewall::None);
    let victim = &net.victim;
    let told = Told::of(victim);
    told.expect("10.99.0.2, prefix_len: 16, interface: \"victim0\"", true);
    told.expect("fd99::2, prefix_len: 64, interface: \"victim0\"", true);
    told.expect("gateways: []", true);

    victim.shell("ip route add default via 10.99.0.1");
    let mac = victim.shell("ip neigh show 10.99.0.1");
    let mac = mac
        .split_whitespace()
        .nth(4)
        .expect("lladdr MAC stands there");
    let bytes: Vec<String> = mac
        .split(':')
        .map(|byte| {
            u8::from_str_radix(byte, 16)
                .expect("two digits")
                .to_string()
        })
        .collect();
    let gateway = format!(
        "address: 10.99.0.1, interface: \"victim0\", mac: Some([{}])",
        bytes.join(", ")
    );
    told.expect(&gateway, true);
    victim.shell("ip -6 route add default via fd99::1");
    told.expect("Gateway { address: fd99::1,", true);
    victim.shell("ip route replace default via 10.99.1.7");
    told.expect("Gateway { address: 10.99.1.7,", true);
    told.expect("Gateway { address: 10.99.0.1,", false);

    victim.shell("ip tuntap add vpn0 mode tun");
    victim.shell("ip addr add 10.8.0.6 peer 10.8.0.5/32 dev vpn0 && ip link set vpn0 up");
    told.expect("10.8.0.5, prefix_len: 32, interface: \"vpn0\"", true);
    victim.shell("ip link set vpn0 name wg7");
    told.expect("interface: \"wg7\"", true);
    told.expect("interface: \"vpn0\"", false);
    victim.shell("ip link del wg7");
    told.expect("10.8.0", false);

    victim.shell(&format!("ip link set {VICTIM_IF} down"));
    told.expect("gateways: []", true);
}

#[test]
fn name_servers_that_come_with_a_network_are_known_with_it() {
    require_root!();
    let (net, dir) = (TestNet::new(Firewall::None), TempDir::new());
    // It sees a copy of /etc, so that the machine keeps its name servers.
    let script = "cp -a /etc \"$0/etc\"; rm -f \"$0/etc/resolv.conf\"; mount --bind \"$0/etc\" /etc; exec \"$@\"";
    let words = ["unshare", "--mount", "sh", "-euc", script].map(OsString::from);
    let words = words.into_iter().chain([dir.path().into()]);
    let told = Told::start(&net.victim, Told::program().wrapped(words));
    assert!(!told.last().contains("192.0.2.53"));
    // As programs for the network do it: the address first, the name servers a moment later.
    net.victim.shell("ip addr add 192.0.2.7/24 dev victim0");
    told.expect("192.0.2.7", true);
    let text = "search example.org\nnameserver 127.0.0.53\nnameserver 192.0.2.53\n";
    fs::write(dir.path().join("etc/resolv.conf"), text).expect("the copy can be written");
    wait_until("the name servers are known", LIMIT, || {
        told.last().contains("resolvers: [192.0.2.53")
    });
}

#[test]
fn nothing_wakes_who_follows_a_network_that_does_not_change() {
    require_root!();
    let net = TestNet::new(Firewall::None);
    let told = Told::of(&net.victim);
    net.victim
        .shell("ip route add 198.51.100.0/24 via 10.99.0.1");
    sleep(PROMPT);
    let before = told.0.figures().switches;
    sleep(Duration::from_secs(3));
    assert_eq!(told.0.figures().switches, before);
}

#[test]
fn a_helper_that_knows_its_surroundings_sleeps_while_they_stay_the_same() {
    require_root!();
    let mut scene = Scene::new(Firewall::DropInput);
    // The start is a change: what came with it is looked for two seconds later, and what it needed is given back.
    sleep(Duration::from_secs(12));
    let before = scene.helper.process().figures().switches;
    sleep(Duration::from_secs(4));
    assert_eq!(scene.helper.process().figures().switches, before);
}
