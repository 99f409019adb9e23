//! What the helper says of firewalls that log little or nothing, beside the real ones.

use std::time::Duration;

use wallwatch_dbus::SourceHealth;
use wallwatch_test_support::{
    Firewall, Firewalld, Helper, Program, SystemBus, TempDir, TestNet, process::wait_until,
    require_root,
};

/// How long anything may take that takes next to no time.
const LIMIT: Duration = Duration::from_secs(10);
/// Within so long a change of rules is known.
const PROMPT: Duration = Duration::from_secs(1);

/// A victim that is watched by its kernel's log, on a machine whose files can be changed for it alone.
struct Scene {
    // In the order in which they are taken down.
    _helper: Helper,
    net: TestNet,
    bus: SystemBus,
    _dir: TempDir,
}

impl Scene {
    /// A kernel without the old iptables, as it shows itself, and this firewall.
    fn new(firewall: Firewall) -> Self {
        Self::with(firewall, "CONFIG_IP_NF_FILTER=m", "true")
    }

    /// A kernel that was built with this, and files as this script changes them; `$1` is a directory for it.
    fn with(firewall: Firewall, kernel: &str, script: &str) -> Self {
        let (bus, net, dir) = (SystemBus::start(), TestNet::new(firewall), TempDir::new());
        // Modules that other tests had loaded are none of this machine's.
        let hide = format!(
            "mount -t tmpfs -o mode=755 none /boot; echo '{kernel}' > /boot/config-$(uname -r)
            if [ -e /proc/modules ]; then : > \"$1/modules\"; mount --bind \"$1/modules\" /proc/modules; fi\n{script}"
        );
        let hide = Program::shell(&hide).arg("sh").arg(dir.path());
        net.victim.inside(bus.inside(hide)).succeed();
        let helper = Helper::start_with(&bus, &net.victim, &["--capture", "off"]);
        Self {
            _helper: helper,
            net,
            bus,
            _dir: dir,
        }
    }

    fn kmsg(&self) -> SourceHealth {
        let mut sources = self.bus.status().sources.into_iter();
        let kmsg = sources.find(|source| source.name == "kmsg");
        kmsg.expect("the kernel's log is a source")
    }

    /// Waits until the source is in this state and its reason holds these words (or is empty, as they are).
    #[track_caller]
    fn expect(&self, state: &str, words: &str, within: Duration) -> SourceHealth {
        let fits = |kmsg: &SourceHealth| {
            kmsg.state == state
                && kmsg.reason.contains(words)
                && kmsg.reason.is_empty() == words.is_empty()
        };
        let what = format!("kmsg is {state} ({words})");
        wait_until(&what, within, || {
            let kmsg = self.kmsg();
            fits(&kmsg)
        });
        self.kmsg()
    }

    /// Runs a script where the helper lives: in the victim's network, with the same files.
    fn run(&self, script: &str) {
        let program = self.bus.inside(Program::shell(script));
        self.net.victim.inside(program).succeed();
    }
}

#[test]
fn a_log_that_no_rule_writes_to_is_blind_and_one_rule_opens_its_eyes() {
    require_root!();
    let scene = Scene::new(Firewall::DropInput);
    let kmsg = scene.expect("blind", "No rule of the firewall logs", LIMIT);
    assert_eq!(kmsg.mend, "wallwatchctl capture on");
    let status = scene.bus.status();
    assert!(!status.watching);
    assert_eq!(status.reason, kmsg.reason);

    let victim = &scene.net.victim;
    victim.shell("nft insert rule inet users_own input udp dport 9 log prefix '\"X \"' group 7");
    scene.expect("blind", "NFLOG group 7", PROMPT);
    victim.shell("nft insert rule inet users_own input tcp dport 1-1000 limit rate 3/minute log prefix '\"X \"'");
    scene.expect("working", "bound to a rate", PROMPT);
    victim.shell("nft insert rule inet users_own input tcp dport 1-1000 log prefix '\"Y \"'");
    scene.expect("working", "", PROMPT);
    assert!(scene.bus.status().watching);
    victim.shell("nft flush chain inet users_own input");
    scene.expect("blind", "No rule of the firewall logs", PROMPT);
}

#[test]
fn a_rule_of_iptables_is_known_by_its_target() {
    require_root!();
    let scene = Scene::new(Firewall::DropInput);
    scene.expect("blind", "No rule", LIMIT);
    let victim = &scene.net.victim;
    victim.shell("iptables-nft -A INPUT -p tcp -j LOG --log-prefix 'X '");
    scene.expect("working", "", PROMPT);
    victim.shell("iptables-nft -R INPUT 1 -p tcp -m limit --limit 3/min -j LOG");
    scene.expect("working", "bound to a rate", PROMPT);
    victim.shell("iptables-nft -R INPUT 1 -p tcp -j NFLOG --nflog-group 3");
    scene.expect("blind", "NFLOG group 3", PROMPT);
    victim.shell("ip6tables-nft -A FORWARD -j LOG");
    scene.expect("working", "", PROMPT);
}

