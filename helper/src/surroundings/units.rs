//! Which systemd unit a cgroup belongs to: the number of a cgroup is the inode of its directory (`INET_DIAG_CGROUP_ID`).

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::DirEntryExt as _,
    path::{Path, PathBuf},
};

/// Where the tree of cgroups of version 2 stands: alone, or beside those of version 1.
const ROOTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// What every directory of that tree holds, and no other.
const MARK: &str = "cgroup.controllers";
/// At most so many directories are looked at.
const MOST_DIRECTORIES: usize = 16 * 1024;
/// At most so many cgroups are remembered.
const MOST_KNOWN: usize = 4096;
/// The longest name of a unit (`UNIT_NAME_MAX` of systemd).
const LONGEST_NAME: usize = 255;

/// The units of cgroups that were asked for.
#[derive(Debug)]
pub(super) struct Units {
    root: Option<PathBuf>,
    /// Never forgotten one by one: the kernel gives a number once.
    known: BTreeMap<u64, String>,
}

impl Units {
    /// None is known yet.
    pub(super) fn new() -> Self {
        let roots = ROOTS.map(Path::new);
        let root = roots.iter().find(|root| root.join(MARK).exists());
        Self::under(root.map(|root| root.to_path_buf()))
    }

    const fn under(root: Option<PathBuf>) -> Self {
        Self {
            root,
            known: BTreeMap::new(),
        }
    }

    /// Learns the units of these cgroups, by one walk over the tree where one of them is new.
    pub(super) fn learn(&mut self, cgroups: impl Iterator<Item = u64>) {
        let mut wanted: Vec<u64> = cgroups.filter(|id| !self.known.contains_key(id)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let Some(root) = self.root.as_ref().filter(|_| !wanted.is_empty()) else {
            return;
        };
        if self.known.len() + wanted.len() > MOST_KNOWN {
            self.known.clear();
            wanted.truncate(MOST_KNOWN);
        }
        // A cgroup that is gone has no unit, and will have none.
        self.known
            .extend(wanted.iter().map(|id| (*id, String::new())));
        let mut missing = wanted.len();
        let mut rest = vec![(root.clone(), String::new())];
        let mut seen = 0;
        while let Some((directory, unit)) = rest.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    continue;
                }
                seen += 1;
                if seen > MOST_DIRECTORIES {
                    return;
                }
                let name = entry.file_name();
                let own = name.to_str().filter(|name| is_unit(name));
                let unit = own.map_or_else(|| unit.clone(), str::to_owned);
                if wanted.binary_search(&entry.ino()).is_ok() {
                    self.known.insert(entry.ino(), unit.clone());
                    missing -= 1;
                    if missing == 0 {
                        return;
                    }
                }
                rest.push((entry.path(), unit));
            }
        }
    }

    /// The unit of a cgroup; empty where it has none or was not asked for.
    pub(super) fn unit(&self, cgroup: u64) -> &str {
        self.known.get(&cgroup).map_or("", String::as_str)
    }
}

/// Is this the name of a unit that programs run in? A user may name directories of this tree: names are only shown where they
/// are made of what systemd.unit(5) allows.
fn is_unit(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    [".service", ".scope", ".socket"]
        .iter()
        .any(|suffix| name.len() > suffix.len() && name.ends_with(suffix))
        && name.len() <= LONGEST_NAME
        && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    /// A tree of directories that is gone when the test is over.
    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str) -> Self {
            let place =
                std::env::temp_dir().join(format!("ww-units-{}-{name}", std::process::id()));
            fs::create_dir_all(&place).unwrap();
            Self(place)
        }

        fn directory(&self, path: &str) -> u64 {
            let path = self.0.join(path);
            fs::create_dir_all(&path).unwrap();
            path.metadata().unwrap().ino()
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn a_cgroup_belongs_to_the_unit_that_it_lies_in() {
        let tree = Tree::new("units");
        let cases = [
            ("system.slice/ssh.service", "ssh.service"),
            ("system.slice/ssh.service/session", "ssh.service"),
            ("system.slice", ""),
            (
                "user.slice/user-1000.slice/user@1000.service/app.slice/app-x\\x2dy.scope",
                "app-x\\x2dy.scope",
            ),
            (
                "user.slice/user-1000.slice/user@1000.service/a\u{1b}[31m.service",
                "user@1000.service",
            ),
            ("system.slice/cups.socket", "cups.socket"),
            ("user.slice/.service", ""),
        ];
        let ids: Vec<u64> = cases.iter().map(|(path, _)| tree.directory(path)).collect();
        let mut units = Units::under(Some(tree.0.clone()));
        units.learn(ids.iter().copied());
        for ((path, unit), id) in cases.iter().zip(&ids) {
            assert_eq!(units.unit(*id), *unit, "{path}");
        }
        assert_eq!(units.unit(u64::MAX), "");
    }

    #[test]
    fn a_cgroup_that_comes_later_is_found_and_one_that_went_is_not() {
        let tree = Tree::new("later");
        let mut units = Units::under(Some(tree.0.clone()));
        let first = tree.directory("a.service");
        units.learn([first, u64::MAX].into_iter());
        let second = tree.directory("b.service");
        units.learn([first, second].into_iter());
        assert_eq!(
            (units.unit(first), units.unit(second)),
            ("a.service", "b.service")
        );
        assert_eq!(units.unit(u64::MAX), "");
    }

    #[test]
    fn without_a_tree_nothing_has_a_unit() {
        let mut units = Units::under(None);
        units.learn([1, 2].into_iter());
        assert_eq!(units.unit(1), "");
    }
}
