//! Text that strangers choose arrives in the script as it is, byte for byte, and nothing of it is ever run.

use std::{fs, io::Write as _, os::unix::net::UnixStream, time::UNIX_EPOCH};

use serde_json::{Value, json};
use wallwatch_test_support::{
    Firewall, Program,
    netns::attacker_v4,
    process::{wait_until, wall_clock},
    require_root,
    system_bus::WALLWATCH,
};

use crate::stage::{LIMIT, Stage};

/// Writes what it was told, whole, and then that it did.
const WRITE: &str = "cat > $OUT/line; printf %s \"$WALLWATCH_PREFIX\" > $OUT/prefix
printf %s \"$WALLWATCH_INTERFACE\" > $OUT/interface; printf %s \"$WALLWATCH_SUMMARY\" > $OUT/summary; echo > $OUT/done";

/// Waits for a run of that script: the line, and the prefix and the interface of the environment.
fn told(stage: &Stage) -> (Value, String, String) {
    let out = |name: &str| stage.path("out").join(name);
    wait_until("the script was run", LIMIT, || out("done").exists());
    let read = |name: &str| fs::read_to_string(out(name)).expect("the script wrote it");
    let line = serde_json::from_str(&read("line")).expect("the line is JSON");
    fs::remove_file(out("done")).expect("it is there");
    (line, read("prefix"), read("interface"))
}

/// Did anything run that was text?
fn assert_nothing_ran(stage: &Stage) {
    let list = Program::new("find").arg(stage.dir.path()).args([
        "/tmp",
        "/root",
        "/",
        "-maxdepth",
        "2",
        "-name",
        "pwned*",
    ]);
    assert_eq!(list.output().text().trim(), "");
}

#[test]
fn a_prefix_and_an_interface_of_the_kernel_that_look_like_commands_are_text() {
    require_root!();
    // As much as fits: 63 bytes, and 15.
    let prefix = "$(touch pwned)`touch pwned1`;touch pwned2|a&\"b'c\\d * ~<>#{}!%s$";
    let interface = "$(id>p);`|&'\"\\*";
    assert_eq!((prefix.len(), interface.len()), (63, 15));
    let mut stage = Stage::new(Firewall::None);
    let rules = format!(
        "*filter\n-A INPUT -p tcp --dport 21 -j NFLOG --nflog-group 7 --nflog-prefix \"{}\"\nCOMMIT\n",
        prefix.replace('\\', "\\\\").replace('"', "\\\"")
    );
    let file = stage.dir.write("rules", rules);
    let restored = stage
        .net
        .victim
        .run(["iptables-restore".as_ref(), file.as_os_str()]);
    assert!(restored.ok(), "{}", restored.text());
    // The cable's end gets the name while it is down.
    let address = "ip address show dev victim0 | awk '/inet/ { print $2 }'";
    let addresses = stage.net.victim.shell(address);
    for words in [
        &["set", "victim0", "down"][..],
        &["set", "victim0", "name", interface],
        &["set", interface, "up"],
    ] {
        let output = stage.net.victim.run(["ip", "link"].iter().chain(words));
        assert!(output.ok(), "{}", output.text());
    }
    for address in addresses
        .lines()
        .filter(|address| !address.starts_with("fe80"))
    {
        let words = ["ip", "address", "replace", address, "dev", interface];
        let replaced = stage.net.victim.run(words);
        assert!(replaced.ok(), "{}", replaced.text());
    }
    let hook = stage.hook(
        "write",
        WRITE,
        "on = \"event\"\nport = 21\nprefix = \"$(touch\"",
    );
    stage.start(
        "capture = false\nkmsg.read = \"off\"\nfile.read = \"off\"\nnflog.groups = [7]",
        &hook,
    );
    stage.wait_for_source("nflog:7", "working");
    let scan = stage.net.nmap(attacker_v4(1).into());
    scan.args(["-sS", "--max-retries", "0", "-p", "21"])
        .succeed();
    let (line, in_prefix, in_interface) = told(&stage);
    assert_eq!(
        (in_prefix.as_str(), in_interface.as_str()),
        (prefix, interface)
    );
    assert_eq!(line["event"]["prefix"], prefix);
    assert_eq!(line["event"]["packet"]["in"], interface);
    assert_nothing_ran(&stage);
}

#[test]
fn newlines_and_control_characters_from_ulogd_stay_within_their_text() {
    require_root!();
    let mut stage = Stage::new(Firewall::None);
    let run = stage.dir.private("run", WALLWATCH);
    let socket = run.join("ulogd.sock");
    let hook = stage.hook(
        "write",
        WRITE,
        "on = \"event\"\nport = 21\nfeed = \"ulogd\"",
    );
    stage.start(
        &format!(
            "capture = false\nkmsg.read = \"off\"\nfile.read = \"off\"\nulogd.socket = \"{}\"",
            socket.display()
        ),
        &hook,
    );
    stage.wait_for_source("ulogd", "blind");
    let prefix = "DROP\n{\"hook\":\"write\"}\n$(touch pwned)\u{1b}[2J\t\u{7f}\"";
    let now = wall_clock().duration_since(UNIX_EPOCH);
    let seconds = now.expect("it is not 1970").as_secs();
    let record = json!({
        "oob.time.sec": seconds, "oob.family": 2, "oob.prefix": prefix, "oob.in": "eth0", "ip.protocol": 6, "src_ip": "10.99.1.9",
        "dest_ip": "10.99.0.2", "oob.protocol": 2048, "oob.out": "", "ip.ihl": 5, "ip.tos": 0, "ip.id": 7,
        "ip.fragoff": 0, "ip.totlen": 40, "ip.ttl": 60, "src_port": 40000, "dest_port": 21, "tcp.syn": 1, "tcp.window": 1024,
    });
    let mut ulogd = UnixStream::connect(&socket).expect("the helper listens");
    writeln!(ulogd, "{record}").expect("the helper reads");
    let (line, in_prefix, _) = told(&stage);
    assert_eq!(line["event"]["prefix"], prefix);
    assert_eq!(in_prefix, prefix);
    assert_nothing_ran(&stage);
}
