//! Gives back the memory of code that only the start needed.
#![expect(unsafe_code, reason = "system calls")]

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader},
};

/// What smaps(5) tells of one mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mapping {
    start: usize,
    end: usize,
    /// It shows a file and cannot be written.
    is_code: bool,
}

/// Takes the pages of programs and libraries out of this process. Whatever is needed again is mapped again from the kernel's cache of
/// the file, for a fault of a microsecond or so; what configuration, linker and first connections needed once is not.
///
/// The kernel maps sixteen pages around each that is touched (`fault_around_bytes`), so a start leaves nearly the whole program mapped.
pub fn give_back_code() -> io::Result<()> {
    let maps = BufReader::new(File::open("/proc/self/smaps")?);
    let mut last = None;
    for line in maps.lines() {
        let line = line?;
        if let Some(mapping) = Mapping::read(&line) {
            last = Some(mapping);
        } else if let Some(mapping) = last.filter(|mapping| mapping.is_code && is_pure(&line)) {
            mapping.give_back();
            last = None;
        }
    }
    Ok(())
}

/// Does this line say that the mapping has no page that differs from the file?
fn is_pure(line: &str) -> bool {
    line.strip_prefix("Anonymous:")
        .is_some_and(|rest| rest.trim() == "0 kB")
}

impl Mapping {
    /// Reads the first line of a mapping: `7f00-7f10 r-xp 00001000 08:01 1234   /usr/bin/x`.
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let rights = words.next()?;
        let file = words.nth(3).unwrap_or_default();
        Some(Self {
            start: usize::from_str_radix(start, 16).ok()?,
            end: usize::from_str_radix(end, 16).ok()?,
            is_code: rights.starts_with('r')
                && rights.get(1..2) == Some("-")
                && file.starts_with('/'),
        })
    }

    fn give_back(self) {
        // SAFETY: the mapping shows a file, no page of it differs from the file, and nobody can write to it, so each page that is taken
        // out comes back with the same bytes when it is touched. Mappings of code stay where they are while the program runs, and where
        // this one were gone meanwhile the call fails and changes nothing.
        unsafe {
            libc::madvise(
                std::ptr::without_provenance_mut(self.start),
                self.end.saturating_sub(self.start),
                libc::MADV_DONTNEED,
            )
        };
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_first_line_of_a_mapping_is_read_and_no_other() {
        let code = "7f5a1000-7f5a3000 r-xp 00026000 08:01 131 /usr/lib/x86_64-linux-gnu/libc.so.6";
        assert_eq!(
            Mapping::read(code),
            Some(Mapping {
                start: 0x7f5a_1000,
                end: 0x7f5a_3000,
                is_code: true,
            })
        );
        for other in [
            "7f5a1000-7f5a3000 rw-p 00026000 08:01 131 /usr/lib/x86_64-linux-gnu/libc.so.6",
            "7f5a1000-7f5a3000 r-xp 00000000 00:00 0 [vdso]",
            "7f5a1000-7f5a3000 r--p 00000000 00:00 0",
        ] {
            assert_eq!(
                Mapping::read(other).map(|mapping| mapping.is_code),
                Some(false),
                "{other}"
            );
        }
        assert_eq!(Mapping::read("Rss:                 100 kB"), None);
        assert_eq!(Mapping::read("VmFlags: rd ex mr mw me"), None);
    }

    #[test]
    fn a_mapping_is_pure_where_nothing_of_it_is_a_copy() {
        assert!(is_pure("Anonymous:             0 kB"));
        assert!(!is_pure("Anonymous:             4 kB"));
        assert!(!is_pure("AnonHugePages:         0 kB"));
    }

    #[test]
    fn the_program_runs_on_with_less() {
        let resident = || {
            let status = fs::read_to_string("/proc/self/status").unwrap();
            let line = status
                .lines()
                .find(|line| line.starts_with("RssFile:"))
                .unwrap();
            let words: Vec<_> = line.split_ascii_whitespace().collect();
            words[1].parse::<u64>().unwrap()
        };
        let before = resident();
        give_back_code().unwrap();
        let after = resident();
        assert!(after < before, "{before} KiB became {after} KiB");
        give_back_code().unwrap();
    }
}
