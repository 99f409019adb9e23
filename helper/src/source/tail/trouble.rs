//! What keeps files from being followed, in words, with the command that mends it.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{super::Trouble, Lack, Tail};

/// The user that the helper runs as.
const USER: &str = "wallwatch";

impl Tail {
    /// What hides something at present; one number for one state of affairs, so that the words are made only when it changes.
    pub(crate) fn state(&self) -> u64 {
        // The configuration names at most 16 files.
        let lacks = (0..self.files.len()).fold(0, |state: u64, file| {
            let lack = match self.lack(file) {
                None => 0,
                Some(Lack::Missing(_)) => 1,
                Some(Lack::Refused) => 2,
                Some(Lack::NoFile) => 3,
                Some(Lack::Other(_)) => 4,
            };
            state.wrapping_mul(5).wrapping_add(lack)
        });
        lacks << 2 | u64::from(self.left_out > 0) << 1 | u64::from(self.unkept.is_some())
    }

    /// What hides something, the gravest first.
    pub(crate) fn troubles(&self) -> Vec<Trouble> {
        let lacks = self.files.iter().enumerate();
        let lacks =
            lacks.filter_map(|(number, file)| Some(trouble(&file.path, self.lack(number)?)));
        let left_out = (self.left_out > 0).then(|| {
            let most = super::LONGEST_LINE / 1024;
            Trouble::new(
                format!("A line of more than {most} KiB is no firewall's: such lines are left out and counted as lost."),
                "",
            )
        });
        let unkept = self.unkept.as_ref().map(|reason| {
            let store = self.store.display();
            let directory = self.store.parent().unwrap_or(&self.store).display();
            Trouble::new(
                format!(
                    "How far the files were read cannot be kept in {store} ({reason}), so after a restart lines may be missed or told \
                     again."
                ),
                format!("df -h {directory}"),
            )
        });
        lacks.chain(left_out).chain(unkept).collect()
    }

    /// Why nothing can be read at all; `None` where something can, or where a file is only waited for.
    pub(crate) fn refusal(&self) -> Option<Trouble> {
        let mut lacks = (0..self.files.len()).map(|file| self.lack(file));
        let first = self.files.first()?;
        let all = lacks.all(|lack| lack.is_some_and(|lack| !matches!(lack, Lack::Missing(_))));
        all.then(|| trouble(&first.path, self.lack(0).unwrap_or(Lack::Refused)))
    }

    /// Is no file open at all?
    pub(crate) fn is_blind(&self) -> bool {
        (0..self.files.len()).all(|file| self.lack(file).is_some())
    }
}

/// Several troubles as one: all sentences, and the first command.
pub(crate) fn together(troubles: &[Trouble]) -> Trouble {
    let sentences: Vec<&str> = troubles.iter().map(|one| one.reason.as_str()).collect();
    let mend = troubles.iter().map(|one| one.mend.as_str());
    Trouble::new(
        sentences.join(" "),
        mend.clone().find(|mend| !mend.is_empty()).unwrap_or(""),
    )
}

fn trouble(path: &Path, lack: Lack) -> Trouble {
    let shown = path.display();
    match lack {
        Lack::Missing(_) => Trouble::new(
            format!("{shown} is not there; it is read as soon as it is made."),
            "",
        ),
        Lack::Refused => Trouble::new(
            format!("The helper may not read {shown}."),
            permission_command(path),
        ),
        Lack::NoFile => Trouble::new(
            format!("{shown} is no ordinary file, so it cannot be followed."),
            "",
        ),
        Lack::Other(number) => {
            let error = io::Error::from_raw_os_error(number);
            Trouble::new(format!("{shown} cannot be read: {error}."), "")
        }
    }
}

/// The command that lets the helper read a file: by the group that may read it where there is one.
fn permission_command(path: &Path) -> String {
    let metadata = fs::metadata(path);
    let group = metadata
        .ok()
        .filter(|metadata| metadata.mode() & 0o040 != 0 && metadata.gid() != 0)
        .and_then(|metadata| group_name(metadata.gid(), Path::new("/etc/group")));
    match group {
        Some(group) => format!(
            "sudo usermod -aG {group} {USER} && {}",
            super::super::start_command()
        ),
        None => format!("sudo setfacl -m u:{USER}:r {}", quoted(path)),
    }
}

/// The name of a group by its number, from group(5).
fn group_name(gid: u32, groups: &Path) -> Option<String> {
    let groups = fs::read_to_string(groups).ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(gid)).then(|| name.to_owned())
    })
}

/// A path as a shell reads it.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// Paths in a sentence: `a, b and c`.
pub(crate) fn listed(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    match shown.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_number() {
        let path = std::env::temp_dir().join(format!("wallwatch-group.{}", std::process::id()));
        fs::write(&path, "root:x:0:\nadm:x:4:syslog,alice\nbroken\n").unwrap();
        assert_eq!(group_name(4, &path).as_deref(), Some("adm"));
        assert_eq!(group_name(5, &path), None);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn paths_are_quoted_for_a_shell_and_listed_for_people() {
        assert_eq!(quoted(Path::new("/var/log/kern.log")), "/var/log/kern.log");
        assert_eq!(quoted(Path::new("/a b/it's")), "'/a b/it'\\''s'");
        let paths = ["/a", "/b", "/c"].map(PathBuf::from);
        assert_eq!(listed(&paths), "/a, /b and /c");
        assert_eq!(listed(&paths[..1]), "/a");
    }

    #[test]
    fn several_troubles_are_one_with_the_first_command() {
        let all = together(&[
            Trouble::new("One.", ""),
            Trouble::new("Two.", "mend two"),
            Trouble::new("Three.", "mend three"),
        ]);
        assert_eq!(all, Trouble::new("One. Two. Three.", "mend two"));
    }
}
