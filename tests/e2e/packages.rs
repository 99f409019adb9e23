//! scripts/packages.sh says what is missing, asks only where somebody can answer, and never waits.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use wallwatch_test_support::{
    Output, Program, TempDir, process::project, require_root, system_bus::ALICE,
};

/// Nothing is installed here, so whatever takes longer waits for an answer.
const LIMIT: Duration = Duration::from_secs(10);

/// A machine on which no package is installed: what the script calls is stood in for, and says how it was called.
struct Bare {
    dir: TempDir,
}

impl Bare {
    /// `sudo` is the text of the stand-in for sudo; none where there is no sudo.
    fn new(sudo: Option<&str>) -> Self {
        let bare = Self {
            dir: TempDir::new(),
        };
        let script =
            fs::read_to_string(project().join("scripts/packages.sh")).expect("the script is there");
        bare.program("packages.sh", &script);
        bare.program("dpkg-query", "#!/bin/sh\nexit 1\n");
        bare.program("apt-get", "#!/bin/sh\necho \"apt-get $*\"\n");
        if let Some(sudo) = sudo {
            bare.program("sudo", sudo);
        }
        bare
    }

    fn program(&self, name: &str, text: &str) {
        let file = self.dir.write(name, text);
        fs::set_permissions(file, fs::Permissions::from_mode(0o755))
            .expect("the owner can set modes");
    }

    /// What the script says to the user `uid`, without a terminal.
    fn run(&self, uid: u32) -> Output {
        let path = format!(
            "{}:/usr/sbin:/usr/bin:/sbin:/bin",
            self.dir.path().display()
        );
        let program = Program::new(self.dir.path().join("packages.sh"))
            .arg("run")
            .env("PATH", path);
        let program = if uid == 0 {
            program
        } else {
            program.as_user(uid, &[])
        };
        program.output_within(LIMIT)
    }
}

#[test]
fn root_installs_at_once_and_is_told_what() {
    require_root!();
    let output = Bare::new(None).run(0);
    assert!(output.ok(), "{}", output.text());
    assert!(
        output.stdout.contains("packages are missing: nftables "),
        "{}",
        output.stdout
    );
    assert!(
        output.stdout.contains("apt-get -q") && output.stdout.contains("install --yes"),
        "{}",
        output.stdout
    );
    assert!(
        !output.stdout.contains(" update"),
        "what works without new lists fetches none: {}",
        output.stdout
    );
}

#[test]
fn without_new_package_lists_they_are_fetched_once() {
    require_root!();
    let bare = Bare::new(None);
    let lists = bare.dir.path().join("lists");
    let apt = "#!/bin/sh\necho \"apt-get $*\"\ncase $* in *update) touch LISTS ;; esac\n[ -e LISTS ] || exit 100\n";
    bare.program("apt-get", &apt.replace("LISTS", &lists.to_string_lossy()));
    let output = bare.run(0);
    assert!(output.ok(), "{}", output.text());
    assert_eq!(
        output.stdout.matches(" install ").count(),
        2,
        "{}",
        output.stdout
    );
    assert_eq!(
        output.stdout.matches(" update").count(),
        1,
        "{}",
        output.stdout
    );
}

#[test]
fn without_a_terminal_a_user_is_told_the_command_and_nothing_waits() {
    require_root!();
    let wants_password = "#!/bin/sh\n[ \"$1\" != -n ] || exit 1\nsleep 600\n";
    let output = Bare::new(Some(wants_password)).run(ALICE);
    assert_eq!(output.code, Some(1), "{}", output.text());
    assert!(
        output.stderr.contains("Run: sudo apt-get install"),
        "{}",
        output.stderr
    );
}

#[test]
fn sudo_without_a_password_is_used_without_asking() {
    require_root!();
    let output = Bare::new(Some("#!/bin/sh\n[ \"$1\" != -n ] || shift\nexec \"$@\"\n")).run(ALICE);
    assert!(
        output.ok() && output.stdout.contains("install --yes"),
        "{}",
        output.text()
    );
}
