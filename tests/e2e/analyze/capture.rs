//! Captures: pcap and pcapng, from files and standard input, whole and cut off.

use std::{fs, net::Ipv4Addr};

use wallwatch_test_support::TempDir;

use super::{analyzed, attack, gzip, piped};

/// 2026-11-22 01:00 UTC.
const START: u32 = 1_795_309_200;
/// Frames are bare IP packets (`LINKTYPE_RAW`).
const RAW: u32 = 101;

/// A segment without flags, so that nobody takes it for an honest one.
fn packet(src: Ipv4Addr, dport: u16) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 40, 0, 1, 0, 0, 52, 6, 0, 0];
    packet.extend(src.octets());
    packet.extend([192, 0, 2, 2]);
    packet.extend(50_000_u16.to_be_bytes());
    packet.extend(dport.to_be_bytes());
    packet.extend([0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0, 4, 0, 0, 0, 0, 0]);
    packet
}

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

fn packets() -> Vec<Vec<u8>> {
    (1..=10)
        .map(|port| packet(Ipv4Addr::new(203, 0, 113, 9), port))
        .collect()
}

/// A file of pcap (pcap-savefile(5)).
fn pcap() -> Vec<u8> {
    let mut file = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65535, RAW]);
    for packet in packets() {
        file.extend(words(&[START, 0, 40, 40]));
        file.extend(packet);
    }
    file
}

/// A file of pcapng: section, interface and enhanced packets (draft-ietf-opsawg-pcapng).
fn pcapng() -> Vec<u8> {
    let mut file = words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28]);
    file.extend(words(&[1, 20, RAW, 65535, 20]));
    let micros = u64::from(START) * 1_000_000;
    let (high, low) = (
        u32::try_from(micros >> 32).unwrap(),
        (micros & 0xffff_ffff) as u32,
    );
    for packet in packets() {
        file.extend(words(&[6, 72, 0, high, low, 40, 40]));
        file.extend(packet);
        file.extend(words(&[72]));
    }
    file
}

#[test]
fn captures_are_read_as_logs_are() {
    let dir = TempDir::new();
    for (name, bytes) in [("pcap", pcap()), ("pcapng", pcapng())] {
        let zipped = gzip(&bytes);
        for bytes in [bytes, zipped] {
            let file = dir.write("kern.log", &bytes);
            for said in [
                piped(&["--json"], &bytes).good(),
                analyzed(&["--json".into(), file]).good(),
            ] {
                assert_eq!(said.sources(), ["203.0.113.9"], "{name}");
                let alert = &said.alerts()[0];
                assert_eq!(alert["kind"], "tcp-null-scan");
                assert_eq!(alert["ports"], "1-10");
                assert_eq!(
                    alert["trusted"], true,
                    "only who may capture writes such a file"
                );
                assert_eq!(alert["first_seen"], i64::from(START) * 1_000_000);
            }
            let said = piped(&[], &bytes).good();
            said.has(&["\n0 of 10 frames were not firewall events.\n"]);
            assert!(!said.stdout.contains("lines"), "{}", said.stdout);
        }
    }
}

#[test]
fn a_capture_and_a_log_are_merged() {
    let dir = TempDir::new();
    let capture = dir.write("capture", pcap());
    let log = dir.write(
        "log",
        attack("00:30:00", "203.0.113.1") + &attack("01:30:00", "203.0.113.2"),
    );
    let said = analyzed(&["--json".into(), capture.clone(), log.clone()]).good();
    assert_eq!(
        said.sources(),
        ["203.0.113.1", "203.0.113.9", "203.0.113.2"]
    );
    analyzed(&[capture, log]).good().has(&[
        "\n0 of 6 lines were not firewall events.\n",
        "\n0 of 10 frames were not firewall events.\n",
    ]);
}

