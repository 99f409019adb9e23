//! LOG lines in the files that a syslog daemon writes.
//!
//! Any user may write a line into the system's log that looks like the kernel's (logger(1)), so no event of these files is trusted.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Sink, Source, Trouble,
    health::Health,
    install_command,
    reader::Reader,
    tail::{self, Tail},
};
use crate::{clock, event::Feed, journal};

/// Each holds all of the kernel's messages where it exists: Debian's and Ubuntu's, and that of the others. The first is read.
const WHOLE: [&str; 3] = ["/var/log/kern.log", "/var/log/messages", "/var/log/syslog"];
/// Each holds the firewall's lines alone. Where the syslog daemon leaves them out of the others it is read too: openSUSE's, ufw's.
const APART: [&str; 2] = ["/var/log/firewall", "/var/log/ufw.log"];
/// Where rsyslog's rules stand.
const RULES: [&str; 2] = ["/etc/rsyslog.conf", "/etc/rsyslog.d"];
/// In the state directory.
const POSITIONS: &str = "positions-file.json";

/// The files that are followed.
#[derive(Debug)]
pub struct Files {
    tail: Tail,
    reader: Reader,
    telling: Telling,
    health: Arc<Health>,
}

impl Files {
    /// Follows these files, or where none are named those that syslog daemons use to write.
    #[expect(clippy::unused_async, reason = "every source is opened alike")]
    pub async fn open(
        named: Vec<PathBuf>,
        state_dir: PathBuf,
        health: Arc<Health>,
    ) -> Result<Self, Trouble> {
        let paths = if named.is_empty() {
            usual(Path::exists, is_left_out_of_others)
        } else {
            named
        };
        if paths.is_empty() {
            return Err(Trouble::new(
                format!(
                    "No syslog daemon writes files here: there is none of {}.",
                    tail::listed(&WHOLE.map(PathBuf::from))
                ),
                install_command("rsyslog"),
            ));
        }
        let tail = Tail::open(&paths, state_dir.join(POSITIONS))
            .map_err(|error| Trouble::new(format!("Log files cannot be followed: {error}."), ""))?;
        if let Some(trouble) = tail.refusal() {
            return Err(trouble);
        }
        journal::say(&format_args!("file: reads {}", tail::listed(&paths)));
        Ok(Self {
            tail,
            reader: Reader::new(clock::now()),
            telling: Telling::default(),
            health,
        })
    }
}

impl Source for Files {
    async fn ready(&mut self) -> Result<(), Trouble> {
        self.tail.ready().await.map_err(|error| broken(&error))
    }

    fn drain<S: Sink>(&mut self, sink: &mut S) -> Result<(), Trouble> {
        self.reader.turn(clock::now());
        let reader = &mut self.reader;
        let drained = self.tail.drain(|line| {
            if let Some(mut event) = reader.event(line.bytes) {
                event.feed = Feed::File;
                event.trusted = false;
                sink.packet(&event);
            }
        });
        drained.map_err(|error| broken(&error))?;
        self.telling
            .tell(&self.tail, Vec::new, self.tail.is_blind(), &self.health);
        Ok(())
    }

    async fn close(self) {
        self.telling.close(&self.health);
        self.tail.close();
    }
}

pub(super) fn broken(error: &std::io::Error) -> Trouble {
    Trouble::new(format!("A log file cannot be read any more: {error}."), "")
}

/// What was told of the files that are followed, so that it is told once.
#[derive(Debug, Default)]
pub(super) struct Telling {
    state: Option<u64>,
    noted: bool,
    left_out: u64,
}

impl Telling {
    /// Tells what changed. `others` are troubles that have nothing to do with the files; when they change, [`Self::again`] has to
    /// be called. `blind` says that nothing at all can be seen.
    pub(super) fn tell(
        &mut self,
        tail: &Tail,
        others: impl FnOnce() -> Vec<Trouble>,
        blind: bool,
        health: &Health,
    ) {
        health.lost(tail.left_out() - self.left_out);
        self.left_out = tail.left_out();
        let state = tail.state();
        if self.state == Some(state) {
            return;
        }
        self.state = Some(state);
        let mut troubles = tail.troubles();
        troubles.extend(others());
        if troubles.is_empty() {
            // What somebody else noted stays.
            if std::mem::take(&mut self.noted) {
                health.sees_all();
            }
            return;
        }
        self.noted = true;
        let all = tail::together(&troubles);
        if blind {
            health.blind(&all);
        } else {
            health.note(&all);
        }
    }

