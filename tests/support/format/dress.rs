//! What stands around the kernel's text in a log: syslog headers, the kernel's own stamp, a journal's record.

use wallwatch_helper::event::Timestamp;

/// The months as syslog and ctime(3) write them.
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// The days of a week, from that of 1970-01-01 on.
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
/// Seconds of a day.
const DAY: i64 = 86_400;

/// A moment as a calendar and a clock show it.
#[derive(Debug, Clone, Copy)]
struct Shown {
    days: i64,
    year: i64,
    month: usize,
    day: i64,
    second: i64,
    micros: i64,
}

impl Shown {
    fn new(time: Timestamp, ahead: i64) -> Self {
        let local = time.0 + ahead * Timestamp::SECOND;
        let seconds = local.div_euclid(Timestamp::SECOND);
        let days = seconds.div_euclid(DAY);
        let (mut year, mut month, mut left) = (1970, 0, days);
        // Counted on, month by month: slow and plain.
        loop {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                1 => 28 + i64::from(leap),
                3 | 5 | 8 | 10 => 30,
                _ => 31,
            };
            if left < length {
                break;
            }
            left -= length;
            month += 1;
            if month == 12 {
                (year, month) = (year + 1, 0);
            }
        }
        Self {
            days,
            year,
            month,
            day: left + 1,
            second: seconds.rem_euclid(DAY),
            micros: local.rem_euclid(Timestamp::SECOND),
        }
    }

    fn clock(&self) -> String {
        let second = self.second;
        format!(
            "{:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}

/// `Nov 22 01:10:00 host kernel: [  123.456789] MESSAGE`, by clocks that are `ahead` seconds ahead of UTC (RFC 3164).
#[must_use]
pub fn bsd(time: Timestamp, ahead: i64, boot: Option<i64>, message: &str) -> String {
    let shown = Shown::new(time, ahead);
    let boot = boot.map(kernel_stamp).unwrap_or_default();
    format!(
        "{} {:2} {} host kernel: {boot}{message}",
        MONTHS[shown.month],
        shown.day,
        shown.clock()
    )
}

/// `2026-11-22T01:10:00.123456+01:00 host kernel: MESSAGE` (RFC 5424's stamp, as rsyslog writes it by default).
#[must_use]
pub fn iso(time: Timestamp, ahead: i64, boot: Option<i64>, message: &str) -> String {
    let shown = Shown::new(time, ahead);
    let (sign, offset) = (if ahead < 0 { '-' } else { '+' }, ahead.abs() / 60);
    let boot = boot.map(kernel_stamp).unwrap_or_default();
    format!(
        "{:04}-{:02}-{:02}T{}.{:06}{sign}{:02}:{:02} host kernel: {boot}{message}",
        shown.year,
        shown.month + 1,
        shown.day,
        shown.clock(),
        shown.micros,
        offset / 60,
        offset % 60,
    )
}

/// `[  123.456789] MESSAGE`: what dmesg shows.
#[must_use]
pub fn dmesg(boot: i64, message: &str) -> String {
    kernel_stamp(boot) + message
}

/// `[Sun Nov 22 01:10:00 2026] MESSAGE`: what `dmesg -T` shows.
#[must_use]
pub fn ctime(time: Timestamp, ahead: i64, message: &str) -> String {
    let shown = Shown::new(time, ahead);
    format!(
        "[{} {} {:2} {} {}] {message}",
        DAYS[usize::try_from(shown.days % 7).expect("no day before 1970")],
        MONTHS[shown.month],
        shown.day,
        shown.clock(),
        shown.year
    )
}

/// A record as `journalctl -o json` writes it, one that the kernel wrote (systemd.journal-fields(7)).
#[must_use]
pub fn journal(time: Timestamp, boot: i64, message: &str) -> String {
    format!(
        r#"{{"__REALTIME_TIMESTAMP":"{}","_SOURCE_MONOTONIC_TIMESTAMP":"{boot}","_TRANSPORT":"kernel","#,
        time.0
    ) + &format!(
        r#""PRIORITY":"4","SYSLOG_FACILITY":"0","SYSLOG_IDENTIFIER":"kernel","MESSAGE":{}}}"#,
        json_string(message.trim_end())
    )
}

/// A record as `/dev/kmsg` gives it; what is not plain is escaped there (Documentation/ABI/testing/dev-kmsg).
#[must_use]
pub fn kmsg(boot: i64, message: &str) -> String {
    let mut text = format!("4,1234,{boot},-;");
    for byte in message.bytes() {
        match byte {
            b'\\' | ..b' ' | 0x7f.. => text += &format!("\\x{byte:02x}"),
            _ => text.push(byte.into()),
        }
    }
    text
}

/// A line of ulogd's LOGEMU, which bears no tag.
#[must_use]
pub fn emulated(time: Timestamp, ahead: i64, message: &str) -> String {
    bsd(time, ahead, None, message).replacen("host kernel: ", "host ", 1)
}

/// A text in quotes, as JSON has it (RFC 8259 section 7).
#[must_use]
pub fn json_string(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\0'..' ' => quoted += &format!("\\u{:04x}", u32::from(letter)),
            _ => quoted.push(letter),
        }
    }
    quoted + "\""
}

fn kernel_stamp(boot: i64) -> String {
    format!(
        "[{:5}.{:06}] ",
        boot / Timestamp::SECOND,
        boot % Timestamp::SECOND
    )
}
