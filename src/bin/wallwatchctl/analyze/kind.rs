//! What a file is, by its first bytes; never by its name.

/// So many bytes say what a file is.
pub(super) const ENOUGH: usize = 4096;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lines of text.
    Text,
    /// Something compressed by gzip.
    Gzip,
    /// A capture file: pcap or pcapng.
    Capture,
    /// Nothing that can be read here.
    Foreign(&'static Foreign),
}

/// A kind of file that can be recognised, but not read here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    /// The bytes it is known by.
    magic: &'static [u8],
    /// Where they stand.
    at: usize,
    /// What it is.
    pub(super) name: &'static str,
    /// The command, with `{}` for the file, that makes a log of it on standard output; empty where there is none.
    pub(super) unpack: &'static str,
}

/// The marks of captures: pcap in both orders of bytes, with microseconds, nanoseconds and as Kuznetzov wrote it
/// (pcap-savefile(5)), and the section header of pcapng.
const CAPTURES: [[u8; 4]; 7] = [
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xcd, 0x34],
    [0x34, 0xcd, 0xb2, 0xa1],
    [0x0a, 0x0d, 0x0d, 0x0a],
];

/// The mark of gzip (RFC 1952 section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

const fn foreign(
    magic: &'static [u8],
    at: usize,
    name: &'static str,
    unpack: &'static str,
) -> Foreign {
    Foreign {
        magic,
        at,
        name,
        unpack,
    }
}

/// What people may take for a log; marks from magic(5), and that of the journal from systemd's journal-def.h.
static FOREIGN: [Foreign; 14] = [
    // The switch -k of journalctl would ask for the present start of this machine alone.
    foreign(
        b"LPKSHHRH",
        0,
        "a file of systemd's journal",
        "journalctl --file {} _TRANSPORT=kernel -o json",
    ),
    foreign(b"\xfd7zXZ\0", 0, "compressed by xz", "xz -dc {}"),
    foreign(b"\x28\xb5\x2f\xfd", 0, "compressed by zstd", "zstd -dc {}"),
    foreign(b"BZh", 0, "compressed by bzip2", "bzip2 -dc {}"),
    foreign(b"\x04\x22\x4d\x18", 0, "compressed by lz4", "lz4 -dc {}"),
    foreign(b"\x1f\x9d", 0, "compressed by compress", "gzip -dc {}"),
    foreign(b"PK\x03\x04", 0, "a zip archive", "unzip -p {}"),
    foreign(b"ustar", 257, "a tar archive", "tar -xOf {}"),
    foreign(
        b"snoop\0\0\0",
        0,
        "a capture of snoop",
        "editcap -F pcap {} -",
    ),
    foreign(b"\x7fELF", 0, "a program (ELF)", ""),
    foreign(b"SQLite format 3\0", 0, "a database of SQLite", ""),
    foreign(b"\x89PNG\r\n", 0, "a picture (PNG)", ""),
    foreign(b"\xff\xd8\xff", 0, "a picture (JPEG)", ""),
    foreign(b"%PDF-", 0, "a PDF document", ""),
];

/// The marks of UTF-16 (RFC 2781 section 3.2), which alone may be a stranger's.
const UTF_16_MARKS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];
/// The mark of UTF-8 (RFC 3629 section 6); it is no part of the text.
const UTF_8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
/// Text in UTF-16 without a mark is known by so many bytes, of which every second one is 0.
const UTF_16_HEAD: usize = 32;

/// As Windows writes it, with a mark of the order of its bytes,
static UTF_16: Foreign = foreign(b"", 0, "text in UTF-16", "iconv -f UTF-16 -t UTF-8 {}");
/// and without one.
static UTF_16_LE: Foreign = foreign(b"", 0, "text in UTF-16", "iconv -f UTF-16LE -t UTF-8 {}");
static UTF_16_BE: Foreign = foreign(b"", 0, "text in UTF-16", "iconv -f UTF-16BE -t UTF-8 {}");

/// Something that was compressed twice.
pub(super) static GZIP_IN_GZIP: Foreign =
    foreign(&GZIP, 0, "compressed by gzip once more", "gzip -dc {}");

/// A file of which no more is known.
static BINARY: Foreign = foreign(b"", 0, "a binary file", "");

impl Kind {
    /// Do these first bytes say what it is? A line is enough, so that nobody waits for a second one.
    pub(super) fn is_decided(start: &[u8]) -> bool {
        start.len() >= ENOUGH
            || Self::is_marked(start)
            || (start.len() >= 8 && start.contains(&b'\n'))
    }

