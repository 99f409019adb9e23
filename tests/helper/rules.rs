//! Rules that are added over a real bus, with a real polkitd: who may, what is remembered, and what real scans meet.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use wallwatch_dbus::{Alert, Helper1Proxy, Rule};
use wallwatch_test_support::{
    Firewall, Helper, SystemBus, TempDir, TestNet,
    netns::attacker_v4,
    process::{holds_within, kill, wait_until},
    require_root,
    system_bus::{MALLORY, WALLWATCH},
};
use zbus::DBusError as _;

const LIMIT: Duration = Duration::from_secs(20);
/// What did not happen by then does not.
const SETTLED: Duration = Duration::from_secs(3);

/// A bus, two machines, and a state directory that outlives the helper.
struct Stage {
    bus: SystemBus,
    net: TestNet,
    state: PathBuf,
    _dir: TempDir,
}

impl Stage {
    fn new() -> Self {
        let dir = TempDir::new();
        Self {
            bus: SystemBus::start(),
            net: TestNet::new(Firewall::DropInput),
            state: dir.private("state", WALLWATCH),
            _dir: dir,
        }
    }

    /// The helper, which looks at its own table or not.
    fn helper(&self, capture: &str) -> Helper {
        let state = self.state.to_str().expect("a path of ours");
        let words = ["--state-dir", state, "--capture", capture];
        let helper = Helper::start_with(&self.bus, &self.net.victim, &words);
        if capture == "on" {
            wait_until("packets are captured", LIMIT, || {
                let mut sources = self.bus.status().sources.into_iter();
                sources.any(|source| source.name == "nflog" && source.state == "working")
            });
        }
        helper
    }

    fn add(&self, rule: Rule) -> Result<u64, String> {
        let question = async |helper: Helper1Proxy<'static>| helper.add_rule(rule).await;
        self.bus.ask(question).map_err(name_of)
    }

    fn remove(&self, id: u64) -> Result<(), String> {
        let question = async |helper: Helper1Proxy<'static>| helper.remove_rule(id).await;
        self.bus.ask(question).map_err(name_of)
    }

    fn list(&self) -> Vec<Rule> {
        let question = async |helper: Helper1Proxy<'static>| helper.list_rules().await;
        self.bus.ask(question).expect("root may list rules")
    }

    /// A scan from this address of some of the ports from this one on.
    fn scan(&self, source: IpAddr, first: u16) {
        let ports = format!("{first}-{}", first + 9);
        let scan = self.net.nmap(source).args(["-sS", "-p", &ports]);
        scan.succeed();
    }

    /// The incident of this address in its present state.
    fn incident(&self, source: IpAddr) -> Option<Alert> {
        let name = source.to_string();
        let mut alerts = self.bus.alerts();
        alerts.retain(|alert| alert.sources == [name.clone()]);
        alerts.pop()
    }

    /// The incident of this address, waited for.
    fn await_incident(&self, source: IpAddr, mut is_so: impl FnMut(&Alert) -> bool) -> Alert {
        let mut found = None;
        wait_until("the incident is told so", LIMIT, || {
            found = self.incident(source).filter(&mut is_so);
            found.is_some()
        });
        found.expect("it was waited for")
    }
}

/// The name of the error that an answer is.
fn name_of(error: zbus::Error) -> String {
    match error {
        zbus::Error::MethodError(name, ..) => name.to_string(),
        zbus::Error::FDO(error) => error.name().to_string(),
        other => panic!("no answer of the helper's: {other}"),
    }
}

fn rule(effect: &str, source: &str) -> Rule {
    Rule {
        r#type: effect.to_owned(),
        source: source.to_owned(),
        ..Rule::default()
    }
}

#[test]
fn rules_are_listed_with_who_and_when_and_outlive_a_kill() {
    require_root!();
    let stage = Stage::new();
    let helper = stage.helper("off");
    assert_eq!(stage.list(), []);
    let commented = Rule {
        comment: "my scanner; $(reboot) \"quoted\"".to_owned(),
        // What only the helper can say is not taken from whoever adds the rule.
        id: 77,
        added_by: "mallory".to_owned(),
        added_at: 1,
        fixed: true,
        ..rule("trust", "192.0.2.7")
    };
    assert_eq!(stage.add(commented.clone()), Ok(1));
    assert_eq!(stage.add(commented.clone()), Ok(1), "it is there already");
    assert_eq!(stage.add(rule("mute", "192.0.2.0/24")), Ok(2));
    assert_eq!(stage.add(rule("mute", "198.51.100.0/24")), Ok(3));
    assert_eq!(stage.remove(3), Ok(()));
    kill(helper.pid(), "KILL");
    drop(helper);

    let _helper = stage.helper("off");
    let rules = stage.list();
    let [trust, mute] = rules.as_slice() else {
        panic!("two of them: {rules:?}")
    };
    assert_eq!((trust.id, mute.id), (1, 2));
    assert_eq!((trust.added_by.as_str(), trust.fixed), ("root", false));
    assert_eq!(trust.comment, commented.comment);
    assert!(trust.added_at > 1_700_000_000_000_000, "{trust:?}");
    assert_eq!(stage.add(rule("mute", "203.0.113.9")), Ok(4), "3 was used");
    assert_eq!(
        stage.remove(3),
        Err("org.wallwatch.Error.NotFound".to_owned())
    );
}

