//! Each shipped example runs its script when what it is for happens, by the programs of everyday.

use std::{fs, thread};

use wallwatch_test_support::{
    Firewall, LogAllNamespaces, Program,
    helper::built,
    netns::{VICTIM_V4, attacker_v4},
    process::wait_until,
    require_root,
};

use crate::stage::{LIMIT, SILENCE, Stage};

/// A victim that drops what comes to port 23, and tells of it by this target of iptables.
fn telnet_dropped(target: &str) -> Stage {
    let stage = Stage::new(Firewall::None);
    stage.net.victim.shell(&format!(
        "iptables -A INPUT -p tcp --dport 23 -j {target}; iptables -A INPUT -p tcp --dport 23 -j DROP"
    ));
    stage
}

/// Tries ports of the victim, each once, as a scanner does.
fn knock(stage: &Stage, n: u8, ports: &str) {
    let scan = stage.net.nmap(attacker_v4(n).into());
    scan.args(["-sS", "--max-retries", "0", "-p", ports])
        .succeed();
}

/// What the script of the example says of a port that was tried.
fn told_of(n: u8) -> String {
    format!("rule \"TELNET-DROP\": {} tried port 23/tcp", attacker_v4(n))
}

/// Tries port 23 and another one, and waits for what the script says of the first alone.
fn knocks_are_told(stage: &Stage) {
    knock(stage, 1, "23");
    stage.wait_for_output(&told_of(1));
    knock(stage, 2, "24");
    knock(stage, 3, "23");
    stage.wait_for_output(&told_of(3));
    let log = stage.runner.as_ref().expect("it runs").log();
    assert!(!log.contains(&attacker_v4(2).to_string()), "{log}");
    wait_until("the status counts both", LIMIT, || {
        stage.health("log-prefix").runs == 2
    });
    let health = stage.health("log-prefix");
    assert_eq!((health.failed, health.words.as_str()), (0, ""));
}

#[test]
fn a_script_runs_on_a_prefix_that_ulogd_writes() {
    require_root!();
    let mut stage = telnet_dropped("NFLOG --nflog-group 7 --nflog-prefix 'TELNET-DROP '");
    let (log, said) = (stage.path("syslogemu.log"), stage.path("ulogd.log"));
    let conf = stage.dir.write(
        "ulogd.conf",
        format!(
            "[global]\nloglevel=3\nlogfile=\"{}\"\nstack=log1:NFLOG,base1:BASE,ifi1:IFINDEX,ip2str1:IP2STR,print1:PRINTPKT,out1:LOGEMU\n\
             [log1]\ngroup=7\n[out1]\nfile=\"{}\"\nsync=1\n",
            said.display(),
            log.display()
        ),
    );
    let ulogd = Program::new("ulogd").arg("-c").arg(&conf);
    let _ulogd = stage.net.victim.inside(ulogd).start();
    wait_until("ulogd listens", LIMIT, || {
        fs::read_to_string(&said).is_ok_and(|text| text.contains("entering main loop"))
    });
    let settings = format!(
        "capture = false\nkmsg.read = \"off\"\nfile.read = \"off\"\nulogd.files = [\"{}\"]",
        log.display()
    );
    let hooks = stage.example("log-prefix");
    stage.start(&settings, &hooks);
    stage.wait_for_source("ulogd", "working");
    knocks_are_told(&stage);
}

#[test]
fn a_script_runs_on_a_prefix_of_nflog_although_the_own_table_tells_of_each_packet_too() {
    require_root!();
    let mut stage = telnet_dropped("NFLOG --nflog-group 7 --nflog-prefix 'TELNET-DROP '");
    let hooks = stage.example("log-prefix");
    stage.start(
        "capture = true\nkmsg.read = \"off\"\nnflog.groups = [7]",
        &hooks,
    );
    stage.wait_for_source("nflog", "working");
    stage.wait_for_source("nflog:7", "working");
    knocks_are_told(&stage);
}

