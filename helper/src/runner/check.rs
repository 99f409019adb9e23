//! Is it safe to run this script? Looked at before each run.
//!
//! Nobody but root and the user whom the script runs as may be able to change it, or to put another one in its place. So not only the
//! file is looked at, but each folder on the way to it from the root on, and each symbolic link: its folder, and the folders on the
//! way to where it leads. Who may write to none of these folders can neither rename, remove nor add a name in them; so between the
//! look and the run nothing on the way can become another thing by the deed of a third user, and what is run is the path without
//! links that was looked at. That root and the user themselves could still change it gives them nothing that they have not.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Component, Path, PathBuf},
};

use super::words::{quoted, reason};

/// So many symbolic links the kernel follows on one way (`path_resolution(7)`).
const MOST_LINKS: usize = 40;
/// Write permission of the group and of others. Where a file has an access control list, the bits of the group hold the most that
/// anybody in it may (`acl(5)`).
const OTHERS_WRITE: u32 = 0o022;
/// Execute permission of anybody.
const EXECUTE: u32 = 0o111;

/// Why a script is not run, and what to do, as sentences.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// Looks at a script that shall run as this user. Returns its path without symbolic links.
pub fn check(written: &Path, user: u32) -> Result<PathBuf, Refusal> {
    if !written.is_absolute() {
        return Err(Refusal(format!(
            "{} does not begin with /: write the whole path into [[hook]] run.",
            quoted(written)
        )));
    }
    let way = Way { written, user };
    let mut left: VecDeque<OsString> = parts(written).collect();
    let mut at = PathBuf::from("/");
    way.folder(&at, &look(&at).map_err(|error| way.absent(&at, &error))?)?;
    let mut links = 0;
    while let Some(part) = left.pop_front() {
        if part == ".." {
            // Without a link on the way up to here, this is where the kernel goes, too.
            at.pop();
            continue;
        }
        let next = at.join(&part);
        let found = look(&next).map_err(|error| way.absent(&next, &error))?;
        if found.is_symlink() {
            links += 1;
            if links > MOST_LINKS {
                return Err(Refusal(format!(
                    "{} leads round in a circle of symbolic links: write the path of the script itself into [[hook]] run.",
                    quoted(written)
                )));
            }
            let target = fs::read_link(&next).map_err(|error| way.absent(&next, &error))?;
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                left.push_front(part);
            }
            continue;
        }
        if left.is_empty() {
            way.script(&next, &found)?;
            return Ok(next);
        }
        way.folder(&next, &found)?;
        at = next;
    }
    Err(no_file(&at))
}

/// The names on a path, and `..`.
fn parts(path: &Path) -> impl Iterator<Item = OsString> + '_ {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

fn look(path: &Path) -> io::Result<Metadata> {
    fs::symlink_metadata(path)
}

/// The way to one script.
struct Way<'a> {
    written: &'a Path,
    user: u32,
}

impl Way<'_> {
    /// May this user change what runs here?
    fn is_trusted(&self, found: &Metadata) -> bool {
        [0, self.user].contains(&found.uid())
    }

    fn folder(&self, path: &Path, found: &Metadata) -> Result<(), Refusal> {
        let (script, shown) = (quoted(self.written), quoted(path));
        if !found.is_dir() {
            return Err(Refusal(format!(
                "{script} cannot be there, because {shown} is no folder: correct the path in [[hook]] run."
            )));
        }
        if !self.is_trusted(found) {
            return Err(Refusal(format!(
                "{shown}, the folder on the way to {script}, belongs to the user {}, who could put another script in its place. {}",
                found.uid(),
                elsewhere()
            )));
        }
        if found.mode() & OTHERS_WRITE != 0 {
            let mend = if found.mode() & libc::S_ISVTX == 0 {
                format!("To mend it: {}chmod go-w {shown}", sudo(found))
            } else {
                elsewhere()
            };
            return Err(Refusal(format!(
                "{shown}, the folder on the way to {script}, can be written by others, who could put another script in its place. {mend}"
            )));
        }
        Ok(())
    }

    fn script(&self, path: &Path, found: &Metadata) -> Result<(), Refusal> {
        let shown = quoted(path);
        if !found.is_file() {
            return Err(no_file(path));
        }
        if !self.is_trusted(found) {
            return Err(Refusal(format!(
                "{shown} belongs to the user {}, and a hook runs scripts of root and of its own user alone. To mend it: sudo chown root {shown}",
                found.uid()
            )));
        }
        if found.mode() & OTHERS_WRITE != 0 {
            return Err(Refusal(format!(
                "{shown} can be changed by others than its owner, so it is not run. Look whether it is what it should be; then: {}chmod go-w {shown}",
                sudo(found)
            )));
        }
        if found.mode() & EXECUTE == 0 {
            return Err(Refusal(format!(
                "{shown} is not executable. To mend it: {}chmod +x {shown}",
                sudo(found)
            )));
        }
        Ok(())
    }

    fn absent(&self, path: &Path, error: &io::Error) -> Refusal {
        let (script, shown) = (quoted(self.written), quoted(path));
        let what = match error.kind() {
            io::ErrorKind::NotFound if path == self.written => {
                "put the script there, or correct the path in [[hook]] run".to_owned()
            }
            io::ErrorKind::NotFound => {
                format!("{script} needs it; put it there, or correct the path in [[hook]] run")
            }
            io::ErrorKind::PermissionDenied => format!(
                "{script} runs as the user {}, who must be able to reach it; open its folders with chmod +x, or put it elsewhere",
                self.user
            ),
            _ => format!("{script} needs it"),
        };
        match error.kind() {
            io::ErrorKind::NotFound => Refusal(format!("{shown} is missing: {what}.")),
            _ => Refusal(format!(
                "{shown} cannot be looked at ({}): {what}.",
                reason(error)
            )),
        }
    }
}

fn no_file(path: &Path) -> Refusal {
    Refusal(format!(
        "{} is no file that could be run: write the path of a script into [[hook]] run.",
        quoted(path)
    ))
}

fn elsewhere() -> String {
    "Put the script into a folder that only root and its user can write to, as /etc/wallwatch/hooks.".to_owned()
}

/// What a command needs in front that changes this file.
fn sudo(found: &Metadata) -> &'static str {
    if found.uid() == 0 { "sudo " } else { "" }
}