#[test]
fn where_rules_of_the_old_iptables_may_log_nothing_is_called_silent() {
    require_root!();
    let scene = Scene::with(Firewall::DropInput, "CONFIG_IP_NF_FILTER=y", "true");
    scene.expect("working", "", LIMIT);
    scene
        .net
        .victim
        .shell("iptables-legacy -A INPUT -p tcp -j LOG; nft add table inet stir");
    std::thread::sleep(PROMPT);
    scene.expect("working", "", LIMIT);
    assert_eq!(scene.bus.status().firewall, "unknown");
}

#[test]
fn a_machine_without_a_firewall_says_so_until_it_has_one() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    scene.expect("blind", "no firewall that logs", LIMIT);
    let firewall = || scene.bus.status().firewall;
    assert_eq!(firewall(), "none");
    let victim = &scene.net.victim;
    victim.shell("nft add table inet x; nft 'add chain inet x in { type filter hook input priority 0; policy accept; }'");
    std::thread::sleep(PROMPT);
    assert_eq!(
        firewall(),
        "none",
        "a chain that stops nothing is no firewall"
    );
    victim.shell("nft add rule inet x in tcp dport 23 drop");
    wait_until("there is a firewall", PROMPT, || firewall() == "unknown");
    victim.shell("nft delete table inet x");
    wait_until("there is none", PROMPT, || firewall() == "none");
}

/// Has ufw see copies of its files: it writes its rules into them.
const OWN_UFW: &str = "cp -a /etc/ufw \"$1/etc\"; cp -a /lib/ufw \"$1/lib\"; cp -a /etc/default/ufw \"$1/default\"
    chmod 755 \"$1/etc\"
    mount --bind \"$1/etc\" /etc/ufw; mount --bind \"$1/lib\" /lib/ufw; mount --bind \"$1/default\" /etc/default/ufw
    ufw --force reset; ufw --force enable";

#[test]
fn ufw_is_said_to_show_ten_packets_of_a_scan() {
    require_root!();
    let scene = Scene::with(Firewall::None, "CONFIG_IP_NF_FILTER=m", OWN_UFW);
    let kmsg = scene.expect("working", "ufw logs ten packets", LIMIT);
    assert_eq!(kmsg.mend, "wallwatchctl capture on");
    // ufw itself takes seconds, and its rules change more than once meanwhile.
    scene.run("ufw logging off");
    let kmsg = scene.expect("blind", "LOGLEVEL=off", LIMIT);
    assert_eq!(kmsg.mend, "sudo ufw logging low");
    scene.run("ufw logging high");
    scene.expect("working", "", LIMIT);
    scene.run("ufw logging medium");
    scene.expect("working", "ufw logs ten packets", LIMIT);
    scene.run("ufw --force disable");
    scene.expect("blind", "no firewall that logs", LIMIT);
}

#[test]
fn ufw_is_known_by_its_settings_where_its_rules_cannot_be_seen() {
    require_root!();
    let settings = |level: &str| {
        format!(
            "mkdir \"$1/ufw\"; printf 'ENABLED=yes\\nLOGLEVEL={level}\\n' > \"$1/ufw/ufw.conf\"
            mount --bind \"$1/ufw\" /etc/ufw"
        )
    };
    let old = "CONFIG_IP_NF_FILTER=y";
    let low = Scene::with(Firewall::None, old, &settings("low"));
    low.expect("working", "ufw logs ten packets", LIMIT);
    drop(low);
    let off = Scene::with(Firewall::None, old, &settings("off"));
    off.expect("working", "LOGLEVEL=off", LIMIT);
}

#[test]
fn firewalld_is_blind_until_it_is_told_to_log() {
    require_root!();
    let scene = Scene::new(Firewall::None);
    let firewalld = Firewalld::start(&scene.net.victim);
    let kmsg = scene.expect("blind", "LogDenied=off", LIMIT);
    assert_eq!(kmsg.mend, "sudo firewall-cmd --set-log-denied=unicast");
    let words: Vec<&str> = kmsg.mend.split(' ').skip(2).collect();
    firewalld.client(&words).succeed();
    scene.expect("working", "", LIMIT);
    firewalld.client(&["--set-log-denied=off"]).succeed();
    scene.expect("blind", "LogDenied=off", LIMIT);
}

#[test]
fn a_rule_that_logs_by_ulog_is_named_in_its_form_of_today() {
    require_root!();
    let rules = "cp -a /etc \"$1/etc\"; mkdir -p \"$1/etc/iptables\"
        printf '*filter\\n-A INPUT -p tcp -j ULOG --ulog-nlgroup 2 --ulog-prefix \"in: \" --ulog-cprange 48\\nCOMMIT\\n' \
            > \"$1/etc/iptables/rules.v4\"
        mount --bind \"$1/etc\" /etc";
    let scene = Scene::with(Firewall::DropAndLog, "CONFIG_IP_NF_FILTER=y", rules);
    let kmsg = scene.expect("working", "line 2 of /etc/iptables/rules.v4", LIMIT);
    let today = "-A INPUT -p tcp -j NFLOG --nflog-prefix \"in: \" --nflog-size 48 --nflog-group 2";
    assert!(kmsg.reason.contains(today), "{}", kmsg.reason);
    // And iptables takes it.
    let script = format!("printf '%s\\n' '*filter' '{today}' COMMIT | iptables-nft-restore");
    scene.net.victim.shell(&script);
}