#[test]
fn a_script_runs_on_a_prefix_in_the_kernels_log() {
    require_root!();
    let _logged = LogAllNamespaces::set();
    let mut stage = telnet_dropped("LOG --log-prefix 'TELNET-DROP '");
    let hooks = stage.example("log-prefix");
    stage.start(
        "capture = false\nkmsg.read = \"on\"\nfile.read = \"off\"",
        &hooks,
    );
    stage.wait_for_source("kmsg", "working");
    knocks_are_told(&stage);
}

/// A victim whose kernel follows connections, and who offers SSH and a web site.
fn connected_to(capture: bool) -> Stage {
    let mut stage = Stage::new(Firewall::None);
    stage
        .net
        .victim
        .shell("iptables -A INPUT -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT");
    let hooks = stage.example("connection");
    stage.start(
        &format!("capture = {capture}\nkmsg.read = \"off\"\nfile.read = \"off\""),
        &hooks,
    );
    stage.wait_for_source("conntrack", "working");
    stage
}

/// Connects to a port of the victim, which answers, from the attacker's `n`-th address.
fn connect(stage: &Stage, n: u8, port: u16) {
    let transfer = built("transfer").expect("transfer is built: cargo build --bin transfer");
    let address = format!("{VICTIM_V4}:{port}");
    let receive = Program::new(&transfer).args(["receive", &address]);
    let mut service = stage.net.victim.inside(receive).start();
    service.wait_for("ready", LIMIT);
    stage.net.prefer_source(attacker_v4(n));
    let send = Program::new(&transfer).args(["send", &address, "1000"]);
    stage.net.attacker.inside(send).succeed();
    service.wait_for("1000", LIMIT);
}

fn connections_are_told(stage: &Stage) {
    connect(stage, 1, 8080);
    connect(stage, 2, 22);
    stage.wait_for_output(&format!("connection from {}, port", attacker_v4(2)));
    stage.wait_for_output(&format!("to {VICTIM_V4}, port 22/tcp"));
    connect(stage, 3, 22);
    stage.wait_for_output(&format!("connection from {}, port", attacker_v4(3)));
    let log = stage.runner.as_ref().expect("it runs").log();
    assert!(!log.contains(&attacker_v4(1).to_string()), "{log}");
    assert_eq!(stage.health("connection").runs, 2, "{log}");
}

#[test]
fn a_script_runs_on_each_new_connection() {
    require_root!();
    connections_are_told(&connected_to(false));
}

#[test]
fn a_script_runs_on_each_new_connection_also_where_the_own_table_tells_of_its_packets() {
    require_root!();
    let stage = connected_to(true);
    stage.wait_for_source("nflog", "working");
    connections_are_told(&stage);
}

#[test]
fn a_script_runs_for_each_class_of_queued_packets() {
    require_root!();
    let mut stage = Stage::new(Firewall::None);
    stage.net.victim.shell(
        "iptables -t mangle -A PREROUTING -i victim0 -j NFQUEUE --queue-num 5370 --queue-bypass",
    );
    let hooks = stage.example("queue-class");
    stage.start(
        "capture = false\nkmsg.read = \"off\"\nfile.read = \"off\"\nnfqueue.queues = [5370]",
        &hooks,
    );
    stage.wait_for_source("nfqueue:5370", "working");
    knock(&stage, 1, "21");
    let source = attacker_v4(1);
    stage.wait_for_output(&format!("probe (tcp-syn-scan) of port 21/tcp by {source}"));
    // A search for media players, as any of them sends it.
    let source = attacker_v4(2);
    stage.net.attacker.shell(&format!(
        "python3 - <<'END'
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('{source}', 0))
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton('{source}'))
s.sendto(b'M-SEARCH * HTTP/1.1\\r\\n\\r\\n', ('239.255.255.250', 1900))
END"
    ));
    stage.wait_for_output(&format!("{source} looks around on the network"));
    // What is neither runs nothing.
    stage.net.attacker.shell(&format!(
        "ping -c 2 -i 0.2 -I {} {VICTIM_V4}",
        attacker_v4(3)
    ));
    thread::sleep(SILENCE);
    let log = stage.runner.as_ref().expect("it runs").log();
    assert!(!log.contains(&attacker_v4(3).to_string()), "{log}");
    let runs = ["queued-probe", "queued-discovery"].map(|name| stage.health(name).runs);
    assert_eq!(runs, [1, 1], "{log}");
}
