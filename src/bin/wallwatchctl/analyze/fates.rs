//! What became of every line, frame and packet, in sentences.

use std::cmp::Reverse;

use wallwatch::text::{self, count, number};
use wallwatch_helper::{
    decode,
    event::Timestamp,
    explain::Entry,
    replay::{Counts, Tally},
};

/// So many reasons are listed.
const LISTED: usize = 10;

/// What is told besides the alerts.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    /// What became of the lines and frames.
    pub(super) counts: &'a Counts,
    /// What was harmless, by its classes.
    pub(super) noise: &'a [Entry],
    /// Lines that were cut.
    pub(super) cut: u64,
    /// Lines that were left out because another file told the same, of so many files.
    pub(super) twins: (u64, usize),
    /// Packets of which nobody knows whether the machine that recorded them sent them.
    pub(super) undirected: u64,
    /// How many alerts the default settings give, where others were tried.
    pub(super) with_defaults: Option<u64>,
    /// When everything was read.
    pub(super) now: Timestamp,
}

/// The sentences behind the table of alerts.
pub(super) fn lines(facts: &Facts<'_>) -> Vec<String> {
    let mut lines = packets(facts);
    lines.extend(times(facts.counts, facts.now));
    lines.extend(twins(facts.twins));
    if facts.counts.flagless > 0 {
        lines.push(format!(
                "{} cut off before their flags; record with a snap length of at least 96 (tcpdump -s 96).",
                count(facts.counts.flagless, "packet is", "packets are")
            ));
    }
    if facts.cut > 0 {
        lines.push(format!(
            "{} longer than 8 KiB and cut.",
            count(facts.cut, "line was", "lines were")
        ));
    }
    let (text, frames) = (&facts.counts.lines, &facts.counts.frames);
    // A capture alone has no lines; an empty file has none of either.
    if text.total > 0 || frames.total == 0 {
        lines.extend(refused(text, facts.twins.0, "lines"));
    }
    if frames.total > 0 {
        lines.extend(refused(frames, 0, "frames"));
    }
    if text.total > 0 && text.refused_total() == text.total && frames.total == 0 {
        lines.push(
                "Is this the right file? Firewalls log to the journal, /var/log/kern.log, /var/log/messages or /var/log/ufw.log."
                    .to_owned(),
            );
    }
    lines
}

/// What became of the packets.
fn packets(facts: &Facts<'_>) -> Vec<String> {
    let (counts, undirected) = (facts.counts, facts.undirected);
    let mut lines = Vec::new();
    if let Some((first, last)) = counts.span {
        let (from, to) = (text::date_time(first.0), text::date_time(last.0));
        lines.push(if from == to {
            format!("At {from}, within a second.")
        } else {
            format!("From {from} to {to}: {}.", text::span(last.since(first)))
        });
    }
    if counts.events > 0 {
        let packets = count(counts.events, "packet", "packets");
        let packets = match (undirected, counts.events) {
            (0, _) => format!("{packets} came in"),
            (_, 1) => format!("{packets} was looked at"),
            _ => format!("{packets} were looked at"),
        };
        lines.push(match counts.harmless {
            0 => format!("{packets}."),
            1 => format!("{packets}; 1 of them was harmless."),
            n => format!("{packets}; {} of them were harmless.", number(n)),
        });
        lines.extend(noise(facts.noise));
    }
    lines.extend(directions(counts, undirected));
    for (n, one, many) in [
        (
            counts.outbound,
            "packet was sent by this machine.",
            "packets were sent by this machine.",
        ),
        (
            counts.others,
            "told of something else than an IP packet.",
            "told of something else than IP packets.",
        ),
    ] {
        if n > 0 {
            lines.push(count(n, one, many));
        }
    }
    lines
}

/// How many packets of each class were harmless, and why.
fn noise(entries: &[Entry]) -> Vec<String> {
    let mut entries: Vec<&Entry> = entries.iter().collect();
    entries.sort_by_key(|entry| Reverse(entry.packets));
    let others: u64 = entries.iter().skip(LISTED).map(|entry| entry.packets).sum();
    let listed = entries.into_iter().take(LISTED);
    let mut rows: Vec<(String, String)> = listed
        .map(|entry| {
            let Entry { noise, packets, .. } = entry;
            (number(*packets), format!("{noise}: {}", noise.what()))
        })
        .collect();
    if others > 0 {
        rows.push((number(others), "for other reasons".to_owned()));
    }
    columns(&rows)
}

/// Numbers and what they count, indented and one below the other.
fn columns(rows: &[(String, String)]) -> Vec<String> {
    let widest = rows.iter().map(|(n, _)| n.len()).max().unwrap_or(0);
    rows.iter()
        .map(|(n, what)| format!("  {n:>widest$}  {what}"))
        .collect()
}

