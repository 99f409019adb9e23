//! How many lines a second are read on one core: whole lines in their dress, and the kernel's text alone.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use wallwatch_helper::{
    decode::{Lines, dress::Reference, emulated_line, log_line},
    event::Timestamp,
};

/// 2026-11-22 12:00 UTC.
const NOW: Timestamp = Timestamp(1_795_348_800_000_000);
/// So many that the processor does not learn their branches by heart.
const LINES: u32 = 4_000;

const HEAD: &str = "IN=eth0 OUT= MAC=02:fc:00:00:00:01:00:1b:21:aa:bb:cc:08:00";

/// The kinds of line that a desktop's log is made of.
const KINDS: [&str; 6] = [
    "tcp",
    "tcp-options",
    "udp",
    "icmp-quoting",
    "tcp-ipv6",
    "tcp-ufw",
];

/// The kernel's text of a kind; its numbers differ from line to line.
fn text(kind: usize, number: u32) -> String {
    let spread = |factor: u32, range: u32| number.wrapping_mul(factor) % range;
    let (sport, dport) = (1024 + spread(7_919, 60_000), 1 + spread(104_729, 10_000));
    let id = spread(31_337, 65_536);
    let (a, b, c) = (11 + spread(1, 200), spread(7, 256), spread(13, 256));
    let src = format!("{a}.{b}.{c}.{}", 1 + spread(1, 254));
    let v4 = format!("SRC={src} DST=192.0.2.2 LEN=60 TOS=0x00 PREC=0x00 TTL=52 ID={id}");
    let ports = format!("PROTO=TCP SPT={sport} DPT={dport}");
    let syn = "WINDOW=64240 RES=0x00 SYN URGP=0";
    match KINDS[kind] {
        "tcp" => format!("DROP {HEAD} {v4} DF {ports} {syn} "),
        "tcp-options" => {
            let (seq, clock) = (number.wrapping_mul(2_654_435_761), spread(40_503, u32::MAX));
            format!(
                "DROP {HEAD} {v4} DF {ports} SEQ={seq} ACK=0 {syn} OPT (020405B40402080A{clock:08X}0000000001030307) "
            )
        }
        "udp" => format!("DROP {HEAD} {v4} PROTO=UDP SPT={sport} DPT={dport} LEN=40 "),
        "icmp-quoting" => format!(
            "DROP {HEAD} {v4} PROTO=ICMP TYPE=3 CODE=1 [SRC=192.0.2.2 DST={src} LEN=60 TOS=0x00 PREC=0x00 TTL=1 ID={id} DF {ports} {syn} ] "
        ),
        "tcp-ipv6" => format!(
            "DROP IN=eth0 OUT= MAC=02:fc:00:00:00:01:00:1b:21:aa:bb:cc:86:dd SRC=2001:0db8:0000:0000:0000:0000:{id:04x}:0009 DST=2001:0db8:0000:0000:0000:0000:0000:0002 LEN=80 TC=0 HOPLIMIT=52 FLOWLBL={id} {ports} {syn} "
        ),
        _ => format!("[UFW BLOCK] {HEAD} {v4} DF {ports} {syn} MARK=0x1 "),
    }
}

fn bsd_dressed(text: &str, number: u32) -> String {
    let (minute, second, micros) = (number / 60 % 60, number % 60, number * 211);
    format!(
        "Nov 22 01:{minute:02}:{second:02} host kernel: [{:>5}.{micros:06}] {text}",
        123 + number
    )
}

fn lines(c: &mut Criterion) {
    let mut group = c.benchmark_group("lines");
    group.throughput(Throughput::Elements(LINES.into()));
    let mixed: Vec<String> = (0..LINES)
        .zip((0..KINDS.len()).cycle())
        .map(|(number, kind)| bsd_dressed(&text(kind, number), number))
        .collect();
    group.bench_function("bsd-mixed", |bencher| {
        let reference = || Reference {
            now: NOW,
            ..Reference::default()
        };
        bencher.iter_batched_ref(
            || Lines::new(reference()),
            |lines| {
                for line in &mixed {
                    assert!(black_box(lines.read(black_box(line.as_bytes()))).is_ok());
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn texts(c: &mut Criterion) {
    let mut group = c.benchmark_group("text");
    group.throughput(Throughput::Elements(LINES.into()));
    for (kind, name) in KINDS.into_iter().enumerate() {
        let texts: Vec<String> = (0..LINES).map(|number| text(kind, number)).collect();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for text in &texts {
                    assert!(black_box(log_line(black_box(text.as_bytes()))).is_ok());
                }
            });
        });
    }
    let emulated = |number| {
        text(0, number)
            .replace("TOS=0x", "TOS=")
            .replace("RES=0x00 ", "")
            .replace("WINDOW", "SEQ=195881 ACK=0 WINDOW")
            + "MARK=0 "
    };
    let texts: Vec<String> = (0..LINES).map(emulated).collect();
    group.bench_function("ulogd", |bencher| {
        bencher.iter(|| {
            for text in &texts {
                assert!(black_box(emulated_line(black_box(text.as_bytes()))).is_ok());
            }
        });
    });
    group.finish();
}

criterion_group!(benches, lines, texts);
criterion_main!(benches);
