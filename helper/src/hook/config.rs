//! A hook as it is written in a configuration, `[[hook]]`, and made usable.

use std::{collections::BTreeSet, path::Path, time::Duration};

use serde::{Deserialize, Deserializer, de};
use wallwatch_dbus::{Kind, Verdict};

use super::{
    filter::{AlertFilter, EventFilter},
    words::{Beginning, Few, New, Port},
};
use crate::{
    event::{Feed, Interface},
    explain::Class,
    packet::Protocol,
    rules::{self, Block},
};

/// So many hooks may be written.
pub const MOST_HOOKS: usize = 32;
/// A name has at most so many bytes.
const MOST_NAME: usize = 32;
/// A program and its arguments are at most so many strings,
const MOST_ARGUMENTS: usize = 16;
/// with so many bytes together.
const MOST_ARGUMENT_BYTES: usize = 4096;
/// So many runs a minute, where nobody said.
const DEFAULT_PER_MINUTE: u32 = 10;
const MOST_PER_MINUTE: u32 = 600;
/// So many seconds a script may take, where nobody said.
const DEFAULT_TIMEOUT: u64 = 30;
const MOST_TIMEOUT: u64 = 600;
/// So many runs at a time, where nobody said.
const DEFAULT_AT_ONCE: usize = 2;
const MOST_AT_ONCE: usize = 16;
/// Severities are numbered from 1 to here.
const MOST_SEVERITY: u8 = 5;

/// What a hook runs for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum On {
    /// An incident.
    Alert,
    /// A packet that the firewall told of, or a connection that began.
    Event,
}

impl On {
    /// The word in the configuration, and in the line that tells the runner.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Event => "event",
        }
    }
}

/// How often a hook runs for one incident.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Each {
    /// Once, at the first change for which the filters hold.
    #[default]
    Incident,
    /// At each change.
    Change,
}

/// What a hook runs for, and for which of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wants {
    /// Alerts.
    Alert(Each, AlertFilter),
    /// Events.
    Event(EventFilter),
}

/// A hook that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Hook {
    /// Its name: 1 to 32 of a-z, 0-9 and -.
    pub name: String,
    /// What it runs for.
    pub wants: Wants,
    /// The program, by an absolute path, and its arguments; 1 to 16 strings, none of which holds a zero byte.
    pub run: Vec<String>,
    /// At most so many runs a minute, 1 to 600; so many may also come at once.
    pub per_minute: u32,
    /// How long a run may take, 1 to 600 s.
    pub timeout: Duration,
    /// How many may run at a time, 1 to 16.
    pub at_once: usize,
}

impl Hook {
    /// What it runs for.
    #[must_use]
    pub const fn on(&self) -> On {
        match self.wants {
            Wants::Alert(..) => On::Alert,
            Wants::Event(_) => On::Event,
        }
    }
}

/// A hook as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    name: String,
    on: On,
    run: Vec<String>,
    each: Option<Each>,
    #[serde(default)]
    source: Few<Block>,
    #[serde(default)]
    kind: Few<Kind>,
    #[serde(default)]
    interface: Few<Interface>,
    #[serde(default)]
    port: Few<Port>,
    min_severity: Option<u8>,
    #[serde(default)]
    prefix: Few<Beginning>,
    #[serde(default)]
    feed: Few<Feed>,
    #[serde(default)]
    class: Few<Class>,
    #[serde(default)]
    protocol: Few<Protocol>,
    #[serde(default)]
    verdict: Few<Verdict>,
    #[serde(default)]
    conntrack: Few<New>,
    per_minute: Option<u32>,
    timeout: Option<u64>,
    at_once: Option<usize>,
}

impl TryFrom<Written> for Hook {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        check_name(&written.name)?;
        let name = written.name.clone();
        let within = |error: String| format!("the hook '{name}': {error}");
        usable(written).map_err(within)
    }
}

