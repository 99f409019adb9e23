//! What happens to log files, done to real ones.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use tokio::time::timeout;

use super::*;

/// So long nothing happens until everything is over.
const QUIET: Duration = Duration::from_millis(100);

/// A directory with a log, and whoever follows it.
struct Scene {
    dir: PathBuf,
    tail: Option<Tail>,
}

impl Scene {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("wallwatch-tail.{}.{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(dir.join("log")).unwrap();
        fs::create_dir_all(dir.join("state")).unwrap();
        Self { dir, tail: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join("log").join(name)
    }

    /// The log, opened by whoever writes to it.
    fn writer(&self) -> File {
        append(&self.path("kern.log"))
    }

    fn follow(&mut self) {
        let paths = [self.path("kern.log")];
        let store = self.dir.join("state/positions");
        self.tail = Some(Tail::open(&paths, store).unwrap());
    }

    fn close(&mut self) {
        self.tail.take().unwrap().close();
    }

    /// Everything that is told until nothing happens any more.
    async fn lines(&mut self) -> Vec<String> {
        let tail = self.tail.as_mut().unwrap();
        let mut lines = Vec::new();
        while let Ok(ready) = timeout(QUIET, tail.ready()).await {
            ready.unwrap();
            tail.drain(|line| lines.push(String::from_utf8_lossy(line.bytes).into_owned()))
                .unwrap();
        }
        lines
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.dir).unwrap();
    }
}

fn append(path: &Path) -> File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap()
}

fn numbered(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("line {number}")).collect()
}

fn write(mut file: &File, numbers: std::ops::Range<u32>) {
    let text: String = numbered(numbers)
        .into_iter()
        .map(|line| line + "\n")
        .collect();
    file.write_all(text.as_bytes()).unwrap();
}

#[tokio::test]
async fn a_file_is_followed_from_its_end_and_half_a_line_waits_for_its_other_half() {
    let mut scene = Scene::new();
    let mut log = scene.writer();
    log.write_all(b"old\nold and ha").unwrap();
    scene.follow();
    assert_eq!(scene.lines().await, [""; 0]);
    log.write_all(b"lf\nline 0\nli").unwrap();
    assert_eq!(
        scene.lines().await,
        ["line 0"],
        "what began before is left out"
    );
    log.write_all(b"ne 1\n").unwrap();
    assert_eq!(scene.lines().await, ["line 1"]);
}

#[tokio::test]
async fn a_file_that_is_rotated_by_rename_is_read_to_its_end_also_while_its_writer_goes_on() {
    let mut scene = Scene::new();
    let log = scene.writer();
    scene.follow();
    write(&log, 0..3);
    assert_eq!(scene.lines().await, numbered(0..3));
    write(&log, 3..5);
    fs::rename(scene.path("kern.log"), scene.path("kern.log.1")).unwrap();
    let next = scene.writer();
    write(&next, 7..9);
    write(&log, 5..7);
    assert_eq!(scene.lines().await, numbered(3..9));
    write(&log, 9..10);
    write(&next, 10..11);
    assert_eq!(
        scene.lines().await,
        numbered(9..11),
        "the writer was not told yet"
    );
    // Compressed, as logrotate does it with what was rotated before.
    fs::remove_file(scene.path("kern.log.1")).unwrap();
    drop(log);
    write(&next, 11..12);
    assert_eq!(scene.lines().await, numbered(11..12));
    let tail = scene.tail.as_ref().unwrap();
    assert_eq!(
        tail.files[0].positions().count(),
        1,
        "what is deleted is let go"
    );
}

#[tokio::test]
async fn of_a_file_that_was_copied_and_emptied_the_copy_gives_what_was_not_read() {
    let mut scene = Scene::new();
    let log = scene.writer();
    scene.follow();
    write(&log, 0..3);
    assert_eq!(scene.lines().await, numbered(0..3));
    for round in 1..3 {
        let at = round * 10;
        write(&log, at..at + 4);
        fs::copy(scene.path("kern.log"), scene.path("kern.log.1")).unwrap();
        File::options()
            .write(true)
            .open(scene.path("kern.log"))
            .unwrap()
            .set_len(0)
            .unwrap();
        write(&log, at + 4..at + 6);
        assert_eq!(scene.lines().await, numbered(at..at + 6), "round {round}");
    }
}

