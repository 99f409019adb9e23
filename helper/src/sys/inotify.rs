//! What happens to files and directories, told by the kernel (inotify(7)), so that nobody has to look again and again.
#![expect(unsafe_code, reason = "system calls")]

use std::{
    ffi::{CString, OsStr},
    fs::File,
    io::{self, Read as _},
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

use tokio::io::{Interest, unix::AsyncFd};

/// The head of an event: watch, mask, cookie and the length of the name behind, four bytes each (linux/inotify.h).
const HEAD: usize = 16;
/// Room for many events; one with the longest name takes 272 bytes.
const BUFFER: usize = 8192;
/// The number of no watch: the queue overflowed.
const NO_WATCH: i32 = -1;

/// The number of something that is watched; the same file or directory has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Watch(i32);

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    /// What it happened to; `None` where events were lost, so that everything has to be looked at.
    pub watch: Option<Watch>,
    /// What happened, as `IN_MODIFY` and its like.
    pub mask: u32,
    /// The name of the file in the directory that is watched; empty where it happened to what is watched itself.
    pub name: &'a OsStr,
}

/// A queue of events.
#[derive(Debug)]
pub struct Inotify {
    fd: AsyncFd<File>,
}

impl Inotify {
    /// A queue of what is watched by it, which is nothing yet.
    pub fn new() -> io::Result<Self> {
        // SAFETY: inotify_init1(2) takes a number.
        let fd = unsafe { libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the number was returned by inotify_init1(2) just now and is owned by nobody else.
        let file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
        // SAFETY: a File is the descriptor's only owner, gives the same number for ever and closes it when it is dropped.
        let fd = unsafe { AsyncFd::register_with_interest(file, Interest::READABLE) }?;
        Ok(Self { fd })
    }

    /// Watches a path for these events (`IN_MODIFY` and its like). The file behind it is watched from then on, whatever it is
    /// called later; asked for again it gets the new mask.
    pub fn watch(&self, path: &Path, mask: u32) -> io::Result<Watch> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: the path is a string with its end that lives over the call.
        let watch = unsafe { libc::inotify_add_watch(self.fd.as_raw_fd(), path.as_ptr(), mask) };
        if watch < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(Watch(watch))
        }
    }

    /// Watches a file that is open, wherever it lies now.
    pub fn watch_open(&self, file: &File, mask: u32) -> io::Result<Watch> {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        self.watch(Path::new(&path), mask)
    }

    /// Ends a watch. One that the kernel ended already is as good.
    pub fn forget(&self, watch: Watch) {
        // SAFETY: inotify_rm_watch(2) takes two numbers.
        unsafe { libc::inotify_rm_watch(self.fd.as_raw_fd(), watch.0) };
    }

    /// Waits until something happened.
    pub async fn ready(&self) -> io::Result<()> {
        self.fd
            .readable()
            .await
            .map(|mut guard| guard.retain_ready())
    }

    /// Hands on the events that wait, without waiting for more.
    pub fn drain(&self, mut each: impl FnMut(Change<'_>)) -> io::Result<()> {
        let mut buffer = [0; BUFFER];
        loop {
            let read = self
                .fd
                .try_io(Interest::READABLE, |mut file| file.read(&mut buffer));
            match read {
                Ok(len) => split(&buffer[..len], &mut each),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Takes the events of one read apart; they are whole.
fn split(mut bytes: &[u8], each: &mut impl FnMut(Change<'_>)) {
    while let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() {
        let [w0, w1, w2, w3, m0, m1, m2, m3, _, _, _, _, l0, l1, l2, l3] = *head;
        let len = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
        let Some((name, behind)) = rest.split_at_checked(len) else {
            return;
        };
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(len);
        let watch = i32::from_ne_bytes([w0, w1, w2, w3]);
        each(Change {
            watch: (watch != NO_WATCH).then_some(Watch(watch)),
            mask: u32::from_ne_bytes([m0, m1, m2, m3]),
            name: OsStr::from_bytes(&name[..end]),
        });
        bytes = behind;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn what_happens_to_a_directory_and_to_an_open_file_is_told() {
        let dir = std::env::temp_dir().join(format!("wallwatch-inotify.{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let inotify = Inotify::new().unwrap();
        let directory = inotify.watch(&dir, libc::IN_CREATE).unwrap();
        fs::write(dir.join("log"), "a").unwrap();
        inotify.ready().await.unwrap();
        let mut told = Vec::new();
        let note = |told: &mut Vec<_>| {
            inotify
                .drain(|change| told.push((change.watch, change.mask, change.name.to_owned())))
                .unwrap();
        };
        note(&mut told);
        assert_eq!(told, [(Some(directory), libc::IN_CREATE, "log".into())]);
        let file = File::open(dir.join("log")).unwrap();
        fs::rename(dir.join("log"), dir.join("log.1")).unwrap();
        let watch = inotify.watch_open(&file, libc::IN_MODIFY).unwrap();
        fs::write(dir.join("log.1"), "ab").unwrap();
        inotify.ready().await.unwrap();
        told.clear();
        note(&mut told);
        assert_eq!(told[0], (Some(watch), libc::IN_MODIFY, "".into()));
        inotify.forget(watch);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn an_overflow_is_of_no_watch_and_half_an_event_is_none() {
        let mut event = Vec::new();
        event.extend((-1_i32).to_ne_bytes());
        event.extend(libc::IN_Q_OVERFLOW.to_ne_bytes());
        event.extend([0; 8]);
        let mut told = 0;
        split(&event, &mut |change| {
            assert_eq!((change.watch, change.mask), (None, libc::IN_Q_OVERFLOW));
            told += 1;
        });
        assert_eq!(told, 1);
        event[12] = 16;
        split(&event, &mut |_| panic!("its name is missing"));
        split(&event[..15], &mut |_| panic!("its head is cut"));
    }
}