fn usable(written: Written) -> Result<Hook, String> {
    check_run(&written.run)?;
    let (per_minute, timeout, at_once) = (written.per_minute, written.timeout, written.at_once);
    Ok(Hook {
        name: written.name.clone(),
        run: written.run.clone(),
        per_minute: bounded(
            "per-minute",
            per_minute,
            DEFAULT_PER_MINUTE,
            MOST_PER_MINUTE,
        )?,
        timeout: bounded("timeout", timeout, DEFAULT_TIMEOUT, MOST_TIMEOUT)
            .map(Duration::from_secs)?,
        at_once: bounded("at-once", at_once, DEFAULT_AT_ONCE, MOST_AT_ONCE)?,
        wants: match written.on {
            On::Alert => wants_alerts(written)?,
            On::Event => wants_events(written)?,
        },
    })
}

fn wants_alerts(written: Written) -> Result<Wants, String> {
    let foreign = [
        ("prefix", written.prefix.is_empty()),
        ("feed", written.feed.is_empty()),
        ("class", written.class.is_empty()),
        ("protocol", written.protocol.is_empty()),
        ("verdict", written.verdict.is_empty()),
        ("conntrack", written.conntrack.is_empty()),
    ];
    if let Some((key, _)) = foreign.into_iter().find(|(_, absent)| !absent) {
        return Err(format!(
            "an alert is not chosen by {key}: leave it out, or write on = \"event\""
        ));
    }
    let min_severity = bounded("min-severity", written.min_severity, 1, MOST_SEVERITY)?;
    let filter = AlertFilter {
        min_severity,
        source: written.source,
        kind: written.kind,
        interface: written.interface,
        port: written.port,
    };
    Ok(Wants::Alert(written.each.unwrap_or_default(), filter))
}

fn wants_events(written: Written) -> Result<Wants, String> {
    if written.each.is_some() {
        return Err("an event comes once: leave each out, or write on = \"alert\"".to_owned());
    }
    if written.min_severity.is_some() {
        return Err(
            "an event has no severity: leave min-severity out, or write on = \"alert\"".to_owned(),
        );
    }
    if let Some(kind) = written
        .kind
        .iter()
        .find(|kind| !rules::is_of_one_packet(**kind))
    {
        return Err(format!(
            "no single event is a {kind}: name another kind, or write on = \"alert\""
        ));
    }
    let names_new = !written.conntrack.is_empty();
    let names_other_feed = written.feed.iter().any(|feed| *feed != Feed::Conntrack);
    if names_new && names_other_feed {
        return Err(
            "conntrack = \"new\" holds for the feed conntrack alone: leave the other feeds out"
                .to_owned(),
        );
    }
    let flows_alone = names_new || !written.feed.is_empty() && !names_other_feed;
    for (key, absent) in [
        ("prefix", written.prefix.is_empty()),
        ("interface", written.interface.is_empty()),
    ] {
        if flows_alone && !absent {
            return Err(format!(
                "conntrack does not tell the {key} of a connection: leave {key} out"
            ));
        }
    }
    Ok(Wants::Event(EventFilter {
        flows: names_new || written.feed.iter().any(|feed| *feed == Feed::Conntrack),
        packets: !flows_alone,
        source: written.source,
        kind: written.kind,
        interface: written.interface,
        port: written.port,
        prefix: written.prefix,
        feed: written.feed,
        class: written.class,
        protocol: written.protocol,
        verdict: written.verdict,
    }))
}

fn check_name(name: &str) -> Result<(), String> {
    let is_part = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if (1..=MOST_NAME).contains(&name.len()) && name.bytes().all(is_part) {
        return Ok(());
    }
    let shown: String = name.chars().take(MOST_NAME).collect();
    Err(format!(
        "'{}' is no name of a hook: 1 to {MOST_NAME} of a-z, 0-9 and -",
        shown.escape_debug()
    ))
}