    /// Has everything told again.
    pub(super) const fn again(&mut self) {
        self.state = None;
    }

    /// Takes back what was noted: it is looked at again when the source is opened again.
    pub(super) fn close(&self, health: &Health) {
        if self.noted {
            health.sees_all();
        }
    }
}

/// The files to be read, so that no line is read twice.
fn usual(exists: impl Fn(&Path) -> bool, apart: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let all = |names: &[&str]| -> Vec<PathBuf> {
        let paths = names.iter().map(PathBuf::from);
        paths.filter(|path| exists(path)).collect()
    };
    let whole = all(&WHOLE).into_iter().next();
    let alone = whole.is_none();
    let others = all(&APART);
    let others = others.into_iter().filter(|path| alone || apart(path));
    whole.into_iter().chain(others).collect()
}

/// Do rsyslog's rules end with the firewall's lines once they are written to this file?
fn is_left_out_of_others(path: &Path) -> bool {
    let mut files = Vec::new();
    for place in RULES.map(Path::new) {
        match fs::read_dir(place) {
            Ok(entries) => files.extend(entries.flatten().map(|entry| entry.path())),
            Err(_) => files.push(place.to_owned()),
        }
    }
    let rules = files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok());
    rules.into_iter().any(|rules| ends_behind(&rules, path))
}

/// Is the line that writes to `path`, or one of the two behind it, a `stop`, or the older `~`?
fn ends_behind(rules: &str, path: &Path) -> bool {
    let name = path.display().to_string();
    let active = rules
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut behind = active.skip_while(|line| !line.contains(&name)).take(3);
    behind.any(|line| {
        let words = line.split(|c: char| c.is_whitespace() || "{}&()".contains(c));
        words.into_iter().any(|word| word == "stop" || word == "~")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual_of(present: &[&str], apart: &[&str]) -> Vec<String> {
        let has = |list: &[&str], path: &Path| list.iter().any(|name| Path::new(name) == path);
        usual(|path| has(present, path), |path| has(apart, path))
            .iter()
            .map(|path| path.display().to_string())
            .collect()
    }

    #[test]
    fn of_files_that_hold_the_same_lines_one_is_read() {
        let (kern, syslog) = ("/var/log/kern.log", "/var/log/syslog");
        let (messages, firewall, ufw) =
            ("/var/log/messages", "/var/log/firewall", "/var/log/ufw.log");
        // Debian and Ubuntu, with and without ufw, and where ufw's lines go to its file alone.
        assert_eq!(usual_of(&[kern, syslog], &[]), [kern]);
        assert_eq!(usual_of(&[kern, syslog, ufw], &[]), [kern]);
        assert_eq!(usual_of(&[kern, syslog, ufw], &[ufw]), [kern, ufw]);
        // Fedora and its kin, openSUSE, Alpine.
        assert_eq!(usual_of(&[messages], &[]), [messages]);
        assert_eq!(
            usual_of(&[messages, firewall], &[firewall]),
            [messages, firewall]
        );
        assert_eq!(usual_of(&[firewall], &[]), [firewall]);
        assert_eq!(usual_of(&[syslog], &[]), [syslog]);
        assert_eq!(usual_of(&[], &[]), [""; 0]);
    }

    #[test]
    fn rsyslogs_rules_tell_whether_a_line_goes_on_to_other_files() {
        let ufw = "# Log kernel generated UFW log messages to file\n:msg,contains,\"[UFW \" /var/log/ufw.log\n\n\
                   # Uncomment the following to stop logging anything that matches the last rule.\n#& stop\n";
        let path = Path::new("/var/log/ufw.log");
        assert!(!ends_behind(ufw, path));
        assert!(ends_behind(&ufw.replace("#& stop", "& stop"), path));
        assert!(ends_behind(&ufw.replace("#& stop", "& ~"), path));
        let suse = "if      ($syslogfacility-text == 'kern') and \\\n ($msg contains 'IN=' and $msg contains 'OUT=') \\\n\
                    then {\n        -/var/log/firewall\n        stop\n}\n";
        assert!(ends_behind(suse, Path::new("/var/log/firewall")));
        assert!(!ends_behind(suse, path));
    }
}
