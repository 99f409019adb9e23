//! Blocks of pcapng that no tool writes today, headers that lie, and who answers whom.
#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "the bytes are the test's own"
)]

use super::*;
use crate::event::Timestamp;

/// A UDP packet from 192.0.2.7:53 to 198.51.100.1:5353.
const UDP: [u8; 28] = [
    0x45, 0, 0, 28, 0, 1, 0, 0, 57, 17, 0, 0, 192, 0, 2, 7, 198, 51, 100, 1, 0, 53, 0x14, 0xe9, 0,
    8, 0, 0,
];

/// Writes numbers in one order.
#[derive(Clone, Copy)]
struct Writer(Order);

impl Writer {
    fn u16(self, number: u16) -> Vec<u8> {
        match self.0 {
            Order::Little => number.to_le_bytes().to_vec(),
            Order::Big => number.to_be_bytes().to_vec(),
        }
    }

    fn u32(self, number: u32) -> Vec<u8> {
        match self.0 {
            Order::Little => number.to_le_bytes().to_vec(),
            Order::Big => number.to_be_bytes().to_vec(),
        }
    }

    fn block(self, kind: u32, parts: &[Vec<u8>]) -> Vec<u8> {
        let mut body = parts.concat();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = self.u32(u32::try_from(body.len() + 12).unwrap());
        [self.u32(kind), len.clone(), body, len].concat()
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let len = u16::try_from(value.len()).unwrap();
        let mut option = [self.u16(code), self.u16(len), value.to_vec()].concat();
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    fn section(self) -> Vec<u8> {
        let version = [self.u16(1), self.u16(0)].concat();
        self.block(
            0x0a0d_0d0a,
            &[self.u32(0x1a2b_3c4d), version, vec![0xff; 8]],
        )
    }

    /// An interface of raw IP.
    fn interface(self, snap: u32, options: &[Vec<u8>]) -> Vec<u8> {
        let head = [self.u16(101), self.u16(0), self.u32(snap)].concat();
        self.block(1, &[head, options.concat()])
    }

    fn enhanced(self, interface: u32, ticks: u64, options: &[Vec<u8>]) -> Vec<u8> {
        self.block(
            6,
            &[self.head(self.u32(interface), ticks), options.concat()],
        )
    }

    fn obsolete(self, interface: u16, ticks: u64) -> Vec<u8> {
        let interface = [self.u16(interface), self.u16(0)].concat();
        self.block(2, &[self.head(interface, ticks)])
    }

    fn head(self, interface: Vec<u8>, ticks: u64) -> Vec<u8> {
        let len = self.u32(UDP.len().try_into().unwrap());
        let [high, low] = [ticks >> 32, ticks & 0xffff_ffff].map(|half| half.try_into().unwrap());
        [
            interface,
            self.u32(high),
            self.u32(low),
            len.clone(),
            len,
            UDP.to_vec(),
        ]
        .concat()
    }

    fn simple(self, len: u32, bytes: &[u8]) -> Vec<u8> {
        self.block(3, &[self.u32(len), bytes.to_vec()])
    }
}

fn all(bytes: &[u8]) -> Result<Vec<Result<Report, Error>>, CaptureError> {
    let mut capture = Capture::new(bytes)?;
    std::iter::from_fn(|| capture.next().transpose()).collect()
}

fn sentence(bytes: &[u8]) -> String {
    all(bytes).unwrap_err().to_string()
}

#[test]
fn each_block_that_holds_a_frame_is_read_in_either_order() {
    for order in [Order::Little, Order::Big] {
        let to = Writer(order);
        let offset = match order {
            Order::Little => 1000_u64.to_le_bytes(),
            Order::Big => 1000_u64.to_be_bytes(),
        };
        let bytes = [
            to.section(),
            to.interface(0, &[to.option(2, b"eth0"), to.option(9, &[9])]),
            to.interface(
                0,
                &[
                    to.option(9, &[0x8a]),
                    to.option(14, &offset),
                    to.option(0, &[]),
                ],
            ),
            to.block(0x0bad, &[vec![7; 100]]), // a vendor's own
            to.enhanced(0, 2_000_000_003_999, &[]),
            to.enhanced(
                0,
                0,
                &[to.option(1, b"a comment"), to.option(2, &to.u32(1))],
            ),
            to.enhanced(0, 0, &[to.option(2, &to.u32(2))]),
            to.obsolete(1, 3 * 1024 + 512),
            to.simple(28, &UDP),
            to.section(),
            to.interface(0, &[]),
            to.enhanced(0, 5_000_007, &[]),
        ]
        .concat();
        let read: Vec<_> = all(&bytes)
            .unwrap()
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let told = read.iter().map(|report| {
            let time = match report.stamp {
                Stamp::Wall(time) => Some(time.0),
                _ => None,
            };
            assert_eq!(report.packet().unwrap().dport(), Some(5353));
            (
                time,
                report.outbound,
                report.input.as_str(),
                report.output.as_str(),
            )
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                (Some(2_000_000_003), false, "eth0", ""),
                (Some(0), false, "eth0", ""),
                (Some(0), true, "", "eth0"),
                (Some(1_003_500_000), false, "", ""),
                (None, false, "eth0", ""),
                (Some(5_000_007), false, "", ""),
            ]
        );
    }
}

#[test]
fn a_simple_frame_is_as_long_as_its_interface_captures() {
    let to = Writer(Order::Big);
    let whole = Some(Some(5353));
    for (snap, len, expected) in [
        (22, 1500, Some(None)),
        (24, 1500, whole),
        (0, 28, whole),
        (65_535, 28, whole),
        (8, 28, None),
    ] {
        let captured = if len == 28 { &UDP } else { &UDP[..24] };
        let bytes = [
            to.section(),
            to.interface(snap, &[]),
            to.simple(len, captured),
        ];
        let read = all(&bytes.concat()).unwrap().remove(0);
        let told = read.ok().map(|report| report.packet().unwrap().dport());
        assert_eq!(told, expected, "{snap}");
    }
}

#[test]
fn times_beyond_all_clocks_are_none() {
    let to = Writer(Order::Little);
    let lacks = |seconds: i64| to.option(14, &seconds.to_le_bytes());
    for (resolution, ticks, offset, expected) in [
        (0, u64::MAX, 0, None),
        (6, u64::MAX, 0, None),
        (6, 253_402_214_399_999_999, 0, Some(253_402_214_399_999_999)),
        (6, 253_402_214_400_000_000, 0, None),
        (6, 5, i64::MIN, None),
        (6, 5, i64::MAX, None),
        (6, 5, -1, None),
        (6, 1_000_005, -1, Some(5)),
        (39, u64::MAX, 0, Some(0)),
        (0xff, u64::MAX, 0, Some(0)),
        (0x80, u64::MAX, 0, None),
    ] {
        let bytes = [
            to.section(),
            to.interface(0, &[to.option(9, &[resolution]), lacks(offset)]),
            to.enhanced(0, ticks, &[]),
        ];
        let read = all(&bytes.concat()).unwrap().remove(0).unwrap();
        let expected = expected.map_or(Stamp::None, |time| Stamp::Wall(Timestamp(time)));
        assert_eq!(read.stamp, expected, "{resolution} {ticks} {offset}");
    }
}

#[test]
fn what_cannot_be_is_told_in_a_sentence() {
    let to = Writer(Order::Little);
    let start = [to.section(), to.interface(0, &[])].concat();
    let other_section = |block: &[u8]| [&to.section(), block].concat();
    let behind = |block: &[u8]| sentence(&[&start, &to.enhanced(0, 0, &[]), block].concat());
    let mut other_tail = to.enhanced(0, 0, &[]);
    *other_tail.last_mut().unwrap() = 1;
    let mut long = to.enhanced(0, 0, &[]);
    long[20..24].copy_from_slice(&300_000_u32.to_le_bytes());
    let mut longer_than_block = to.enhanced(0, 0, &[]);
    longer_than_block[20..24].copy_from_slice(&40_u32.to_le_bytes());
    let radiotap = to.block(1, &[[to.u16(127), to.u16(0), to.u32(0)].concat()]);
    for (bytes, expected) in [
        (
            other_tail,
            "the capture is damaged (two lengths of one block); frames read before: 1",
        ),
        (
            long,
            "a frame of 300000 bytes where at most 262144 are possible; 1 were read before",
        ),
        (
            longer_than_block,
            "the capture is damaged (a frame longer than its block); frames read before: 1",
        ),
        (
            other_section(&to.enhanced(1, 0, &[])),
            "the capture is damaged (a frame of an unknown interface); frames read before: 1",
        ),
        (
            [to.u32(6), to.u32(0), to.u32(0)].concat(),
            "the capture is damaged (a block of an impossible length); frames read before: 1",
        ),
        (
            [to.u32(6), to.u32(33), to.u32(0)].concat(),
            "the capture is damaged (a block of an impossible length); frames read before: 1",
        ),
        (
            [to.u32(7), to.u32(0xffff_fff0), to.u32(0)].concat(),
            "the capture ends inside a frame; 1 were read before",
        ),
        (
            [to.u32(1), to.u32(0xffff_fff0), to.u32(0)].concat(),
            "the capture is damaged (an interface with endless options); frames read before: 1",
        ),
        (
            other_section(&[radiotap, to.enhanced(0, 0, &[])].concat()),
            "frames of link type 127 are not read, only those of Ethernet (1), Linux cooked (113, 276), raw IP (12, 14, 101, 228, 229), loopback (0, 108) and NFLOG (239)",
        ),
        (
            to.interface(0, &[]).repeat(2000),
            "the capture is damaged (too many interfaces); frames read before: 1",
        ),
    ] {
        assert_eq!(behind(&bytes), expected);
    }
}

#[test]
fn a_frame_of_a_link_that_is_not_read_ends_nothing() {
    let to = Writer(Order::Big);
    let usb = to.block(1, &[[to.u16(220), to.u16(0), to.u32(0)].concat()]);
    let numbers = [1, 0, 7, 0, 1, 0];
    let frames = numbers.map(|interface| to.enhanced(interface, 0, &[]));
    let bytes = [to.section(), to.interface(0, &[]), usb, frames.concat()].concat();
    let read = all(&bytes).unwrap();
    let told = read.into_iter().map(Result::err);
    let (usb, unknown) = (Some(Error::LinkType(220)), Some(Error::UnknownInterface));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [usb, None, unknown, None, usb, None]
    );
}

