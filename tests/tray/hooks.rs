//! The user's hooks: scripts that the desktop program runs in the session.
#![expect(
    clippy::format_collect,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and need not be fast"
)]

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, time::Duration};

use wallwatch_dbus::Alert;
use wallwatch_test_support::{
    Stage, TempDir,
    process::now,
    stage::{A_WHILE, Cast, SOON, scan},
    wait_until,
};

/// The desktop program and a folder of root's for scripts; the test and the program are root's.
struct Place {
    cast: Cast,
    dir: TempDir,
}

/// Starts it with hooks, each a name, a script and further lines, of which `OUT` is a path in the folder.
fn place(hooks: &[(&str, &str, &str)]) -> Place {
    let dir = TempDir::of_root();
    let stage = Stage::new(env!("CARGO_BIN_EXE_wallwatch"));
    let text: String = hooks
        .iter()
        .map(|(name, script, lines)| {
            let script = script.replace("OUT", dir.path().join("out").to_str().unwrap());
            let path = dir.script(&format!("{name}.sh"), &script);
            let path = path.display();
            format!(
                "[[hook]]\nname = \"{name}\"\non = \"alert\"\nrun = [\"{path}\", \"a b\"]\n{lines}\n"
            )
        })
        .collect();
    stage.configure(&text);
    Place {
        cast: stage.cast(),
        dir,
    }
}

impl Place {
    fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.out()).unwrap_or_default()
    }

    /// Waits until the scripts wrote so many lines.
    fn lines(&self, count: usize) -> Vec<String> {
        wait_until("the scripts have run", SOON, || {
            self.text().lines().count() >= count
        });
        self.text().lines().map(str::to_owned).collect()
    }
}

#[test]
fn a_hook_runs_once_for_an_incident_in_the_session_as_it_is() {
    let notify = "gdbus call --session --dest org.freedesktop.Notifications --object-path /org/freedesktop/Notifications \
        --method org.freedesktop.Notifications.Notify \"my script\" 0 '' \"Look\" \"$WALLWATCH_SUMMARY\" '[]' '{}' 5000 >/dev/null";
    let script = format!(
        "echo \"$WALLWATCH_ID $1 $DISPLAY $HOME $WALLWATCH_HOOK $(pwd) $(grep -c ^CapEff:.0000000000000000 /proc/$$/status)\" >>OUT\n{notify}"
    );
    let place = place(&[("mine", &script, "min-severity = 3")]);
    let cast = &place.cast;
    cast.helper.change(Alert {
        severity: 2,
        ..scan(7, "192.0.2.7", 3)
    });
    cast.helper.change(scan(7, "192.0.2.7", 30));
    cast.helper.change(scan(7, "192.0.2.7", 300));
    let stage = &cast.stage;
    let home = stage.home.path().join("home");
    let expected = format!(
        "7 a b {} {} mine / 1",
        stage.screen.display(),
        home.display()
    );
    assert_eq!(place.lines(1), [expected]);
    wait_until("the script's own notification", SOON, || {
        let notes = cast.notifier.notes();
        notes.iter().any(|note| {
            note.app == "my script"
                && note.body == "Port scan (SYN) - medium: 192.0.2.7, ports 1-30"
        })
    });
    cast.helper.change(scan(8, "192.0.2.8", 3));
    assert!(place.lines(2)[1].starts_with("8 "));
    std::thread::sleep(A_WHILE);
    assert_eq!(place.lines(2).len(), 2, "once for each incident");
}

#[test]
fn what_is_past_runs_nothing_and_a_pause_of_popups_holds_no_hook_back() {
    let mut place = place(&[
        ("once", "echo \"once $WALLWATCH_ID\" >>OUT", ""),
        (
            "each",
            "echo \"each $WALLWATCH_ID $WALLWATCH_PORTS\" >>OUT",
            "each = \"change\"",
        ),
    ]);
    let sorted = |place: &Place, count| {
        let mut lines = place.lines(count);
        lines.sort();
        lines
    };
    place.cast.helper.change(scan(7, "192.0.2.7", 3));
    assert_eq!(sorted(&place, 2), ["each 7 1-3", "once 7"]);
    assert_eq!(place.cast.notes(1).len(), 1);
    place.cast.tray.stop();
    place.cast.helper.keep(scan(8, "192.0.2.8", 3));
    fs::create_dir_all(place.cast.stage.pause_file().parent().unwrap()).unwrap();
    fs::write(
        place.cast.stage.pause_file(),
        "since = 1\nuntil = 9223372036854775807\n",
    )
    .unwrap();
    place.cast.tray = place.cast.stage.tray();
    place.cast.wait_ready();
    place.cast.wait_tooltip("paused");
    std::thread::sleep(A_WHILE);
    assert_eq!(
        place.lines(2).len(),
        2,
        "what the helper tells of the past runs nothing"
    );
    place.cast.helper.change(scan(8, "192.0.2.8", 30));
    place.cast.helper.change(scan(9, "192.0.2.9", 3));
    let expected = [
        "each 7 1-3",
        "each 8 1-30",
        "each 9 1-3",
        "once 7",
        "once 9",
    ];
    assert_eq!(sorted(&place, 5), expected);
    place.cast.no_more_notes_than(1);
    assert_eq!(place.lines(5).len(), 5);
}

#[test]
fn a_script_that_hangs_or_may_not_run_delays_no_popup_and_no_other_script() {
    let place = place(&[
        ("hang", "exec sleep 300", "timeout = 600"),
        ("open", "echo open >>OUT", ""),
        (
            "quick",
            "echo \"quick $WALLWATCH_ID\" >>OUT; echo \"said $WALLWATCH_KIND\"",
            "",
        ),
    ]);
    let open = place.dir.path().join("open.sh");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    for id in 1..=5 {
        let begun = now();
        place.cast.helper.change(scan(id, "192.0.2.7", 3));
        let lines = place.lines(usize::try_from(id).unwrap());
        assert_eq!(lines.last(), Some(&format!("quick {id}")));
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
    }
    assert!(place.cast.notes(5).len() >= 5);
    place.cast.tray_says("hook quick[");
    place.cast.tray_says("said tcp-syn-scan");
    place.cast.tray_says(&format!(
        "hook open: {} can be changed by others than its owner",
        open.display()
    ));
    assert_eq!(
        place.cast.tray.log().matches("can be changed").count(),
        1,
        "it is said once"
    );
}

#[test]
fn a_storm_of_incidents_starts_as_many_scripts_as_the_limit_lets() {
    let place = place(&[(
        "few",
        "echo \"$WALLWATCH_ID $WALLWATCH_FOLDED\" >>OUT",
        "per-minute = 20\nat-once = 16",
    )]);
    for id in 1..=100 {
        place.cast.helper.change(scan(id, "192.0.2.7", 3));
    }
    // Twenty at once, of which those that find no place are folded, and behind them one each 3 s.
    let is_last = || place.text().lines().any(|line| line.starts_with("100 "));
    wait_until("the last is told", SOON, is_last);
    let lines = place.lines(1);
    let told: Vec<(u64, u64)> = lines
        .iter()
        .map(|line| {
            let (id, folded) = line.split_once(' ').unwrap();
            (id.parse().unwrap(), folded.parse().unwrap())
        })
        .collect();
    assert!((2..=22).contains(&told.len()), "{told:?}");
    assert_eq!(
        told.len() as u64 + told.iter().map(|(_, folded)| folded).sum::<u64>(),
        100,
        "{told:?}"
    );
    assert_eq!(
        told.last().unwrap().0,
        100,
        "the last is never lost: {told:?}"
    );
}
