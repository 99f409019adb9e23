//! Writes a firewall's log to standard output: `mixed_lines LINES SOURCES`, for measuring readers of logs.
//!
//! The same arguments give the same lines: SYNs, UDP, pings, late answers, discovery and errors, an eighth of it from IPv6, and one line in ten of
//! other programs. The sources take turns, so that each has about as many lines.
#![expect(clippy::print_stderr, reason = "this is a program for a terminal")]

use std::{
    io::{self, BufWriter, Write},
    net::{Ipv4Addr, Ipv6Addr},
    process::ExitCode,
};

const USAGE: &str = "usage: mixed_lines LINES SOURCES";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<u64>());
    let (Some(Ok(lines)), Some(Ok(sources)), None) = (args.next(), args.next(), args.next()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match (0..lines).try_for_each(|number| write_line(&mut out, number, sources.max(1))) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has seen enough.
        Err(_) => ExitCode::FAILURE,
    }
}

/// A number that looks random and is always the same for the same seed (splitmix64, Steele et al. 2014).
const fn scrambled(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The lowest `bits` bits.
#[expect(clippy::cast_possible_truncation, reason = "that is what is asked for")]
const fn low(value: u64, bits: u32) -> u32 {
    (value & ((1 << bits) - 1)) as u32
}

fn write_line(out: &mut impl Write, number: u64, sources: u64) -> io::Result<()> {
    let random = scrambled(number);
    let source = scrambled((number % sources) ^ 0x5eed);
    // A day in the order of time, at 25 lines a second.
    let second = number / 25 % 86_400;
    write!(
        out,
        "Nov 22 {:02}:{:02}:{:02} host kernel: [{:5}.{:06}] ",
        second / 3600,
        second / 60 % 60,
        second % 60,
        1000 + second,
        low(random, 19)
    )?;
    // Public addresses: 11.0.0.0/8 and 2001:db8::/32 are nobody's neighbours.
    let v4 = Ipv4Addr::from_bits(0x0b00_0000 | low(source, 24));
    let head = format_args!(
        "IN=eth0 OUT= MAC=02:fc:00:00:00:01:00:1b:21:aa:bb:cc:08:00 SRC={v4} DST=192.0.2.2 "
    );
    let (ttl, id, sport) = (
        40 + low(random >> 20, 4),
        low(random >> 24, 16),
        32768 + low(random >> 40, 14),
    );
    // An eighth of the sources speak IPv6.
    let ipv6 = source.is_multiple_of(8);
    match scrambled(!number) % 20 {
        0..16 if ipv6 => write_ipv6(out, source, random)?,
        0..8 => {
            let dport = [22, 23, 80, 443, 445, 3389, 8080, 1433][low(random >> 8, 3) as usize];
            write!(
                out,
                "[UFW BLOCK] {head}LEN=60 TOS=0x00 PREC=0x00 TTL={ttl} ID={id} DF PROTO=TCP SPT={sport} DPT={dport} WINDOW=64240 RES=0x00 SYN URGP=0 "
            )?;
            if number.is_multiple_of(2) {
                write!(
                    out,
                    "OPT (020405B40402080A{:08X}0000000001030307) ",
                    low(random, 32)
                )?;
            }
        }
        8..11 => write!(
            out,
            "[UFW BLOCK] {head}LEN=78 TOS=0x00 PREC=0x00 TTL={ttl} ID={id} PROTO=UDP SPT={sport} DPT={} LEN=58 ",
            low(random, 16)
        )?,
        11..13 => write!(
            out,
            "DROP {head}LEN=84 TOS=0x00 PREC=0x00 TTL={ttl} ID={id} DF PROTO=ICMP TYPE=8 CODE=0 ID={} SEQ=1 ",
            low(random, 16)
        )?,
        13..16 => write!(
            out,
            "DROP {head}LEN=52 TOS=0x00 PREC=0x00 TTL={ttl} ID={id} DF PROTO=TCP SPT=443 DPT={sport} WINDOW=501 RES=0x00 ACK FIN URGP=0 "
        )?,
        16 => write!(
            out,
            "[UFW BLOCK] IN=eth0 OUT= MAC=01:00:5e:00:00:fb:00:1b:21:aa:bb:cc:08:00 SRC=192.168.1.{} DST=224.0.0.251 LEN=48 TOS=0x00 PREC=0x00 TTL=255 ID={id} PROTO=UDP SPT=5353 DPT=5353 LEN=28 ",
            low(source, 8)
        )?,
        17 => write!(
            out,
            "DROP {head}LEN=56 TOS=0x00 PREC=0x00 TTL={ttl} ID={id} PROTO=ICMP TYPE=3 CODE=3 [SRC=192.0.2.2 DST={v4} LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=1 PROTO=UDP SPT={sport} DPT=53 LEN=8 ] "
        )?,
        18 => write!(
            out,
            "usb 1-1: new high-speed USB device number {} using xhci_hcd",
            low(random, 7)
        )?,
        _ => write!(
            out,
            "audit: type=1400 audit(1795309800.{:03}:{id}): apparmor=\"ALLOWED\"",
            low(random, 9)
        )?,
    }
    writeln!(out)
}

/// A SYN of an IPv6 source.
fn write_ipv6(out: &mut impl Write, source: u64, random: u64) -> io::Result<()> {
    let address =
        Ipv6Addr::from_bits((0x2001_0db8 << 96) | (u128::from(low(source, 24)) << 64) | 9);
    write!(
        out,
        "DROP IN=eth0 OUT= MAC=02:fc:00:00:00:01:00:1b:21:aa:bb:cc:86:dd SRC="
    )?;
    for (at, part) in address.segments().iter().enumerate() {
        write!(out, "{}{part:04x}", if at == 0 { "" } else { ":" })?;
    }
    write!(
        out,
        " DST=2001:0db8:0000:0000:0000:0000:0000:0002 LEN=80 TC=0 HOPLIMIT={} FLOWLBL={} PROTO=TCP SPT={} DPT={} WINDOW=64800 RES=0x00 SYN URGP=0 ",
        40 + low(random >> 20, 4),
        low(random >> 24, 16),
        32768 + low(random >> 40, 14),
        low(random, 10)
    )
}