    /// Do they bear the mark of gzip or of a capture?
    fn is_marked(start: &[u8]) -> bool {
        start.starts_with(&GZIP) || CAPTURES.iter().any(|magic| start.starts_with(magic))
    }

    /// What begins with these bytes.
    pub(super) fn of(start: &[u8]) -> Self {
        if start.starts_with(&GZIP) {
            return Self::Gzip;
        }
        if CAPTURES.iter().any(|magic| start.starts_with(magic)) {
            return Self::Capture;
        }
        let known = FOREIGN.iter().find(|foreign| {
            start
                .get(foreign.at..)
                .is_some_and(|rest| rest.starts_with(foreign.magic))
        });
        match known {
            Some(foreign) => Self::Foreign(foreign),
            None => match utf_16(start) {
                Some(foreign) => Self::Foreign(foreign),
                None if is_binary(start) => Self::Foreign(&BINARY),
                None => Self::Text,
            },
        }
    }
}

/// So many bytes at the beginning of a text are no part of it.
pub(super) fn mark_length(start: &[u8]) -> usize {
    if start.starts_with(&UTF_8_MARK) {
        UTF_8_MARK.len()
    } else {
        0
    }
}

/// Is it text in UTF-16, and in which order of bytes?
fn utf_16(start: &[u8]) -> Option<&'static Foreign> {
    let is_marked = UTF_16_MARKS.iter().any(|mark| start.starts_with(mark));
    if is_marked && start.get(2..4).is_some_and(|first| first.contains(&0)) {
        return Some(&UTF_16);
    }
    let (pairs, _) = start.get(..UTF_16_HEAD)?.as_chunks::<2>();
    let is_zero = |at: usize| pairs.iter().all(|pair| pair[at] == 0 && pair[1 - at] != 0);
    if is_zero(1) {
        Some(&UTF_16_LE)
    } else {
        is_zero(0).then_some(&UTF_16_BE)
    }
}

/// Is more than a quarter of the bytes nothing that stands in text? Zeros do not count: a crash leaves them in logs.
fn is_binary(start: &[u8]) -> bool {
    let strange = start
        .utf8_chunks()
        .map(|chunk| {
            let control = |c: &char| c.is_control() && !matches!(c, '\0' | '\t'..='\r' | '\u{1b}');
            chunk.valid().chars().filter(control).count() + chunk.invalid().len()
        })
        .sum::<usize>();
    strange > start.len() / 4 && memchr::memmem::find(start, b"SRC=").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(start: &[u8]) -> &'static str {
        match Kind::of(start) {
            Kind::Foreign(foreign) => foreign.name,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_is_known_by_its_first_bytes() {
        assert_eq!(Kind::of(b"\x1f\x8b\x08\0"), Kind::Gzip);
        assert_eq!(Kind::of(b"\xd4\xc3\xb2\xa1\x02\0"), Kind::Capture);
        assert_eq!(Kind::of(b"\n\r\r\n\x1c\0\0\0"), Kind::Capture);
        assert_eq!(name(b"LPKSHHRH\0\0"), "a file of systemd's journal");
        assert_eq!(name(b"\x7fELF\x02\x01"), "a program (ELF)");
        assert_eq!(name(b"\xff\xfeN\0o\0v\0"), "text in UTF-16");
        assert_eq!(name(b"\xfe\xff\0N\0o\0v"), "text in UTF-16");
        assert_eq!(name(b"BZh91AY&SY"), "compressed by bzip2");
        let mut tar = vec![b'x'; 257];
        tar.extend(b"ustar\0");
        assert_eq!(name(&tar), "a tar archive");
    }

    #[test]
    fn text_is_text_whatever_a_stranger_wrote_into_it() {
        for text in [
            &b""[..],
            b"\n\n\n",
            b"Nov 22 01:10:00 host kernel: \x1b[31mred\x07\n",
            b"\xff\xfe at the front, and then a line\n",
            "grüße 日本語 кириллица\n".as_bytes(),
            b"a line of Latin-1: gr\xfc\xdfe aus K\xf6ln\n",
            &[0; 512],
            b"IN=eth0 SRC=\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b",
        ] {
            assert_eq!(Kind::of(text), Kind::Text, "{text:?}");
        }
        let noise: Vec<u8> = (0..512_u32)
            .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
            .collect();
        assert_eq!(name(&noise), "a binary file");
    }
}
