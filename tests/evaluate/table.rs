//! The report as a person reads it.

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
};

use wallwatch_dbus::Alert;

use crate::{
    evaluation::score::Score,
    report::{Outcome, Report, Stretch},
};

/// At most so many alerts are shown of a case.
const SHOWN: usize = 6;

/// The table of the streams, that of the kinds, and what went wrong.
pub(crate) fn text(report: &Report) -> String {
    let mut text = String::new();
    put(&mut text, format_args!("{HEAD}\n"));
    for stretch in &report.stretches {
        put_score(&mut text, stretch.stream.as_str(), &stretch.score);
        if let Some(psad) = &stretch.psad {
            put_score(&mut text, "  psad", psad);
        }
        if stretch.absent > 0 {
            put(
                &mut text,
                format_args!("  ({} cases have no such stream)\n", stretch.absent),
            );
        }
    }
    kinds(&mut text, report);
    for stretch in &report.stretches {
        faults(&mut text, stretch);
    }
    text
}

const HEAD: &str = "stream       found          kind right     packets  alerts      false alarms
                                           to alert an attack   of cases  in hours  an hour";

fn put(text: &mut String, what: fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes everything");
}

/// A number, or a dash where there is none.
fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

fn put_score(text: &mut String, name: &str, score: &Score) {
    let part = |part: usize, share: f64| format!("{part}/{} {share:.3}", score.attacks);
    let kind = if score.packets_to_alert.is_empty() {
        "-".to_owned()
    } else {
        part(score.kind_right, score.kind_share())
    };
    put(
        text,
        format_args!(
            "{name:<10} {:<14} {kind:<14} {:>8} {:>9} {:>5} {:>2}/{:<3} {:>8.2} {:>8}\n",
            part(score.found, score.recall()),
            shown(score.median_packets(), 1),
            shown(score.alerts_per_attack(), 2),
            score.false_alarms,
            score.alarmed,
            score.quiet,
            score.hours,
            shown(score.false_per_hour(), 3),
        ),
    );
}

/// Found and rightly named, of how many: by kind and stream.
fn kinds(text: &mut String, report: &Report) {
    let every = report.stretches.iter();
    let kinds: BTreeSet<&String> = every.flat_map(|stretch| stretch.by_kind.keys()).collect();
    put(text, format_args!("\n{:<18}", "found/right/all"));
    for stretch in &report.stretches {
        put(text, format_args!(" {:>9}", stretch.stream.as_str()));
    }
    for kind in kinds {
        put(text, format_args!("\n{kind:<18}"));
        for stretch in &report.stretches {
            let cell = stretch.by_kind.get(kind).map_or_else(
                || "-".to_owned(),
                |score| format!("{}/{}/{}", score.found, score.kind_right, score.attacks),
            );
            put(text, format_args!(" {cell:>9}"));
        }
    }
    put(text, format_args!("\n"));
}

/// The cases that went wrong, with their alerts.
fn faults(text: &mut String, stretch: &Stretch) {
    let wrong = stretch.outcomes.iter().filter_map(|outcome| {
        let fault = outcome.fault()?;
        Some((fault, outcome))
    });
    for (fault, outcome) in wrong {
        let Outcome { name, truth, .. } = outcome;
        let border = if truth.borderline {
            ", borderline: not counted"
        } else {
            ""
        };
        put(
            text,
            format_args!(
                "\n{}: {} {name} ({}{border})",
                stretch.stream.as_str(),
                fault.as_str(),
                truth.what
            ),
        );
        if !truth.kinds.is_empty() {
            put(text, format_args!(", right: {}", truth.kinds.join(" ")));
        }
        for alert in outcome.alerts.iter().take(SHOWN) {
            put(text, format_args!("\n    {}", in_short(alert)));
        }
        if let Some(more) = outcome
            .alerts
            .len()
            .checked_sub(SHOWN)
            .filter(|more| *more > 0)
        {
            put(text, format_args!("\n    and {more} more"));
        }
    }
    put(text, format_args!("\n"));
}

/// One line about an alert.
fn in_short(alert: &Alert) -> String {
    let sources: Vec<&str> = alert.sources.iter().take(3).map(String::as_str).collect();
    let ports: String = alert.ports.chars().take(40).collect();
    format!(
        "{} severity {} by {} ({}), {} ports {ports}, {} packets, told after {} {} {}",
        alert.kind,
        alert.severity,
        sources.join(" "),
        alert.source_count,
        alert.port_count,
        alert.packets,
        alert.packets_to_alert,
        alert.tool,
        alert.tags.join(" "),
    )
}
