//! What ulogd's configuration says of the files that it writes: does each line come at once, or thousands of bytes later?

use std::{
    io,
    path::{Path, PathBuf},
};

use super::super::{Trouble, tail::quoted};

/// Where the configuration lies.
pub(super) const PATH: &str = "/etc/ulogd.conf";
/// Where ulogd writes if its configuration names no file (`output/ulogd_output_LOGEMU.c` and `output/ulogd_output_JSON.c` of ulogd).
const DEFAULTS: [(&str, &str); 2] = [
    ("LOGEMU", "/var/log/ulogd_syslogemu.log"),
    ("JSON", "/var/log/ulogd.json"),
];

/// What the text of a configuration says.
#[derive(Debug, Default)]
struct Conf<'a> {
    /// Every stack, as the plugins in it: their name in the configuration and their kind.
    stacks: Vec<Vec<(&'a str, &'a str)>>,
    /// Every setting: section, key, value.
    settings: Vec<(&'a str, &'a str, &'a str)>,
    /// Is the plugin for the target ULOG loaded?
    loads_ulog: bool,
}

impl<'a> Conf<'a> {
    fn parse(text: &'a str) -> Self {
        let mut conf = Self::default();
        let mut section = "";
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']').trim();
            } else if let Some((key, value)) = line.split_once('=') {
                let (key, value) = (key.trim(), value.trim().trim_matches('"'));
                match key {
                    "stack" => conf.stacks.push(
                        value
                            .split(',')
                            .filter_map(|plugin| plugin.trim().split_once(':'))
                            .collect(),
                    ),
                    "plugin" => conf.loads_ulog |= value.ends_with("_inppkt_ULOG.so"),
                    _ => conf.settings.push((section, key, value)),
                }
            }
        }
        conf
    }

    /// The last value of a key in a section.
    fn value(&self, section: &str, key: &str) -> Option<&'a str> {
        let mut settings = self.settings.iter().rev();
        settings
            .find(|(name, word, _)| *name == section && *word == key)
            .map(|(_, _, value)| *value)
    }

    /// The sections of outputs that write to `path` and keep lines back.
    fn unsynced(&self, path: &Path) -> impl Iterator<Item = &'a str> + '_ {
        let outputs = self.stacks.iter().filter_map(|stack| stack.last());
        let path = path.to_owned();
        outputs.filter_map(move |(section, kind)| {
            let (_, default) = DEFAULTS.iter().find(|(name, _)| name == kind)?;
            let file = self.value(section, "file").unwrap_or(default);
            let synced = self.value(section, "sync").is_some_and(|sync| sync != "0");
            (Path::new(file) == path && !synced).then_some(*section)
        })
    }

    /// What the input for the target ULOG is called.
    fn ulog(&self) -> Option<&'a str> {
        let mut plugins = self.stacks.iter().flatten();
        plugins
            .find(|(_, kind)| *kind == "ULOG")
            .map(|(name, _)| *name)
    }
}

/// What ulogd's configuration hides of these files, as far as it can be read.
pub(super) fn troubles(text: &str, files: &[PathBuf]) -> Vec<Trouble> {
    let conf = Conf::parse(text);
    let late = files.iter().flat_map(|path| {
        let sections = conf.unsynced(path);
        sections.map(|section| keeps_back(path, Some((section, conf.value(section, "sync")))))
    });
    let mut found: Vec<Trouble> = late.collect();
    if let Some(name) = conf.ulog() {
        found.push(old_input(name));
    } else if conf.loads_ulog {
        found.push(old_input("ulog1"));
    }
    found
}

/// ulogd keeps lines back; `section` is that of the output, with what it says of `sync`.
pub(super) fn keeps_back(path: &Path, section: Option<(&str, Option<&str>)>) -> Trouble {
    let reason = format!(
        "ulogd keeps its lines back until they fill 4096 bytes, so what it writes to {} comes late: on a quiet computer hours late.",
        path.display()
    );
    let edit = match section {
        None => return Trouble::new(reason, sync_command()),
        Some((section, Some(_))) => {
            format!("sudo sed -i '/^\\[{section}\\]/,/^\\[/ s/^ *sync *=.*/sync=1/' {PATH}")
        }
        Some((section, None)) => format!("sudo sed -i '/^\\[{section}\\]/a sync=1' {PATH}"),
    };
    Trouble::new(reason, format!("{edit} && {}", restart_command()))
}

/// Nobody can tell whether ulogd keeps lines back.
pub(super) fn unknown(error: &io::Error) -> Trouble {
    let why = match error.kind() {
        io::ErrorKind::PermissionDenied => "may not be read by the helper",
        _ => "cannot be read",
    };
    Trouble::new(
        format!(
            "{PATH} {why}, so nobody can tell yet whether ulogd writes each line at once (sync=1)."
        ),
        sync_command(),
    )
}