#[tokio::test]
async fn a_file_that_was_emptied_and_has_grown_again_before_anybody_looked_is_read_from_its_start()
{
    let mut scene = Scene::new();
    let log = scene.writer();
    scene.follow();
    write(&log, 0..3);
    assert_eq!(scene.lines().await, numbered(0..3));
    log.set_len(0).unwrap();
    write(&log, 100..200);
    assert_eq!(scene.lines().await, numbered(100..200));
}

#[tokio::test]
async fn a_writer_that_keeps_its_place_in_an_emptied_file_leaves_a_hole_that_is_skipped() {
    let mut scene = Scene::new();
    let log = File::create(scene.path("kern.log")).unwrap();
    scene.follow();
    write(&log, 0..3);
    assert_eq!(scene.lines().await, numbered(0..3));
    log.set_len(0).unwrap();
    assert_eq!(scene.lines().await, [""; 0]);
    write(&log, 3..5);
    assert_eq!(scene.lines().await, numbered(3..5));
}

#[tokio::test]
async fn a_line_of_a_megabyte_is_left_out_and_counted() {
    let mut scene = Scene::new();
    let mut log = scene.writer();
    scene.follow();
    log.write_all(&vec![b'x'; 1024 * 1024]).unwrap();
    assert_eq!(scene.lines().await, [""; 0]);
    assert_eq!(scene.tail.as_ref().unwrap().left_out(), 1);
    log.write_all(b"xxx\nline 0\n").unwrap();
    assert_eq!(scene.lines().await, ["line 0"]);
    assert_eq!(scene.tail.as_ref().unwrap().left_out(), 1);
}

#[tokio::test]
async fn a_file_that_is_deleted_is_let_go_and_waited_for() {
    let mut scene = Scene::new();
    let log = scene.writer();
    scene.follow();
    write(&log, 0..1);
    fs::remove_file(scene.path("kern.log")).unwrap();
    assert_eq!(scene.lines().await, numbered(0..1));
    let tail = scene.tail.as_ref().unwrap();
    assert!(!tail.is_open(0), "its room on the disk is free");
    assert_eq!(tail.lack(0), None, "it may be being rotated");
    sleep(Duration::from_millis(2100)).await;
    scene.lines().await;
    let lack = scene.tail.as_ref().unwrap().lack(0);
    assert!(matches!(lack, Some(Lack::Missing(_))), "{lack:?}");
    write(&scene.writer(), 1..3);
    assert_eq!(scene.lines().await, numbered(1..3));
    assert_eq!(scene.tail.as_ref().unwrap().lack(0), None);
}

#[tokio::test]
async fn a_file_and_its_directories_may_come_later_and_go_again() {
    let mut scene = Scene::new();
    fs::remove_dir(scene.dir.join("log")).unwrap();
    scene.follow();
    assert_eq!(scene.lines().await, [""; 0]);
    assert!(matches!(
        scene.tail.as_ref().unwrap().lack(0),
        Some(Lack::Missing(_))
    ));
    for round in 0..3 {
        fs::create_dir(scene.dir.join("log")).unwrap();
        if round == 1 {
            scene.lines().await;
        }
        write(&scene.writer(), 0..2);
        assert_eq!(scene.lines().await, numbered(0..2), "round {round}");
        fs::remove_dir_all(scene.dir.join("log")).unwrap();
        if round > 0 {
            scene.lines().await;
        }
    }
    fs::create_dir(scene.dir.join("log")).unwrap();
}

#[tokio::test]
async fn over_a_restart_no_line_is_lost_and_none_comes_twice() {
    let mut scene = Scene::new();
    let mut log = scene.writer();
    scene.follow();
    write(&log, 0..3);
    log.write_all(b"line").unwrap();
    assert_eq!(scene.lines().await, numbered(0..3));
    scene.close();
    log.write_all(b" 3\n").unwrap();
    write(&log, 4..6);
    scene.follow();
    assert_eq!(scene.lines().await, numbered(3..6), "went on");

    scene.close();
    write(&log, 6..8);
    fs::rename(scene.path("kern.log"), scene.path("kern.log.1")).unwrap();
    let log = scene.writer();
    write(&log, 8..10);
    scene.follow();
    assert_eq!(scene.lines().await, numbered(6..10), "was renamed");

    scene.close();
    write(&log, 10..12);
    fs::copy(scene.path("kern.log"), scene.path("kern.log-20261124")).unwrap();
    log.set_len(0).unwrap();
    write(&log, 12..40);
    scene.follow();
    assert_eq!(
        scene.lines().await,
        numbered(10..40),
        "was copied and emptied"
    );

    scene.close();
    fs::remove_file(scene.path("kern.log")).unwrap();
    write(&scene.writer(), 40..100);
    scene.follow();
    assert_eq!(
        scene.lines().await,
        numbered(40..100),
        "was deleted and made again"
    );

    scene.close();
    scene.follow();
    assert_eq!(scene.lines().await, [""; 0], "was left alone");
}

