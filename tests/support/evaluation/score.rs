//! How good the alerts of cases are.

use wallwatch_dbus::{Alert, Severity};

use super::case::{Label, Truth};

/// What is wrong with the alerts of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An attack was not told.
    Missed,
    /// It was told as something else.
    WrongKind,
    /// It was told by more than one alert.
    ManyAlerts,
    /// Something else was told.
    FalseAlarm,
}

impl Fault {
    /// A word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::WrongKind => "wrong kind",
            Self::ManyAlerts => "many alerts",
            Self::FalseAlarm => "false alarm",
        }
    }
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Was the attack told?
    pub is_found: bool,
    /// And as what it is?
    pub is_kind_right: bool,
    /// Packets up to the first alert about it.
    pub packets_to_alert: Option<u64>,
    /// Alerts that pop up.
    pub alerts: usize,
    /// Those of them that are about nothing.
    pub false_alarms: usize,
}

/// Does it pop up? So does what is at least of low severity.
#[must_use]
pub fn pops_up(alert: &Alert) -> bool {
    alert.severity() >= Severity::Low
}

impl Judgement {
    /// Judges what the alerts of a case are worth.
    #[must_use]
    pub fn of(truth: &Truth, alerts: &[Alert]) -> Self {
        let told: Vec<&Alert> = alerts.iter().filter(|alert| pops_up(alert)).collect();
        let is_attack = truth.label == Label::Attack;
        let hits: Vec<&&Alert> = told
            .iter()
            .filter(|alert| is_attack && truth.is_about(alert))
            .collect();
        Self {
            is_found: !hits.is_empty(),
            is_kind_right: hits.iter().any(|alert| truth.kinds.contains(&alert.kind)),
            packets_to_alert: hits.iter().map(|alert| alert.packets_to_alert).min(),
            alerts: told.len(),
            false_alarms: if is_attack { 0 } else { told.len() },
        }
    }

    /// What is worst about it.
    #[must_use]
    pub fn fault(&self, label: Label) -> Option<Fault> {
        match label {
            Label::Attack if !self.is_found => Some(Fault::Missed),
            Label::Attack if !self.is_kind_right => Some(Fault::WrongKind),
            Label::Attack if self.alerts > 1 => Some(Fault::ManyAlerts),
            Label::Benign | Label::Noise if self.false_alarms > 0 => Some(Fault::FalseAlarm),
            _ => None,
        }
    }
}

/// The sum over cases.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Score {
    /// Attacks.
    pub attacks: usize,
    /// Those that were told.
    pub found: usize,
    /// Those that were told as what they are.
    pub kind_right: usize,
    /// Packets to the first alert, of each that was told.
    pub packets_to_alert: Vec<u64>,
    /// Alerts about those that were told.
    pub alerts: usize,
    /// Alerts about nothing.
    pub false_alarms: usize,
    /// Cases with one.
    pub alarmed: usize,
    /// Cases without an attack.
    pub quiet: usize,
    /// And the hours of them.
    pub hours: f64,
}

impl Score {
    /// Adds a case, unless one may see it either way.
    pub fn add(&mut self, truth: &Truth, judgement: &Judgement) {
        if truth.borderline {
            return;
        }
        if truth.label == Label::Attack {
            self.attacks += 1;
            self.kind_right += usize::from(judgement.is_kind_right);
            if judgement.is_found {
                self.found += 1;
                self.alerts += judgement.alerts;
            }
            self.packets_to_alert.extend(judgement.packets_to_alert);
        } else {
            self.quiet += 1;
            self.hours += truth.hours;
            self.false_alarms += judgement.false_alarms;
            self.alarmed += usize::from(judgement.false_alarms > 0);
        }
    }

    /// The share of the attacks that were told; 1 where there are none.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.found, self.attacks)
    }

    /// The share of the attacks that were told as what they are.
    #[must_use]
    pub fn kind_share(&self) -> f64 {
        share(self.kind_right, self.attacks)
    }

    /// The median of the packets to the first alert.
    #[must_use]
    pub fn median_packets(&self) -> Option<f64> {
        let mut sorted = self.packets_to_alert.clone();
        sorted.sort_unstable();
        let middle = sorted.len() / 2;
        let upper = count(*sorted.get(middle)?);
        if sorted.len() % 2 == 1 {
            return Some(upper);
        }
        Some(f64::midpoint(upper, count(*sorted.get(middle - 1)?)))
    }

    /// Alerts about an attack that was told, on average.
    #[must_use]
    pub fn alerts_per_attack(&self) -> Option<f64> {
        (self.found > 0).then(|| count(self.alerts as u64) / count(self.found as u64))
    }

    /// False alarms in an hour without attacks.
    #[must_use]
    pub fn false_per_hour(&self) -> Option<f64> {
        (self.hours > 0.0).then(|| count(self.false_alarms as u64) / self.hours)
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        1.0
    } else {
        count(part as u64) / count(whole as u64)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "what is counted here is far below 2 to the power of 53"
)]
fn count(value: u64) -> f64 {
    value as f64
}
