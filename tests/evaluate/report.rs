//! Everything that is found out about a corpus.

use std::{collections::BTreeMap, error::Error, path::Path};

use serde_json::{Value, json};
use wallwatch_dbus::Alert;

use crate::{
    evaluation::{
        case::{Case, Label, Truth},
        score::{Fault, Judgement, Score, pops_up},
        stream::{Stream, replayed},
    },
    psad,
};

/// A case in a stream.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Its name.
    pub(crate) name: String,
    /// What it is.
    pub(crate) truth: Truth,
    /// What came of it.
    pub(crate) judgement: Judgement,
    /// Its alerts that pop up.
    pub(crate) alerts: Vec<Alert>,
}

impl Outcome {
    /// What is worst about it.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.judgement.fault(self.truth.label)
    }
}

/// A stream of every case that has it.
#[derive(Debug)]
pub(crate) struct Stretch {
    /// Which.
    pub(crate) stream: Stream,
    /// The sum.
    pub(crate) score: Score,
    /// The sum of the attacks of each kind; of several that are right, the first.
    pub(crate) by_kind: BTreeMap<String, Score>,
    /// Each case.
    pub(crate) outcomes: Vec<Outcome>,
    /// Cases without this stream.
    pub(crate) absent: usize,
    /// psad's sum, where it read these lines.
    pub(crate) psad: Option<Score>,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct Report {
    /// Stream by stream.
    pub(crate) stretches: Vec<Stretch>,
}

impl Report {
    /// Replays every stream of every case.
    pub(crate) fn of(cases: &[Case], psad: Option<&Path>) -> Result<Self, Box<dyn Error>> {
        let stretches = Stream::ALL.map(|stream| stretch(cases, stream, psad));
        Ok(Self {
            stretches: stretches.into_iter().collect::<Result<_, _>>()?,
        })
    }

    /// As one object, by the words of the table.
    pub(crate) fn to_json(&self) -> Value {
        let streams = self.stretches.iter().map(|stretch| {
            let by_kind = stretch.by_kind.iter();
            let value = json!({
                "total": score_json(&stretch.score),
                "psad": stretch.psad.as_ref().map(score_json),
                "absent": stretch.absent,
                "kinds": by_kind.map(|(kind, score)| (kind.clone(), score_json(score))).collect::<serde_json::Map<_, _>>(),
                "cases": stretch.outcomes.iter().map(outcome_json).collect::<Vec<_>>(),
            });
            (stretch.stream.as_str().to_owned(), value)
        });
        Value::Object(streams.collect())
    }
}

fn stretch(cases: &[Case], stream: Stream, psad: Option<&Path>) -> Result<Stretch, Box<dyn Error>> {
    let mut stretch = Stretch {
        stream,
        score: Score::default(),
        by_kind: BTreeMap::new(),
        outcomes: Vec::new(),
        absent: 0,
        psad: None,
    };
    for case in cases {
        if let Some(folder) = psad
            && let Some(judgement) = psad::judgement(folder, stream, case)?
        {
            let score = stretch.psad.get_or_insert_default();
            score.add(&case.truth, &judgement);
        }
        let Some(mut alerts) = replayed(case, stream)? else {
            stretch.absent += 1;
            continue;
        };
        let judgement = Judgement::of(&case.truth, &alerts);
        stretch.score.add(&case.truth, &judgement);
        if case.truth.label == Label::Attack {
            let kind = case.truth.kinds.first().cloned().unwrap_or_default();
            let of_kind = stretch.by_kind.entry(kind).or_default();
            of_kind.add(&case.truth, &judgement);
        }
        alerts.retain(pops_up);
        stretch.outcomes.push(Outcome {
            name: case.name.clone(),
            truth: case.truth.clone(),
            judgement,
            alerts,
        });
    }
    stretch.by_kind.retain(|_, score| score.attacks > 0);
    Ok(stretch)
}

fn score_json(score: &Score) -> Value {
    json!({
        "attacks": score.attacks,
        "found": score.found,
        "recall": score.recall(),
        "kind_right": score.kind_right,
        "kind_share": score.kind_share(),
        "packets_to_alert": score.median_packets(),
        "alerts_per_attack": score.alerts_per_attack(),
        "quiet_cases": score.quiet,
        "quiet_hours": score.hours,
        "false_alarms": score.false_alarms,
        "alarmed_cases": score.alarmed,
        "false_per_hour": score.false_per_hour(),
    })
}

fn outcome_json(outcome: &Outcome) -> Value {
    json!({
        "case": outcome.name,
        "type": outcome.truth.what,
        "borderline": outcome.truth.borderline,
        "right": outcome.truth.kinds,
        "found": outcome.judgement.is_found,
        "kind_right": outcome.judgement.is_kind_right,
        "fault": outcome.fault().map(Fault::as_str),
        "alerts": outcome.alerts.iter().map(Alert::to_json).collect::<Vec<_>>(),
    })
}
