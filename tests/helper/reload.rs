//! The configuration is read again while the helper runs: by a call, by a hangup, good and bad.

use std::{fs, path::PathBuf, time::Duration};

use wallwatch_dbus::{Helper1Proxy, Rule, SourceHealth};
use wallwatch_test_support::{
    Firewall, Helper, SystemBus, TempDir, TestNet,
    process::{kill, wait_until},
    require_root,
    system_bus::MALLORY,
};

const LIMIT: Duration = Duration::from_secs(20);

/// A helper with a configuration of its own.
struct Stage {
    helper: Helper,
    bus: SystemBus,
    net: TestNet,
    dir: TempDir,
}

impl Stage {
    fn new(text: &str) -> Self {
        let (bus, net, dir) = (
            SystemBus::start(),
            TestNet::new(Firewall::DropInput),
            TempDir::new(),
        );
        fs::create_dir(dir.path().join("config.d")).expect("a directory can be made");
        let config = dir.write("config.toml", text);
        let config = config.to_str().expect("a path of ours");
        let helper = Helper::start_with(&bus, &net.victim, &["--config", config]);
        Self {
            helper,
            bus,
            net,
            dir,
        }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        self.dir.write(name, text)
    }

    /// Reads it again; the error is the name and the sentence.
    fn reload(&self) -> Result<(), (String, String)> {
        let question = async |helper: Helper1Proxy<'static>| helper.reload().await;
        self.bus.ask(question).map_err(name_and_sentence)
    }

    fn rules(&self) -> Vec<Rule> {
        let question = async |helper: Helper1Proxy<'static>| helper.list_rules().await;
        self.bus.ask(question).expect("root may list rules")
    }

    fn source(&self, name: &str) -> Option<SourceHealth> {
        let mut sources = self.bus.status().sources.into_iter();
        sources.find(|source| source.name == name)
    }

    fn wait_for(&self, name: &str, state: &str) {
        wait_until(&format!("{name} is {state}"), LIMIT, || {
            self.source(name)
                .is_some_and(|source| source.state == state)
        });
    }

    fn has_table(&self) -> bool {
        let tables = self.net.victim.tables();
        tables.iter().any(|table| table == "table inet wallwatch")
    }
}

/// An error that the helper answers with.
fn name_and_sentence(error: zbus::Error) -> (String, String) {
    match error {
        zbus::Error::MethodError(name, sentence, _) => {
            (name.to_string(), sentence.unwrap_or_default())
        }
        other => panic!("no answer of the helper's: {other}"),
    }
}

#[test]
fn what_changed_is_taken_over_and_the_rest_goes_on() {
    require_root!();
    let stage = Stage::new("capture = true\nnflog.group = 77\n[nfqueue]\nqueues = [5]\n");
    stage.wait_for("nflog", "working");
    stage.wait_for("nfqueue:5", "working");
    assert!(stage.net.victim.ruleset().contains("group 77"));
    let before = stage.source("nfqueue:5").expect("it is there");

    stage.write(
        "config.toml",
        "capture = true\nnflog.group = 78\nnflog.groups = [9]\nconntrack.read = \"off\"\n[nfqueue]\nqueues = [5, 6]\n\
         [[rule]]\ntype = \"mute\"\nport = 22\n",
    );
    stage.write(
        "config.d/10-more.toml",
        "[[rule]]\ntype = \"trust\"\nport = 23\n",
    );
    assert_eq!(stage.reload(), Ok(()));
    stage.wait_for("nflog", "working");
    stage.wait_for("nflog:9", "working");
    stage.wait_for("nfqueue:6", "working");
    stage.wait_for("conntrack", "off");
    assert!(stage.net.victim.ruleset().contains("group 78"));
    let after = stage.source("nfqueue:5").expect("it is there");
    assert_eq!((before.state, before.events), (after.state, after.events));
    let rules: Vec<_> = stage
        .rules()
        .into_iter()
        .map(|rule| (rule.id, rule.fixed, rule.port))
        .collect();
    assert_eq!(rules, [(0, true, 22), (0, true, 23)]);

    stage.write("config.toml", "capture = true\n");
    assert_eq!(stage.reload(), Ok(()));
    assert!(stage.source("nfqueue:5").is_none() && stage.source("nflog:9").is_none());
    stage.wait_for("conntrack", "working");
    assert_eq!(stage.rules().len(), 1);
}

#[test]
fn a_bad_configuration_leaves_the_one_before_and_is_told_everywhere() {
    require_root!();
    let mut stage = Stage::new("nflog.groups = [9]\n");
    stage.wait_for("nflog:9", "working");
    let bad = stage.write("config.d/20-bad.toml", "\n[nflog]\ngruop = 7\n");
    let words = format!("{}, line 3: unknown field `gruop`", bad.display());
    let (name, sentence) = stage.reload().expect_err("it is wrong");
    assert_eq!(name, "org.wallwatch.Error.Failed");
    assert!(sentence.starts_with(&words), "{sentence}");
    assert_eq!(stage.bus.status().complaint, sentence);
    stage.wait_for("nflog:9", "working");
    assert!(stage.helper.process().log().contains(&sentence));

    // A hangup does the same; mended, it holds.
    kill(stage.helper.pid(), "HUP");
    fs::write(&bad, "nflog.groups = [8]\n").expect("root writes anywhere");
    kill(stage.helper.pid(), "HUP");
    stage.wait_for("nflog:8", "working");
    assert_eq!(stage.bus.status().complaint, "");
    assert!(stage.source("nflog:9").is_none());
    let answer = stage.bus.call_as(MALLORY, "Reload", &[]);
    assert!(
        answer
            .stderr
            .contains("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"),
        "{}",
        answer.text()
    );
}

#[test]
fn capture_is_fixed_and_set_free_again() {
    require_root!();
    let stage = Stage::new("");
    let set = |on: bool| {
        let question = async |helper: Helper1Proxy<'static>| helper.set_capture(on).await;
        stage.bus.ask(question)
    };
    assert!(!stage.has_table());
    let fixing = stage.write("config.d/capture.toml", "capture = true\n");
    assert_eq!(stage.reload(), Ok(()));
    stage.wait_for("nflog", "working");
    assert!(stage.has_table() && stage.bus.status().capturing);
    let refused = set(false).expect_err("it is fixed").to_string();
    assert!(
        refused.contains("FixedByConfig") && refused.contains(&fixing.display().to_string()),
        "{refused}"
    );
    fs::remove_file(&fixing).expect("root removes anything");
    assert_eq!(stage.reload(), Ok(()));
    wait_until("the table is gone, as it was remembered", LIMIT, || {
        !stage.has_table()
    });
    set(true).expect("people switch it again");
    assert!(stage.has_table());
}