#[tokio::test]
async fn a_quiet_file_wakes_nobody() {
    let mut scene = Scene::new();
    let log = scene.writer();
    scene.follow();
    write(&log, 0..1);
    scene.lines().await;
    fs::write(scene.path("another.log"), "other").unwrap();
    sleep(SAVE_EVERY).await;
    scene.lines().await;
    let tail = scene.tail.as_mut().unwrap();
    assert_eq!(tail.due(), None, "no timer is left");
    assert!(timeout(QUIET, tail.ready()).await.is_err());
    assert!(scene.dir.join("state/positions").exists());
}

#[tokio::test]
async fn positions_that_cannot_be_kept_are_told_and_reading_goes_on() {
    let mut scene = Scene::new();
    let log = scene.writer();
    scene.follow();
    fs::remove_dir_all(scene.dir.join("state")).unwrap();
    sleep(SAVE_EVERY).await;
    write(&log, 0..2);
    assert_eq!(scene.lines().await, numbered(0..2));
    assert!(scene.tail.as_ref().unwrap().unkept().is_some());
    fs::create_dir(scene.dir.join("state")).unwrap();
    write(&log, 2..3);
    assert_eq!(scene.lines().await, numbered(2..3));
    sleep(SAVE_EVERY).await;
    scene.lines().await;
    assert_eq!(scene.tail.as_ref().unwrap().unkept(), None);
}

#[tokio::test]
async fn where_events_are_lost_everything_is_looked_at() {
    let mut scene = Scene::new();
    let log = scene.writer();
    scene.follow();
    scene.lines().await;
    // More than fs.inotify.max_queued_events, 16,384: each renaming is three events.
    for _ in 0..6000 {
        fs::rename(scene.path("kern.log"), scene.path("kern.log.1")).unwrap();
        fs::rename(scene.path("kern.log.1"), scene.path("kern.log")).unwrap();
    }
    fs::rename(scene.path("kern.log"), scene.path("kern.log.1")).unwrap();
    write(&log, 0..2);
    write(&scene.writer(), 2..4);
    assert_eq!(scene.lines().await, numbered(0..4));
}

#[tokio::test]
async fn a_link_to_a_file_elsewhere_is_followed_there() {
    let mut scene = Scene::new();
    fs::create_dir(scene.dir.join("real")).unwrap();
    let real = scene.dir.join("real/messages");
    let log = append(&real);
    std::os::unix::fs::symlink(&real, scene.path("kern.log")).unwrap();
    scene.follow();
    write(&log, 0..2);
    assert_eq!(scene.lines().await, numbered(0..2));
    fs::rename(&real, scene.dir.join("real/messages.1")).unwrap();
    scene.lines().await;
    write(&append(&real), 2..4);
    assert_eq!(scene.lines().await, numbered(2..4));
}

#[tokio::test]
async fn a_file_of_two_names_is_read_once_and_what_is_no_file_never() {
    let mut scene = Scene::new();
    let log = scene.writer();
    fs::hard_link(scene.path("kern.log"), scene.path("messages")).unwrap();
    fs::create_dir(scene.path("syslog")).unwrap();
    let paths = ["kern.log", "messages", "syslog"].map(|name| scene.path(name));
    let store = scene.dir.join("state/positions");
    scene.tail = Some(Tail::open(&paths, store).unwrap());
    write(&log, 0..2);
    assert_eq!(scene.lines().await, numbered(0..2));
    let tail = scene.tail.as_ref().unwrap();
    assert_eq!(
        [0, 1, 2].map(|file| tail.lack(file)),
        [None, None, Some(Lack::NoFile)]
    );
}