#[test]
fn of_a_capture_that_is_cut_off_the_rest_is_read() {
    let dir = TempDir::new();
    for bytes in [pcap(), pcapng()] {
        let file = dir.write("cut", &bytes[..bytes.len() - 10]);
        let said = analyzed(&[&file]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert_eq!(
            said.stderr,
            format!(
                "wallwatchctl: {} is cut off inside a frame. The 9 frames before were looked at\n",
                file.display()
            )
        );
        said.has(&["203.0.113.9", "\n0 of 9 frames were not firewall events.\n"]);
    }
}

#[test]
fn a_capture_that_is_damaged_is_told_with_what_was_looked_at() {
    let dir = TempDir::new();
    // The header of a file takes 24 bytes, that of a frame 16, and its captured length stands behind 8 of them.
    for (frame, words) in [
        (0, "Nothing stands before that could be looked at"),
        (1, "The frame before was looked at"),
        (3, "The 3 frames before were looked at"),
    ] {
        let mut bytes = pcap();
        let at = 24 + frame * 56 + 8;
        bytes[at..at + 4].copy_from_slice(&9_999_999_u32.to_le_bytes());
        let file = dir.write("damaged", &bytes);
        let said = analyzed(&[&file]);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert_eq!(
            said.stderr,
            format!(
                "wallwatchctl: {} is damaged: it tells of a frame of 9,999,999 bytes where at most 262,144 are possible. {words}\n",
                file.display()
            )
        );
    }
}

#[test]
fn of_what_is_cut_off_at_its_beginning_nothing_is_looked_at() {
    let dir = TempDir::new();
    let zipped = gzip(&pcap());
    for (bytes, words) in [
        (
            &pcap()[..10],
            "is cut off before the end of its first frame, so",
        ),
        (
            &pcap()[..30],
            "is cut off before the end of its first frame, so",
        ),
        (
            &pcapng()[..60],
            "is cut off before the end of its first frame, so",
        ),
        (
            &zipped[..10],
            "is cut off before any of its compressed text, so",
        ),
        (
            &zipped[..3],
            "is cut off before any of its compressed text, so",
        ),
    ] {
        let file = dir.write("cut", bytes);
        let said = analyzed(&[&file]);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert_eq!(
            said.stderr,
            format!(
                "wallwatchctl: {} {words} nothing of it could be looked at\n",
                file.display()
            )
        );
    }
}

#[test]
fn segments_without_their_flags_are_counted() {
    let mut file = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 30, RAW]);
    for packet in packets() {
        file.extend(words(&[START, 0, 30, 40]));
        file.extend(&packet[..30]);
    }
    // One that is so short by itself has none that could be recorded.
    let mut short = packet(Ipv4Addr::new(203, 0, 113, 9), 1)[..30].to_vec();
    short[3] = 30;
    file.extend(words(&[START, 0, 30, 30]));
    file.extend(short);
    piped(&[], &file).good().has(&[
        "\n10 packets are cut off before their flags; record with a snap length of at least 96 (tcpdump -s 96).\n",
    ]);
    let said = piped(&[], &pcap()).good();
    assert!(!said.stdout.contains("cut off"), "{}", said.stdout);
}

#[test]
fn nothing_is_said_of_this_machine_where_nobody_knows_which_it_is() {
    // Two neighbours on one link; either may have recorded it.
    let neighbours = [Ipv4Addr::new(192, 0, 2, 2), Ipv4Addr::new(192, 0, 2, 3)];
    let mut file = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65535, RAW]);
    for n in 0..40_u32 {
        let turn = usize::from(n % 2 == 1);
        let mut bytes = packet(neighbours[turn], 80);
        bytes[16..20].copy_from_slice(&neighbours[1 - turn].octets());
        // The answers come from the port that was asked, and all are acknowledged.
        if turn == 1 {
            bytes.copy_within(22..24, 20);
            bytes[22..24].copy_from_slice(&50_000_u16.to_be_bytes());
        }
        (bytes[8], bytes[33]) = (64, 0x10);
        file.extend(words(&[START + n, 0, 40, 40]));
        file.extend(bytes);
    }
    let said = piped(&[], &file).good();
    said.has(&[" looked at", "which machine recorded it cannot be told.\n"]);
    assert!(
        !said.stdout.contains("this machine") && !said.stdout.contains("came in"),
        "{}",
        said.stdout
    );
}

#[test]
fn a_capture_that_is_none_behind_its_mark_is_refused() {
    let dir = TempDir::new();
    let mut unknown = pcap();
    unknown[20..24].copy_from_slice(&147_u32.to_le_bytes());
    for bytes in [unknown, pcap()[..10].to_vec()] {
        let file = dir.path().join("bad");
        fs::write(&file, bytes).unwrap();
        let said = analyzed(&[&file]);
        assert_eq!(
            (said.code, said.stdout.as_str(), said.stderr.lines().count()),
            (Some(1), "", 1),
            "{said:?}"
        );
        assert!(
            said.stderr.contains(file.to_str().unwrap()),
            "{}",
            said.stderr
        );
    }
}