fn check_run(run: &[String]) -> Result<(), String> {
    let Some(program) = run.first() else {
        return Err("run is empty: name the program by its whole path".to_owned());
    };
    if !Path::new(program).is_absolute() {
        return Err(format!(
            "the program '{}' does not begin with /: name it by its whole path",
            program.chars().take(60).collect::<String>().escape_debug()
        ));
    }
    if run.len() > MOST_ARGUMENTS {
        return Err(format!(
            "run has {} strings, but a program and its arguments can be at most {MOST_ARGUMENTS}",
            run.len()
        ));
    }
    if run.iter().map(String::len).sum::<usize>() > MOST_ARGUMENT_BYTES {
        return Err(format!(
            "run is too long: a program and its arguments can have {MOST_ARGUMENT_BYTES} bytes together"
        ));
    }
    if run.iter().any(|argument| argument.contains('\0')) {
        return Err("run holds a zero byte, which no argument can".to_owned());
    }
    Ok(())
}

/// A number from 1 to `most`.
fn bounded<T>(key: &str, written: Option<T>, default: T, most: T) -> Result<T, String>
where
    T: Copy + PartialOrd + From<u8> + std::fmt::Display,
{
    let value = written.unwrap_or(default);
    if (T::from(1)..=most).contains(&value) {
        Ok(value)
    } else {
        Err(format!("{key} is {value}, but must be from 1 to {most}"))
    }
}

/// All hooks, at most [`MOST_HOOKS`], no two of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks(Vec<Hook>);