/// Shows the outputs that are set to keep lines back, or says so where none is set.
fn sync_command() -> String {
    let path = quoted(Path::new(PATH));
    format!("sudo grep -nE '^\\[|^file|^sync' {path}")
}

fn old_input(name: &str) -> Trouble {
    Trouble::new(
        format!(
            "{PATH} reads from \"{name}:ULOG\", and Linux has no target ULOG since 3.17. In the firewall's rules \"-j ULOG \
             --ulog-nlgroup 1 --ulog-prefix TEXT\" becomes \"-j NFLOG --nflog-group 1 --nflog-prefix TEXT\", and here the input \
             becomes \"{name}:NFLOG\", with group=1 in place of nlgroup=1."
        ),
        format!(
            "sudo sed -i -E 's/\\b{name}:ULOG\\b/{name}:NFLOG/; s/_inppkt_ULOG/_inppkt_NFLOG/; s/^nlgroup=/group=/' {PATH} && {}",
            restart_command()
        ),
    )
}

/// The command that has ulogd read its configuration again.
pub(super) fn restart_command() -> String {
    let units = ["ulogd2", "ulogd"];
    let present = units.iter().find(|unit| {
        [
            "/usr/lib/systemd/system",
            "/lib/systemd/system",
            "/etc/systemd/system",
        ]
        .iter()
        .any(|directory| {
            Path::new(directory)
                .join(format!("{unit}.service"))
                .exists()
        })
    });
    format!("sudo systemctl restart {}", present.unwrap_or(&"ulogd2"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "# Example\n[global]\nlogfile=\"syslog\"\n#plugin=\"/usr/lib/ulogd/ulogd_inppkt_ULOG.so\"\n\
        stack=log1:NFLOG,base1:BASE,ifi1:IFINDEX,ip2str1:IP2STR,print1:PRINTPKT,emu1:LOGEMU\n\
        stack=log2:NFLOG,base1:BASE,ifi1:IFINDEX,ip2str1:IP2STR,mac2str1:HWHDR,json1:JSON\n\
        [log1]\ngroup=0\n[emu1]\nfile=\"/var/log/ulog/syslogemu.log\"\n#sync=1\n[json1]\nsync=1\nfile=/var/log/ulogd.json\n";

    fn told(text: &str, file: &str) -> Vec<Trouble> {
        troubles(text, &[PathBuf::from(file)])
    }

    #[test]
    fn a_file_that_ulogd_does_not_write_at_once_is_told_with_the_section_to_change() {
        let found = told(DEBIAN, "/var/log/ulog/syslogemu.log");
        assert_eq!(found.len(), 1);
        assert!(found[0].reason.contains("/var/log/ulog/syslogemu.log"));
        assert!(
            found[0]
                .mend
                .starts_with("sudo sed -i '/^\\[emu1\\]/a sync=1' /etc/ulogd.conf")
        );
        assert_eq!(told(DEBIAN, "/var/log/ulogd.json"), []);
        assert_eq!(told(DEBIAN, "/var/log/other"), []);
        assert_eq!(
            told(
                &DEBIAN.replace("#sync=1", "sync=1"),
                "/var/log/ulog/syslogemu.log"
            ),
            []
        );
        let zero = told(
            &DEBIAN.replace("#sync=1", "sync=0"),
            "/var/log/ulog/syslogemu.log",
        );
        assert!(
            zero[0].mend.contains("s/^ *sync *=.*/sync=1/"),
            "{}",
            zero[0].mend
        );
    }

    #[test]
    fn an_output_without_a_file_writes_to_ulogds_own() {
        let text = "[global]\nstack=log1:NFLOG,json1:JSON\n";
        assert_eq!(told(text, "/var/log/ulogd.json").len(), 1);
        assert_eq!(told(text, "/var/log/ulogd_syslogemu.log").len(), 0);
    }

    #[test]
    fn an_input_of_a_target_that_linux_has_no_more_is_named_with_its_successor() {
        let stack = "stack=ulog7:ULOG,base1:BASE,emu1:LOGEMU\n";
        let plugin = "plugin=\"/usr/lib/ulogd/ulogd_inppkt_ULOG.so\"\n";
        for (text, name) in [(stack, "ulog7:NFLOG"), (plugin, "ulog1:NFLOG")] {
            let found = told(text, "/nowhere");
            assert_eq!(found.len(), 1, "{text}");
            assert!(found[0].reason.contains("-j NFLOG --nflog-group 1"));
            assert!(found[0].mend.contains(name), "{}", found[0].mend);
        }
        assert_eq!(told(DEBIAN, "/nowhere"), []);
    }
}
