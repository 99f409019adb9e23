//! Throws the dice for an attack or for ordinary traffic, and says what went wrong.

use std::fmt::Write as _;

use wallwatch_dbus::Alert;
use wallwatch_helper::clock;

use crate::{
    dice::Dice,
    evaluation::{
        case::{Label, Truth},
        score::{Judgement, pops_up},
    },
    form::{Form, alerts},
    noise,
    scene::{Scene, Sent},
};
use std::net::IpAddr;

/// Each attack and each noise is thrown so often.
const ROUNDS: u64 = 4;
/// An attack may be of two kinds, as a scan that begins by pings; more alerts than this are a nuisance.
const MAX_ALERTS: usize = 2;

/// An attack that can be made up.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// Its name, which is that of its test.
    pub name: &'static str,
    /// The kinds of alert that are right.
    pub kinds: &'static [&'static str],
    /// Can it be known without TCP's numbers and options?
    pub is_plain: bool,
    /// Makes it up; says who it was, or nobody where the sources are forged or very many.
    pub make: fn(&mut Scene) -> Vec<IpAddr>,
}

/// Ordinary traffic that can be made up.
#[derive(Debug, Clone, Copy)]
pub struct Noise {
    /// Its name, which is that of its test.
    pub name: &'static str,
    /// Makes it up.
    pub make: fn(&mut Scene),
}

/// The seed of this run: that of `WALLWATCH_SEED` where a run is to be had again, else the time.
pub fn seed() -> u64 {
    let given = std::env::var("WALLWATCH_SEED").ok();
    given.map_or_else(
        || Dice::new(clock::now().0.unsigned_abs()).any(),
        |text| {
            u64::from_str_radix(text.trim_start_matches("0x"), 16)
                .expect("a seed in hexadecimal digits")
        },
    )
}

/// How a failure can be had again.
pub fn again(seed: u64, name: &str) -> String {
    format!("WALLWATCH_SEED={seed:#x} cargo test -p wallwatch-helper --test randomised {name}")
}

/// In the order of time; of one moment, in the order of sending.
pub fn in_order(mut sent: Vec<Sent>) -> Vec<Sent> {
    sent.sort_by_key(|sent| sent.time);
    sent
}

/// The scene of a round of a run.
pub fn scene(seed: u64, name: &str, round: u64) -> Scene {
    let letters = name
        .bytes()
        .fold(0_u64, |all, byte| all.rotate_left(5) ^ u64::from(byte));
    Scene::new(seed ^ Dice::new(letters ^ round << 56).any())
}

/// An attack is told, as what it is, and nothing else is, whatever its numbers are.
pub fn is_known(attack: &Attack) {
    let seed = seed();
    let mut wrong = String::new();
    for round in 0..ROUNDS {
        let mut scene = scene(seed, attack.name, round);
        let sources = (attack.make)(&mut scene);
        let truth = Truth {
            label: Label::Attack,
            what: attack.name.to_owned(),
            kinds: attack.kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            // Whoever sends a flood can write any source on it.
            covered: sources.len() != 1 || attack.kinds.iter().any(|kind| kind.ends_with("-flood")),
            sources,
            borderline: false,
            hours: 0.0,
        };
        // Half of them are not alone.
        let beside = (round % 2 == 1).then(|| noise::beside(&mut scene));
        let sent = in_order(std::mem::take(&mut scene.sent));
        for form in Form::ALL {
            if form == Form::Stripped && !attack.is_plain {
                continue;
            }
            let alerts = alerts(&scene.place, &sent, form);
            let fault = fault(&truth, &alerts);
            if !fault.is_empty() {
                let with = beside.unwrap_or("nothing");
                let first = sent.first().map(|sent| &sent.packet);
                write!(
                    wrong,
                    "\nround {round}, {form:?}, beside {with}:{fault}; {} packets, first {first:?}",
                    sent.len()
                )
                .expect("a string takes everything");
                list(&mut wrong, &alerts);
            }
        }
    }
    assert!(wrong.is_empty(), "{}{wrong}", again(seed, attack.name));
}

/// What is wrong with the alerts of an attack.
fn fault(truth: &Truth, alerts: &[Alert]) -> String {
    let judgement = Judgement::of(truth, alerts);
    let mut fault = String::new();
    if !judgement.is_found {
        fault.push_str(" missed");
    } else if !judgement.is_kind_right {
        fault.push_str(" of another kind");
    }
    if judgement.alerts > MAX_ALERTS {
        write!(fault, " {} alerts", judgement.alerts).expect("a string takes everything");
    }
    let told = alerts.iter().filter(|alert| pops_up(alert));
    for other in told.filter(|alert| !truth.is_about(alert) && !truth.sources.is_empty()) {
        write!(fault, " false {}", other.kind).expect("a string takes everything");
    }
    fault
}

/// Ordinary traffic raises nothing, whatever its numbers are.
pub fn is_quiet(noise: &Noise) {
    let seed = seed();
    let mut wrong = String::new();
    for round in 0..ROUNDS {
        let mut scene = scene(seed, noise.name, round);
        (noise.make)(&mut scene);
        let sent = in_order(std::mem::take(&mut scene.sent));
        assert!(!sent.is_empty(), "something comes");
        for form in Form::ALL {
            let mut alerts = alerts(&scene.place, &sent, form);
            alerts.retain(pops_up);
            if !alerts.is_empty() {
                write!(wrong, "\nround {round}, {form:?}, {} packets", sent.len())
                    .expect("a string takes everything");
                list(&mut wrong, &alerts);
            }
        }
    }
    assert!(wrong.is_empty(), "{}{wrong}", again(seed, noise.name));
}

/// Lists alerts, a few of them.
pub fn list(text: &mut String, alerts: &[Alert]) {
    for alert in alerts.iter().take(4) {
        write!(
            text,
            "\n    {} severity {} by {:?} of {}, ports {:.60}, {} packets, told after {} {} {:?}",
            alert.kind,
            alert.severity,
            alert.sources.iter().take(3).collect::<Vec<_>>(),
            alert.source_count,
            alert.ports,
            alert.packets,
            alert.packets_to_alert,
            alert.tool,
            alert.tags,
        )
        .expect("a string takes everything");
    }
}