impl Hooks {
    /// Each, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Hook> {
        self.0.iter()
    }

    /// Is there none?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// The hook of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Hook> {
        self.0.iter().find(|hook| hook.name == name)
    }

    /// Those of a user, whom nobody tells of events: refuses hooks on any. To be used by `deserialize_with`.
    pub fn of_user<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hooks = Self::deserialize(deserializer)?;
        let on_events = hooks.iter().find(|hook| hook.on() == On::Event);
        match on_events {
            None => Ok(hooks),
            Some(hook) => Err(de::Error::custom(format_args!(
                "the hook '{}': a user's hook runs on alerts alone; hooks on events stand in /etc/wallwatch/config.toml",
                hook.name
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for Hooks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hooks = Vec::<Hook>::deserialize(deserializer)?;
        if hooks.len() > MOST_HOOKS {
            return Err(de::Error::custom(format_args!(
                "these are {} hooks, but at most {MOST_HOOKS} can be kept",
                hooks.len()
            )));
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = hooks.iter().find(|hook| !names.insert(&hook.name)) {
            return Err(de::Error::custom(format_args!(
                "two hooks have the name '{}': give each its own",
                twice.name
            )));
        }
        Ok(Self(hooks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct File {
        #[serde(default)]
        hook: Hooks,
    }

    #[derive(Debug, Deserialize)]
    struct UserFile {
        #[serde(default, deserialize_with = "Hooks::of_user")]
        hook: Hooks,
    }

    fn hooks(text: &str) -> Result<Hooks, String> {
        toml::from_str(text)
            .map(|File { hook }| hook)
            .map_err(|error| error.message().to_owned())
    }

    /// A hook of these further lines.
    fn hook(lines: &str) -> Result<Hook, String> {
        let text = format!("[[hook]]\nname = \"beep\"\nrun = [\"/bin/true\"]\n{lines}\n");
        hooks(&text).map(|hooks| hooks.get("beep").cloned().unwrap())
    }

    #[test]
    fn a_hook_of_the_fewest_keys_has_defaults_and_every_key_can_be_set() {
        let least = hook("on = \"alert\"").unwrap();
        assert_eq!(
            (least.on(), least.per_minute, least.at_once),
            (On::Alert, 10, 2)
        );
        assert_eq!(least.timeout, Duration::from_secs(30));
        let Wants::Alert(Each::Incident, filter) = least.wants else {
            panic!("once for each incident")
        };
        assert_eq!(filter.min_severity, 1);
        let alert = hook(
            "on = \"alert\"\neach = \"change\"\nsource = [\"192.0.2.0/24\", \"2001:db8::1\"]\nkind = \"tcp-syn-scan\"\n\
             interface = \"eth0\"\nport = [22, 80]\nmin-severity = 3\nper-minute = 600\ntimeout = 1\nat-once = 16",
        )
        .unwrap();
        assert!(
            matches!(&alert.wants, Wants::Alert(Each::Change, filter) if filter.min_severity == 3)
        );
        assert_eq!((alert.per_minute, alert.at_once), (600, 16));
        let event = hook(
            "on = \"event\"\nsource = \"192.0.2.7\"\nkind = [\"udp-scan\"]\ninterface = \"eth0\"\nport = 53\nprefix = \"SSH-\"\n\
             feed = [\"kmsg\", \"nfqueue\"]\nclass = [\"discovery\", \"udp-scan\"]\nprotocol = [\"udp\", 132]\nverdict = \"dropped\"",
        )
        .unwrap();
        assert!(matches!(event.wants, Wants::Event(filter) if filter.packets && !filter.flows));
        assert_eq!(hooks("").unwrap(), Hooks::default());
    }

    #[test]
    fn flows_are_for_hooks_that_name_conntrack() {
        for (lines, packets, flows) in [
            ("", true, false),
            ("conntrack = \"new\"", false, true),
            ("feed = \"conntrack\"", false, true),
            ("feed = \"conntrack\"\nconntrack = \"new\"", false, true),
            (
                "feed = [\"conntrack\", \"kmsg\"]\nprefix = \"A\"",
                true,
                true,
            ),
        ] {
            let hook = hook(&format!("on = \"event\"\n{lines}")).unwrap();
            let Wants::Event(filter) = hook.wants else {
                panic!("{lines}")
            };
            assert_eq!((filter.packets, filter.flows), (packets, flows), "{lines}");
        }
    }

    #[test]
    fn a_mistake_is_one_sentence_that_says_what_could_stand_there() {
        for (lines, words) in [
            ("on = \"alarm\"", "expected `alert` or `event`"),
            ("", "missing field `on`"),
            (
                "on = \"alert\"\nsuorce = \"192.0.2.7\"",
                "unknown field `suorce`",
            ),
            (
                "on = \"alert\"\nsource = \"192.0.2.7/24\"",
                "one address of 192.0.2.0/24",
            ),
            ("on = \"alert\"\nsource = \"example.org\"", "is no address"),
            ("on = \"alert\"\nsource = []", "this list is empty"),
            ("on = \"alert\"\nport = 0", "a port from 1 to 65535"),
            ("on = \"alert\"\nport = \"22\"", "as a number"),
            (
                "on = \"alert\"\nport = [[22]]",
                "expected a port from 1 to 65535",
            ),
            ("on = \"alert\"\nport = true", "a port from 1 to 65535"),
            (
                "on = \"alert\"\nmin-severity = 6",
                "min-severity is 6, but must be from 1 to 5",
            ),
            (
                "on = \"alert\"\nper-minute = 0",
                "per-minute is 0, but must be from 1 to 600",
            ),
            (
                "on = \"alert\"\ntimeout = 601",
                "timeout is 601, but must be from 1 to 600",
            ),
            (
                "on = \"alert\"\nat-once = 17",
                "at-once is 17, but must be from 1 to 16",
            ),
            (
                "on = \"alert\"\nprefix = \"A\"",
                "an alert is not chosen by prefix",
            ),
            (
                "on = \"alert\"\nconntrack = \"new\"",
                "an alert is not chosen by conntrack",
            ),
            ("on = \"event\"\neach = \"incident\"", "an event comes once"),
            (
                "on = \"event\"\nmin-severity = 3",
                "an event has no severity",
            ),
            (
                "on = \"event\"\nkind = \"brute-force\"",
                "no single event is a brute-force",
            ),
            (
                "on = \"event\"\nkind = \"scan\"",
                "a kind like tcp-syn-scan",
            ),
            (
                "on = \"event\"\nclass = \"chatter\"",
                "a word of `wallwatchctl explain`",
            ),
            (
                "on = \"event\"\nverdict = \"mixed\"",
                "dropped, passed or unknown",
            ),
            (
                "on = \"event\"\nfeed = \"pcap\"",
                "nflog, kmsg, file, journal, ulogd, conntrack or nfqueue",
            ),
            ("on = \"event\"\nprotocol = 256", "its number from 0 to 255"),
            ("on = \"event\"\nprotocol = \"tpc\"", "a protocol like tcp"),
            ("on = \"event\"\nprefix = \"\"", "1 to 127 bytes"),
            (
                "on = \"event\"\ninterface = \"a b\"",
                "the name of an interface",
            ),
            (
                "on = \"event\"\nconntrack = \"old\"",
                "new, for connections that begin",
            ),
            (
                "on = \"event\"\nconntrack = \"new\"\nfeed = \"kmsg\"",
                "leave the other feeds out",
            ),
            (
                "on = \"event\"\nconntrack = \"new\"\nprefix = \"A\"",
                "does not tell the prefix",
            ),
            (
                "on = \"event\"\nfeed = \"conntrack\"\ninterface = \"eth0\"",
                "does not tell the interface",
            ),
        ] {
            let error = hook(lines).expect_err(lines);
            let error = error.lines().collect::<Vec<_>>().join("; ");
            assert!(error.contains(words), "{lines}: {error}");
        }
    }

    #[test]
    fn names_programs_and_numbers_of_hooks_are_bounded() {
        let with = |name: &str, run: &[String]| {
            let run = run
                .iter()
                .map(|argument| toml::Value::from(argument.as_str()).to_string())
                .collect::<Vec<_>>()
                .join(", ");
            hooks(&format!(
                "[[hook]]\nname = {}\non = \"alert\"\nrun = [{run}]\n",
                toml::Value::from(name)
            ))
            .map(drop)
        };
        let program = ["/bin/true".to_owned()];
        assert_eq!(with(&"a".repeat(32), &program), Ok(()));
        for name in ["", &"a".repeat(33), "Beep", "a b", "../a", "a\n", "ä"] {
            assert!(
                with(name, &program)
                    .unwrap_err()
                    .contains("is no name of a hook"),
                "{name:?}"
            );
        }
        let many = vec!["/bin/true".to_owned(); 17];
        assert_eq!(with("a", &many[..16]), Ok(()));
        let long = ["/bin/true".to_owned(), "x".repeat(4096)];
        for (run, words) in [
            (&[][..], "run is empty"),
            (&["beep.sh".to_owned()], "does not begin with /"),
            (&["/bin/a\0b".to_owned()], "zero byte"),
            (&many[..], "at most 16"),
            (&long, "4096 bytes"),
        ] {
            let error = with("a", run).unwrap_err();
            assert!(
                error.contains(words) && error.contains("the hook 'a'"),
                "{error}"
            );
        }
        let each = |number: usize| {
            format!("[[hook]]\nname = \"h{number}\"\non = \"alert\"\nrun = [\"/bin/true\"]\n")
        };
        assert_eq!(
            hooks(&(0..32).map(each).collect::<String>()).unwrap().len(),
            32
        );
        let error = hooks(&(0..33).map(each).collect::<String>()).unwrap_err();
        assert!(error.contains("at most 32"), "{error}");
        let error = hooks(&[each(1), each(1)].concat()).unwrap_err();
        assert!(error.contains("two hooks have the name 'h1'"), "{error}");
    }

    #[test]
    fn a_user_has_hooks_on_alerts_alone() {
        let text =
            |on: &str| format!("[[hook]]\nname = \"a\"\non = \"{on}\"\nrun = [\"/bin/true\"]\n");
        let user = |on: &str| toml::from_str::<UserFile>(&text(on)).map(|file| file.hook.len());
        assert_eq!(user("alert").unwrap(), 1);
        let error = user("event").unwrap_err();
        assert!(error.message().contains("on alerts alone"), "{error}");
    }
}