/// How many packets belong to conversations, and where it cannot be told whose.
fn directions(counts: &Counts, undirected: u64) -> Option<String> {
    let answers = counts.answers;
    if undirected == 0 {
        let answered = count(answers, "packet", "packets");
        return (answers > 0).then(|| format!("{answered} answered this machine."));
    }
    let went_on = count(answers, "packet", "packets");
    let went_on = format!("{went_on} went on with conversations of this capture");
    // Where a log or another capture tells more, only some of all packets have no direction.
    let is_all = undirected >= counts.events + answers;
    let packets = count(undirected, "packet", "packets");
    let unknown = format!("of {packets} it cannot be told whether this machine sent them");
    Some(match (answers, is_all) {
        (0, true) => "Which machine recorded this capture cannot be told.".to_owned(),
        (0, false) => format!("O{}.", &unknown[1..]),
        (_, true) => format!("{went_on}; which machine recorded it cannot be told."),
        (_, false) => format!("{went_on}; {unknown}."),
    })
}

/// How many lines stood in more files than one.
fn twins((lines, files): (u64, usize)) -> Option<String> {
    let lines_stood = count(lines, "line", "lines");
    let files = if files == 2 { "two" } else { "several" };
    let was = if lines == 1 { "was" } else { "were" };
    (lines > 0).then(|| format!("{lines_stood} stood in {files} files and {was} taken once."))
}

/// Which times are not those of a clock.
fn times(counts: &Counts, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    let instead = if counts.span.is_none() {
        "the time of reading stands for it"
    } else {
        "that of what stands before stands for it, or that of reading"
    };
    let is_future = counts.latest_from_boot.is_some_and(|latest| latest > now);
    let boot = if is_future {
        "that of this one was taken and gives times yet to come, so they are of another"
    } else {
        "that of this one was taken"
    };
    for (tally, one, many) in [
        (&counts.lines, "line", "lines"),
        (&counts.frames, "frame", "frames"),
    ] {
        if tally.timeless > 0 {
            let (units, s) = (count(tally.timeless, one, many), third(tally.timeless));
            lines.push(format!("{units} tell{s} no time; {instead}."));
        }
        if tally.from_boot > 0 {
            let (units, s) = (count(tally.from_boot, one, many), third(tally.from_boot));
            lines.push(format!(
                "{units} count{s} from the start of a machine; {boot}."
            ));
        }
    }
    lines
}

/// How a verb ends behind so many.
const fn third(n: u64) -> &'static str {
    if n == 1 { "s" } else { "" }
}

/// How many lines or frames were no firewall events, and why; some more were left out.
fn refused(tally: &Tally, left_out: u64, units: &str) -> Vec<String> {
    let mut lines = vec![format!(
        "{} of {} {units} were not firewall events.",
        number(tally.refused_total()),
        number(tally.total + left_out)
    )];
    let mut reasons: Vec<(&decode::Error, u64)> = tally
        .refused
        .iter()
        .map(|(reason, n)| (reason, *n))
        .collect();
    reasons.sort_by_key(|(_, n)| Reverse(*n));
    let others: u64 = reasons.iter().skip(LISTED).map(|(_, n)| n).sum();
    let listed = reasons.into_iter().take(LISTED);
    let mut rows: Vec<(String, String)> = listed
        .map(|(reason, n)| (number(n), reason.to_string()))
        .collect();
    if others > 0 {
        rows.push((number(others), "for other reasons".to_owned()));
    }
    lines.extend(columns(&rows));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(counts: &Counts, undirected: u64) -> String {
        let facts = Facts {
            counts,
            noise: &[],
            cut: 0,
            twins: (0, 1),
            undirected,
            with_defaults: None,
            now: Timestamp(0),
        };
        lines(&facts).join("\n")
    }

    #[test]
    fn lines_are_told_apart_by_why_they_were_refused() {
        let mut counts = Counts::default();
        counts.lines.total = 12_000;
        counts.lines.refused.insert(decode::Error::NotKernel, 3_400);
        counts.lines.refused.insert(decode::Error::Merged, 10);
        assert_eq!(
            told(&counts, 0),
            "3,410 of 12,000 lines were not firewall events.\n  \
             3,400  not written by the kernel\n     10  two lines in one"
        );
    }

    #[test]
    fn nothing_is_said_of_this_machine_where_a_capture_does_not_tell_which_it_is() {
        let mut counts = Counts {
            events: 200,
            answers: 198,
            ..Counts::default()
        };
        let starts = |counts: &Counts, undirected, words: &str| {
            let told = told(counts, undirected);
            assert!(told.starts_with(words), "{told}");
        };
        starts(
            &counts,
            0,
            "200 packets came in.\n198 packets answered this machine.\n",
        );
        starts(
            &counts,
            398,
            "200 packets were looked at.\n198 packets went on with conversations of this capture; which machine recorded it cannot be told.\n",
        );
        starts(
            &counts,
            12,
            "200 packets were looked at.\n198 packets went on with conversations of this capture; of 12 packets it cannot be told whether this machine sent them.\n",
        );
        counts.answers = 0;
        starts(
            &counts,
            200,
            "200 packets were looked at.\nWhich machine recorded this capture cannot be told.\n",
        );
        starts(
            &counts,
            12,
            "200 packets were looked at.\nOf 12 packets it cannot be told whether this machine sent them.\n",
        );
    }
}
