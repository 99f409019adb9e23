//! Sends a flood to a victim by way of an interface, and says how much of it the interface took.
//!
//!     pktsend INTERFACE MAC [--udp|--worm] [--ports random|rising|PORT] [--sport PORT] [--sources N] [--rate N] [--count N] [--distinct N] [--seconds S]
//!
//! By default SYNs of 40 bytes from 200 addresses to ports without order, for 2 seconds as fast as it goes. Whatever is asked
//! for, it ends after 20 seconds. MAC is the victim's; its address is that of the tests, which no real network should have.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it speaks to whoever runs it"
)]

use std::{env, process::ExitCode, str::FromStr, time::Duration};

use wallwatch_test_support::flood::{Flood, Ports, Sent, Shape};

const USAGE: &str = "usage: pktsend INTERFACE MAC [--udp|--worm] [--ports random|rising|PORT] [--sport PORT] [--sources N] [--rate N] [--count N] [--distinct N] [--seconds S]";

fn main() -> ExitCode {
    match flood(env::args().skip(1)) {
        Ok(Sent { packets, time }) => {
            let seconds = time.as_secs_f64();
            #[expect(clippy::cast_precision_loss, reason = "a rate is read by people")]
            let rate = packets as f64 / seconds;
            println!("{packets} packets in {seconds:.3} s: {rate:.0} a second");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("pktsend: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn flood(mut words: impl Iterator<Item = String>) -> Result<Sent, String> {
    let (Some(interface), Some(victim)) = (words.next(), words.next()) else {
        return Err(USAGE.to_owned());
    };
    let mut flood = Flood::default();
    while let Some(option) = words.next() {
        let shape = match option.as_str() {
            "--udp" => Some(Shape::Udp),
            "--worm" => Some(Shape::Worm),
            _ => None,
        };
        if let Some(shape) = shape {
            flood.shape = shape;
            continue;
        }
        let value = words.next().ok_or(USAGE)?;
        match option.as_str() {
            "--ports" => flood.ports = ports(&value)?,
            "--sport" => flood.sport = Some(number(&value)?),
            "--sources" => flood.sources = number(&value)?,
            "--rate" => flood.rate = number(&value)?,
            "--count" => flood.count = number(&value)?,
            "--distinct" => flood.distinct = number(&value)?,
            "--seconds" => {
                flood.time = Duration::from_secs_f64(number::<f64>(&value)?.clamp(0.0, 20.0));
            }
            _ => return Err(USAGE.to_owned()),
        }
    }
    flood
        .send(&interface, mac(&victim)?)
        .map_err(|error| format!("{interface} takes no packets: {error}"))
}

fn ports(word: &str) -> Result<Ports, String> {
    Ok(match word {
        "random" => Ports::Random,
        "rising" => Ports::Rising,
        port => Ports::One(number(port)?),
    })
}

fn number<T: FromStr>(word: &str) -> Result<T, String> {
    word.parse()
        .map_err(|_| format!("'{word}' is no number that fits"))
}

/// Six bytes as `02:00:00:00:00:01`.
fn mac(word: &str) -> Result<[u8; 6], String> {
    let bytes: Option<Vec<u8>> = word
        .split(':')
        .map(|byte| u8::from_str_radix(byte, 16).ok())
        .collect();
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| format!("'{word}' is no link-layer address"))
}
