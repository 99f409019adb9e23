//! A login session as polkitd sees it without systemd-logind: its state in /run/systemd, and a control group for its processes.
//!
//! The files are those that systemd-logind writes for sd-login(3), which polkitd reads and watches.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use crate::{
    process::{Program, holds_within},
    system_bus::SystemBus,
};

/// Where sd-login(3) looks for processes, whichever there is first: the only hierarchy, or one beside those of version 1.
const HIERARCHIES: [&str; 3] = [
    "/sys/fs/cgroup",
    "/sys/fs/cgroup/unified",
    "/sys/fs/cgroup/systemd",
];

/// The session.
#[derive(Debug)]
pub struct Login {
    id: String,
    uid: u32,
    /// A shell's words that write into the private /run/systemd.
    writer: Program,
    group: PathBuf,
}

impl Login {
    /// A session of this user at the machine's own screen, which is active.
    #[must_use]
    pub fn start(bus: &SystemBus, uid: u32) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let id = format!("c{}w{number}", std::process::id());
        let root = HIERARCHIES
            .iter()
            .find(|path| Path::new(path).join("cgroup.procs").exists())
            .expect("there are control groups");
        let group = PathBuf::from(format!(
            "{root}/user.slice/user-{uid}.slice/session-{id}.scope"
        ));
        fs::create_dir_all(&group).expect("root can make control groups");
        let login = Self {
            id,
            uid,
            writer: bus.inside(Program::new("sh")),
            group,
        };
        login.set_active(true);
        login
    }

    /// Its user.
    #[must_use]
    pub const fn uid(&self) -> u32 {
        self.uid
    }

    /// Switches to it, or away from it, as fast user switching does.
    pub fn set_active(&self, active: bool) {
        let (id, uid) = (&self.id, self.uid);
        let (number, state) = if active { (1, "active") } else { (0, "online") };
        let session = format!(
            "UID={uid}\nUSER=u{uid}\nACTIVE={number}\nIS_DISPLAY=1\nSTATE={state}\nREMOTE=0\nTYPE=x11\nCLASS=user\nSEAT=seat0\n"
        );
        let active_sessions = if active { id } else { "" };
        let user = format!(
            "NAME=u{uid}\nSTATE={state}\nDISPLAY={id}\nSESSIONS={id}\nACTIVE_SESSIONS={active_sessions}\nONLINE_SESSIONS={id}\n"
        );
        // Files change as a whole: whoever watches them is told of the rename.
        let script = "cd /run/systemd; printf %s \"$3\" >\"users/.$2\"; mv \"users/.$2\" \"users/$2\"; \
                      printf %s \"$4\" >\"sessions/.$1\"; mv \"sessions/.$1\" \"sessions/$1\"";
        let writer = self.writer.clone().args(["-euc", script, "sh", id]);
        writer.arg(uid.to_string()).args([user, session]).succeed();
    }

    /// Ends it, as logging out does; its processes may go on.
    pub fn end(&self) {
        let script = "cd /run/systemd; rm \"users/$2\" \"sessions/$1\"";
        let writer = self.writer.clone().args(["-euc", script, "sh", &self.id]);
        writer.arg(self.uid.to_string()).succeed();
    }

    /// A program in this session.
    #[must_use]
    pub fn inside(&self, program: Program) -> Program {
        let script = "echo $$ >\"$0/cgroup.procs\"; exec \"$@\"";
        let words = ["sh".to_owned(), "-euc".to_owned(), script.to_owned()];
        let group = self.group.to_string_lossy().into_owned();
        program.wrapped(words.into_iter().chain([group]))
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        // A control group can be removed when its last process has ended.
        let removed = holds_within(Duration::from_secs(5), || {
            let gone = fs::remove_dir(&self.group).map_err(|error| error.kind());
            matches!(gone, Ok(()) | Err(io::ErrorKind::NotFound))
        });
        if !removed && !thread::panicking() {
            eprintln!("{} could not be removed", self.group.display());
        }
        // Those above it may hold others.
        for parent in self.group.ancestors().skip(1).take(2) {
            drop(fs::remove_dir(parent));
        }
    }
}