#[test]
fn what_is_no_rule_and_what_is_too_much_is_refused() {
    require_root!();
    let stage = Stage::new();
    let helper = stage.helper("off");
    let invalid = "org.freedesktop.DBus.Error.InvalidArgs";
    let long = "x".repeat(1 << 20);
    for wrong in [
        Rule::default(),
        rule("drop", "192.0.2.7"),
        rule("trust", ""),
        rule("trust", "192.0.2.7/24"),
        rule("trust", &long),
        Rule {
            comment: long.clone(),
            ..rule("mute", "192.0.2.7")
        },
        Rule {
            comment: "\u{1b}[31m".to_owned(),
            ..rule("mute", "192.0.2.7")
        },
        Rule {
            interface: "a b".to_owned(),
            ..rule("mute", "192.0.2.7")
        },
        Rule {
            class: "own".to_owned(),
            ..rule("noise", "")
        },
        Rule {
            gateway: "ff:ff:ff:ff:ff:ff".to_owned(),
            place: "home".to_owned(),
            ..rule("network", "")
        },
    ] {
        assert_eq!(
            stage.add(wrong.clone()),
            Err(invalid.to_owned()),
            "{wrong:?}"
        );
    }
    for n in 0..64 {
        let added = stage.add(rule("mute", &format!("192.0.2.{n}")));
        assert_eq!(added, Ok(n + 1));
    }
    assert_eq!(
        stage.add(rule("mute", "192.0.2.64")),
        Err("org.freedesktop.DBus.Error.LimitsExceeded".to_owned())
    );
    for (method, arguments) in [("ListRules", &[][..]), ("RemoveRule", &["uint64:1"])] {
        let answer = stage.bus.call_as(MALLORY, method, arguments);
        assert!(
            answer
                .stderr
                .contains("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"),
            "{method}: {}",
            answer.text()
        );
    }
    assert_eq!(stage.list().len(), 64, "mallory changed nothing");
    let written = { helper }.process().log();
    assert!(!written.contains("panicked"), "{written}");
}

#[test]
fn a_damaged_file_is_kept_aside_and_said() {
    require_root!();
    let stage = Stage::new();
    drop(stage.helper("off"));
    let file = stage.state.join("rules.toml");
    std::fs::write(&file, "next-id = 5\n\n[[rule]]\nid = 4\nru").expect("root writes anywhere");
    let mut helper = stage.helper("off");
    let complaint = stage.bus.status().complaint;
    let aside = stage.state.join("rules.damaged-1");
    assert!(
        complaint.contains("line 5") && complaint.contains(&aside.display().to_string()),
        "{complaint}"
    );
    assert!(helper.process().log().contains(&complaint));
    assert!(aside.exists() && !file.exists());
    assert_eq!(stage.add(rule("mute", "192.0.2.7")), Ok(5));
}

#[test]
fn real_scans_are_trusted_muted_and_told_again() {
    require_root!();
    let stage = Stage::new();
    let _helper = stage.helper("on");
    let [trusted, muted, plain] = [11, 12, 13].map(|n| IpAddr::V4(attacker_v4(n)));
    assert_eq!(stage.add(rule("trust", &trusted.to_string())), Ok(1));
    assert_eq!(stage.add(rule("mute", &muted.to_string())), Ok(2));
    // Different ports, so that nobody is taken for another's decoy.
    stage.scan(trusted, 1000);
    stage.scan(muted, 2000);
    stage.scan(plain, 3000);
    let told = stage.await_incident(muted, |alert| alert.port_count > 5);
    assert!(!told.popup && told.severity >= 2, "{told:?}");
    let told = stage.await_incident(plain, |alert| alert.port_count > 5);
    assert!(told.popup, "{told:?}");
    assert!(
        !holds_within(SETTLED, || stage.incident(trusted).is_some()),
        "who is trusted raises nothing"
    );
    // What is open is told again.
    assert_eq!(stage.add(rule("mute", &plain.to_string())), Ok(3));
    let again = stage.await_incident(plain, |alert| !alert.popup);
    assert!(again.id == told.id && again.seq > told.seq && !again.closed);
    assert_eq!(stage.remove(3), Ok(()));
    stage.await_incident(plain, |alert| alert.popup);
    // And what is not trusted any more is weighed.
    assert_eq!(stage.remove(1), Ok(()));
    stage.scan(trusted, 4000);
    stage.await_incident(trusted, |alert| alert.popup);
}

#[test]
fn the_present_network_is_told_by_its_gateway_and_can_be_named() {
    require_root!();
    let stage = Stage::new();
    let gateway = attacker_v4(1);
    stage.net.victim.shell(&format!(
        "ip route add default via {gateway}; ping -c 1 -W 2 {gateway} > /dev/null || true"
    ));
    let _helper = stage.helper("on");
    let mac = stage
        .net
        .attacker
        .mac(wallwatch_test_support::netns::ATTACKER_IF);
    wait_until("the gateway is known", LIMIT, || {
        stage.bus.status().gateway == mac
    });
    assert_eq!(stage.bus.status().place, "");
    let public = Rule {
        gateway: mac,
        place: "public".to_owned(),
        ..rule("network", "")
    };
    assert_eq!(stage.add(public), Ok(1));
    assert_eq!(stage.bus.status().place, "public");
    let neighbour = IpAddr::V4(attacker_v4(15));
    stage.scan(neighbour, 1000);
    let told = stage.await_incident(neighbour, |alert| alert.port_count > 5);
    assert_eq!(told.severity, 3, "a few ports are low elsewhere: {told:?}");
    assert!(told.reason.contains("a rule calls public"), "{told:?}");
}
