//! What can be asked: the commands and their options.

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::{analyze, configuration, explain, export, forget, hooks, rules, statistics, wanted};

/// Shows the attacks that Wallwatch saw, and steers it.
#[derive(Debug, Parser)]
#[command(version, about, disable_help_subcommand = true)]
pub(crate) struct Args {
    /// How answers are printed.
    #[command(flatten)]
    pub(crate) output: Output,
    /// What is asked.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How answers are printed.
#[derive(Debug, ClapArgs)]
pub(crate) struct Output {
    /// Print JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Use colours
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto)]
    pub(crate) color: Colour,
    /// Print nothing but what was asked for
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What is asked.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say whether the firewall is watched, and by which sources
    Status,
    /// Print alerts as they come, until Ctrl+C
    Watch,
    /// List past alerts, the newest last
    Alerts(wanted::Page),
    /// Show one alert in full: why it is so severe, and its first packets
    Show {
        /// Its number, as alerts and watch tell it in JSON
        id: u64,
    },
    /// Count past alerts by time, kind, source, network and port, and what was harmless
    Stats(statistics::Stretch),
    /// Say what was harmless, and why: each class with an example
    Noise(statistics::Since),
    /// Print all past alerts, the oldest first, for other programs
    Export(export::Args),
    /// Send a test alert the whole way to the screen
    TestAlert,
    /// Hold popups back for a time: 90s, 15m, 1h or until-resume
    Pause {
        /// How long
        #[arg(value_parser = pause_time)]
        time: u64,
    },
    /// Show popups again
    Resume,
    /// Switch the capture of packets on or off, for everybody on this machine
    Capture {
        /// On or off
        switch: Switch,
    },
    /// List the scripts that run on alerts and events, and what is wrong with them; hooks test NAME tries one
    Hooks(hooks::Args),
    /// Trust an address or a network: what comes from there is counted, and not weighed
    Trust(rules::Trust),
    /// Weigh again what comes from there
    Untrust(rules::Untrust),
    /// Keep attacks in the history alone, without popups
    Mute(rules::Mute),
    /// Show popups of them again
    Unmute(rules::Mute),
    /// List and change the rules of this machine
    Rules(rules::Rules),
    /// Check and show the configuration
    Config(configuration::Args),
    /// Have the helper read its configuration again
    Reload,
    /// Have the helper forget past alerts, for everybody and for good
    ClearHistory(forget::Args),
    /// Look for attacks in logs and captures, with the same code that watches live
    Analyze(analyze::Args),
    /// Say what a line of a firewall's log is, and why it is nothing or something to fear
    Explain(explain::Args),
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// Switched on.
    On,
    /// Switched off.
    Off,
}

/// Reads a time to pause for, in seconds; `until-resume` is 0.
fn pause_time(text: &str) -> Result<u64, String> {
    const USAGE: &str = "write a number with s, m or h, as 15m or 1h, or until-resume";
    if text == "until-resume" {
        return Ok(0);
    }
    let (number, unit) = text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    );
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(USAGE.to_owned()),
    };
    match number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
    {
        Some(seconds) if seconds > 0 => Ok(seconds),
        _ => Err(USAGE.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_declared_without_contradiction() {
        Args::command().debug_assert();
    }

    #[test]
    fn times_to_pause_are_read_as_people_write_them() {
        assert_eq!(pause_time("15m"), Ok(900));
        assert_eq!(pause_time("1h"), Ok(3600));
        assert_eq!(pause_time("90s"), Ok(90));
        assert_eq!(pause_time("until-resume"), Ok(0));
        for wrong in [
            "",
            "15",
            "m",
            "0m",
            "-5m",
            "15 m",
            "15min",
            "99999999999999999999h",
            "\u{661}m",
        ] {
            assert!(pause_time(wrong).is_err(), "{wrong}");
        }
    }
}
