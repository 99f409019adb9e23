//! Scripts that are not run, each with a sentence that says why and what to do.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
};

use wallwatch_helper::runner::{answer::State, check::check};
use wallwatch_test_support::{TempDir, require_root};

use crate::stage::{Peer, RUNNER, Running, Stage, alert};

/// A user who has nothing to do with it.
const MALLORY: u32 = 7803;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// What the runner says to a script.
fn verdict(running: &Running, peer: &mut Peer, script: &Path) -> Result<(), String> {
    running.stage.hooks(&[("one", script, "")]);
    peer.alert("one", &alert(1));
    let end = peer.end();
    match end.state {
        State::Refused => Err(end.words),
        _ if end.code == 0 => Ok(()),
        _ => panic!("{end:?}"),
    }
}

#[test]
fn who_could_change_a_script_is_found_wherever_he_could() {
    require_root!();
    let stage = Stage::new();
    let dir = stage.dir.path().to_owned();
    let script = stage.dir.script("script.sh", ":");
    let folder = dir.join("folder");
    fs::create_dir(&folder).unwrap();
    let deep = stage.dir.script("folder/deep.sh", ":");
    let running = stage.start();
    let mut peer = running.connect();
    let mut refused = |path: &Path, words: &[&str]| {
        let sentence = verdict(&running, &mut peer, path).expect_err(words[0]);
        for part in words {
            assert!(sentence.contains(part), "{part}: {sentence}");
        }
        assert!(
            running.process.log().contains(&format!("one: {sentence}")),
            "the journal has it"
        );
    };
    let shown = script.to_str().unwrap();

    for mode in [0o757, 0o777, 0o775] {
        set_mode(&script, mode);
        refused(
            &script,
            &[
                shown,
                "can be changed by others",
                &format!("sudo chmod go-w {shown}"),
            ],
        );
    }
    set_mode(&script, 0o644);
    refused(
        &script,
        &["is not executable", &format!("sudo chmod +x {shown}")],
    );
    set_mode(&script, 0o755);
    chown(&script, Some(MALLORY), None).unwrap();
    refused(
        &script,
        &[
            "belongs to the user 7803",
            &format!("sudo chown root {shown}"),
        ],
    );
    chown(&script, Some(0), None).unwrap();

    // Whoever may write to a folder on the way can put another script there.
    for mode in [0o777, 0o775, 0o1777] {
        set_mode(&folder, mode);
        refused(
            &deep,
            &[
                folder.to_str().unwrap(),
                "could put another script in its place",
            ],
        );
    }
    set_mode(&folder, 0o755);
    chown(&folder, Some(MALLORY), None).unwrap();
    refused(&deep, &["folder", "belongs to the user 7803"]);
    chown(&folder, Some(0), None).unwrap();
    let everybodys = TempDir::new();
    let in_tmp = everybodys.script("in-tmp.sh", ":");
    refused(
        &in_tmp,
        &["/tmp, the folder on the way", "/etc/wallwatch/hooks"],
    );

    // Links are as good as where they lead to, and as the folders that they lie in.
    let link = dir.join("link");
    let to = |target: &Path| {
        _ = fs::remove_file(&link);
        symlink(target, &link).unwrap();
    };
    to(&in_tmp);
    refused(&link, &["/tmp, the folder on the way"]);
    to(&dir.join("gone.sh"));
    refused(&link, &["gone.sh is missing"]);
    to(&link);
    refused(&link, &["circle of symbolic links"]);
    symlink(&script, everybodys.path().join("link")).unwrap();
    refused(
        &everybodys.path().join("link"),
        &["/tmp, the folder on the way"],
    );
    set_mode(&script, 0o777);
    to(&script);
    refused(&link, &["script.sh can be changed by others"]);
    set_mode(&script, 0o755);

    refused(&dir, &["is no file"]);
    refused(
        &dir.join("missing.sh"),
        &["missing.sh is missing", "[[hook]] run"],
    );
    refused(&script.join("x"), &["script.sh is no folder"]);
    let unreachable = running.stage.dir.private("unreachable", 0).join("x.sh");
    refused(&unreachable, &["Permission denied", "the user 7805"]);

    // What cannot be run says so, too.
    let lost = running.stage.dir.write("lost.sh", "#!/nonexistent/shell\n");
    set_mode(&lost, 0o755);
    refused(&lost, &["the program that its first line names is missing"]);
    let roots = running.stage.dir.script("roots.sh", ":");
    set_mode(&roots, 0o700);
    refused(&roots, &["cannot be run by the user of this hook"]);
}

#[test]
fn what_only_root_and_the_runners_user_can_change_is_run() {
    require_root!();
    let stage = Stage::new();
    let script = stage.dir.script("script.sh", ":");
    let own = stage.dir.private("own", RUNNER);
    let owns = stage.dir.script("own/script.sh", ":");
    chown(&owns, Some(RUNNER), Some(RUNNER)).unwrap();
    let link = own.join("link");
    symlink("../own/./../script.sh", &link).unwrap();
    // A busybox goes by the name that it is called by.
    let named = stage.dir.path().join("true");
    symlink("/bin/busybox", &named).unwrap();
    let running = stage.start();
    let mut peer = running.connect();
    for path in [&script, &owns, &link, &named] {
        assert_eq!(
            verdict(&running, &mut peer, path),
            Ok(()),
            "{}",
            path.display()
        );
    }
}

#[test]
fn the_path_that_is_run_is_the_one_that_was_looked_at() {
    let here = |path: &str| check(Path::new(path), 0).map_err(|refusal| refusal.0);
    assert_eq!(
        here("/proc/self/exe/../../bin/sh").ok(),
        None,
        "a program is no folder"
    );
    let shell = here("/bin/../bin/./sh").unwrap();
    assert_eq!(shell, fs::canonicalize("/bin/sh").unwrap());
    assert_eq!(
        here("bin/sh").unwrap_err(),
        "bin/sh does not begin with /: write the whole path into [[hook]] run."
    );
    assert!(here("/").unwrap_err().contains("/ is no file"));
    let hostile = PathBuf::from("/no\u{1b}[31m'such\nfile");
    let sentence = check(&hostile, 0).unwrap_err().0;
    assert!(!sentence.contains(['\u{1b}', '\n']), "{sentence}");
}