#[test]
fn the_longer_headers_of_a_modified_pcap_are_read_behind() {
    for order in [Order::Little, Order::Big] {
        let to = Writer(order);
        let len = to.u32(UDP.len().try_into().unwrap());
        let version = [to.u16(2), to.u16(4)].concat();
        let head = [to.u32(0xa1b2_cd34), version, vec![0; 12], to.u32(101)].concat();
        let header = [to.u32(7), to.u32(9), len.clone(), len, vec![0; 8]].concat();
        let bytes = [head, [header, UDP.to_vec()].concat().repeat(2)].concat();
        assert!(is_capture(&bytes));
        let read = all(&bytes).unwrap();
        assert_eq!(read.len(), 2);
        for report in read.into_iter().map(Result::unwrap) {
            assert_eq!(report.stamp, Stamp::Wall(Timestamp(7_000_009)));
            assert_eq!(report.packet().unwrap().dport(), Some(5353));
        }
        let cut = sentence(&bytes[..bytes.len() - UDP.len() - 1]);
        assert_eq!(cut, "the capture ends inside a frame; 1 were read before");
    }
}

#[test]
fn a_file_of_another_kind_is_refused_at_once() {
    for other in [
        &b""[..],
        b"Nov 22 12:00:00 host kernel: IN=eth0",
        &[0x1f, 0x8b, 8, 0],
        &[0; 64],
    ] {
        assert!(!is_capture(other));
        assert_eq!(
            sentence(other),
            "no capture file: it begins like neither pcap nor pcapng"
        );
    }
    let pcap = |version: u16, link: u32| {
        [
            &0xa1b2_c3d4_u32.to_le_bytes()[..],
            &2_u16.to_le_bytes(),
            &version.to_le_bytes(),
            &[0; 12],
            &link.to_le_bytes(),
        ]
        .concat()
    };
    assert!(is_capture(&pcap(4, 1)));
    assert_eq!(all(&pcap(4, 1)).unwrap(), []);
    assert_eq!(
        all(&pcap(4, 0xf000_0001)).unwrap(),
        [],
        "the upper bits tell of check sums"
    );
    assert_eq!(
        sentence(&pcap(5, 1)),
        "a capture of version 2.5; pcap 2.4 and pcapng 1 are read"
    );
    assert!(sentence(&pcap(4, 105)).starts_with("frames of link type 105 are not read"));
    let frame = [&[0; 8][..], &u32::MAX.to_le_bytes(), &[0; 4]].concat();
    assert_eq!(
        sentence(&[pcap(4, 1), frame].concat()),
        "a frame of 4294967295 bytes where at most 262144 are possible; 0 were read before"
    );
}

#[test]
fn what_was_read_before_an_error_is_given_first() {
    let to = Writer(Order::Little);
    let frame = to.enhanced(0, 0, &[]);
    let bytes = [
        to.section(),
        to.interface(0, &[]),
        frame.repeat(3),
        frame[..20].to_vec(),
    ]
    .concat();
    let mut capture = Capture::new(&bytes[..]).unwrap();
    for _ in 0..3 {
        assert!(capture.next().unwrap().unwrap().is_ok());
    }
    assert!(matches!(
        capture.next(),
        Err(CaptureError::Truncated { frames: 3 })
    ));
    assert!(matches!(capture.next(), Ok(None)));
}
