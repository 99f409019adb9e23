//! `trust`, `mute`, `rules` and their opposites: what holds for everybody on this machine, and how each is undone.

use std::fmt::Display;

use clap::{Args as ClapArgs, Subcommand};
use wallwatch::{bus, text};
use wallwatch_dbus::{Helper1Proxy, Kind, Rule};
use wallwatch_helper::{
    explain::Noise,
    rules::{self, Block, Mac, Place},
};

use crate::{args::Switch, error::Error, helper, print::Printer};

/// What a rule holds for.
#[derive(Debug, ClapArgs)]
pub(crate) struct Scope {
    /// Only for this port
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Only for this kind, as tcp-syn-scan
    #[arg(long)]
    kind: Option<Kind>,
    /// Only by this interface
    #[arg(long)]
    interface: Option<String>,
}

/// `trust`.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = true, id = "what", args = ["source", "port", "kind", "interface"])]
pub(crate) struct Trust {
    /// An address, or a network as 192.0.2.0/24
    #[arg(value_parser = Block::parse)]
    source: Option<Block>,
    #[command(flatten)]
    scope: Scope,
    /// What others should know of it, in one line
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    comment: String,
}

/// `untrust`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Untrust {
    /// The address or network that is trusted
    #[arg(value_parser = Block::parse)]
    source: Block,
}

/// `mute` and `unmute`.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = true, id = "what", args = ["source", "port", "kind", "interface"])]
pub(crate) struct Mute {
    /// Attacks from an address, or a network as 192.0.2.0/24
    #[arg(long, value_parser = Block::parse)]
    source: Option<Block>,
    #[command(flatten)]
    scope: Scope,
    /// For everybody on this machine
    #[arg(long)]
    everybody: bool,
    /// What others should know of it, in one line
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    comment: String,
}

/// `rules`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Rules {
    #[command(subcommand)]
    command: Option<Command>,
}

/// What is done with rules; without a word they are listed.
#[derive(Debug, Subcommand)]
enum Command {
    /// List all rules, with who added them and when, and how each is undone
    List,
    /// Hold a class of packets for harmless, or not (wallwatchctl explain names the classes)
    Noise {
        /// The class, as mdns
        class: Noise,
        /// Is it harmless?
        switch: Switch,
    },
    /// Say whether the present network is home or public, or forget that
    Network {
        /// What it is
        place: Named,
        /// The link-layer address of its gateway, where it is not the present one
        #[arg(long)]
        gateway: Option<Mac>,
        /// What others should know of it, in one line
        #[arg(
            long,
            default_value = "",
            hide_default_value = true,
            allow_hyphen_values = true
        )]
        comment: String,
    },
    /// Remove a rule
    Remove {
        /// Its number
        id: u64,
    },
}

/// What a network can be said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Named {
    /// One's own: devices may look around.
    Home,
    /// One of strangers: a neighbour's scan is worse.
    Public,
    /// Nothing is said of it any more.
    Forget,
}

/// What is there as text; empty where it is not.
fn text_of<T: Display>(value: Option<&T>) -> String {
    value.map_or_else(String::new, ToString::to_string)
}

impl Scope {
    /// The rule that does this, for this source.
    fn rule(&self, effect: &str, source: Option<Block>, comment: &str) -> Rule {
        Rule {
            r#type: effect.to_owned(),
            source: text_of(source.as_ref()),
            port: self.port.unwrap_or(0),
            kind: text_of(self.kind.as_ref()),
            interface: text_of(self.interface.as_ref()),
            comment: comment.to_owned(),
            ..Rule::default()
        }
    }
}

/// Says what is wrong with a rule before anybody is asked for a password.
fn check(rule: &Rule) -> Result<(), Error> {
    let checked = rules::Rule::try_from(rule);
    checked.map(drop).map_err(Error::Usage)
}

/// Reaches the helper, for calls that a person may have to allow.
async fn connect() -> Result<Helper1Proxy<'static>, Error> {
    helper::connect(bus::DIALOG_TIMEOUT).await
}

/// Adds a rule and says so, with the command that undoes it.
async fn add(rule: Rule, printer: &mut Printer) -> Result<(), Error> {
    check(&rule)?;
    let id = connect()
        .await?
        .add_rule(rule.clone())
        .await
        .map_err(helper::failed)?;
    let fixed = id == 0;
    let rule = Rule { id, fixed, ..rule };
    let undo = text::rule_undo(&rule);
    if printer.json() {
        return printer.line(&serde_json::json!({ "id": id, "undo": undo }).to_string());
    }
    if fixed {
        return printer.note("The configuration says so already.");
    }
    printer.note(&format!("{} (rule {id}).", text::rule(&rule)))?;
    printer.note(&format!("Undo: {undo}"))
}

/// Removes those of the rules that `is_meant`, and says so; where there is none `absent` is the error.
async fn remove(
    is_meant: impl Fn(&Rule) -> bool,
    absent: &str,
    printer: &mut Printer,
) -> Result<(), Error> {
    let helper = connect().await?;
    let rules = helper.list_rules().await.map_err(helper::failed)?;
    let mut meant: Vec<Rule> = rules.into_iter().filter(is_meant).collect();
    let is_fixed = meant.iter().any(|rule| rule.fixed);
    meant.retain(|rule| !rule.fixed);
    if meant.is_empty() {
        return Err(if is_fixed {
            Error::Failed(
                "this rule stands in the configuration: take it out there, then: wallwatchctl reload"
                    .to_owned(),
            )
        } else {
            Error::NotFound(absent.to_owned())
        });
    }
    for rule in meant {
        helper.remove_rule(rule.id).await.map_err(helper::failed)?;
        let undo = text::rule_command(&rule);
        if printer.json() {
            printer.line(&serde_json::json!({ "id": rule.id, "undo": undo }).to_string())?;
        } else {
            printer.note(&format!("Removed rule {}: {}.", rule.id, text::rule(&rule)))?;
            printer.note(&format!("Undo: {undo}"))?;
        }
    }
    Ok(())
}

/// `trust`: what is from there is not weighed.
pub(crate) async fn trust(trust: &Trust, printer: &mut Printer) -> Result<(), Error> {
    let Trust {
        source,
        scope,
        comment,
    } = trust;
    add(scope.rule("trust", *source, comment), printer).await
}

/// `untrust`: it is weighed again.
pub(crate) async fn untrust(untrust: &Untrust, printer: &mut Printer) -> Result<(), Error> {
    let source = untrust.source.to_string();
    let is_meant = |rule: &Rule| rule.r#type == "trust" && rule.source == source;
    let absent = format!("no rule trusts {source}: wallwatchctl rules lists those that there are");
    remove(is_meant, &absent, printer).await
}

/// `mute`: what happens there pops up nowhere.
pub(crate) async fn mute(mute: &Mute, printer: &mut Printer) -> Result<(), Error> {
    let rule = mute.rule()?;
    add(rule, printer).await
}

/// `unmute`: it pops up again.
pub(crate) async fn unmute(mute: &Mute, printer: &mut Printer) -> Result<(), Error> {
    let wanted = mute.rule()?;
    let is_meant = |rule: &Rule| {
        rule.r#type == "mute"
            && rule.source == wanted.source
            && rule.kind == wanted.kind
            && rule.interface == wanted.interface
            && rule.port == wanted.port
    };
    let absent = "no rule mutes this: wallwatchctl rules lists those that there are";
    remove(is_meant, absent, printer).await
}

impl Mute {
    /// The rule; an error where it is not for everybody.
    fn rule(&self) -> Result<Rule, Error> {
        let rule = self.scope.rule("mute", self.source, &self.comment);
        check(&rule)?;
        if !self.everybody {
            return Err(Error::Usage(format!(
                "popups can be muted for everybody on this machine alone: {}",
                text::rule_command(&rule)
            )));
        }
        Ok(rule)
    }
}

/// `rules`: what holds, and what shall.
pub(crate) async fn run(rules: Rules, printer: &mut Printer) -> Result<(), Error> {
    match rules.command.unwrap_or(Command::List) {
        Command::List => list(printer).await,
        Command::Noise { class, switch } => {
            let rule = Rule {
                r#type: "noise".to_owned(),
                class: class.to_string(),
                on: switch == Switch::On,
                ..Rule::default()
            };
            add(rule, printer).await
        }
        Command::Network {
            place,
            gateway,
            comment,
        } => network(place, gateway, comment, printer).await,
        Command::Remove { id } => {
            let absent =
                format!("there is no rule {id}: wallwatchctl rules lists those that there are");
            remove(|rule| rule.id == id && id != 0, &absent, printer).await
        }
    }
}

/// `rules network`: whose the network is that this machine is in.
async fn network(
    place: Named,
    gateway: Option<Mac>,
    comment: String,
    printer: &mut Printer,
) -> Result<(), Error> {
    let gateway = match gateway {
        Some(gateway) => gateway.to_string(),
        None => present_gateway().await?,
    };
    let place = match place {
        Named::Home => Place::Home,
        Named::Public => Place::Public,
        Named::Forget => {
            let is_meant = |rule: &Rule| rule.r#type == "network" && rule.gateway == gateway;
            let absent = format!("nothing is said of the network behind {gateway}");
            return remove(is_meant, &absent, printer).await;
        }
    };
    let rule = Rule {
        r#type: "network".to_owned(),
        gateway,
        place: place.to_string(),
        comment,
        ..Rule::default()
    };
    add(rule, printer).await
}

/// The link-layer address of the present network's gateway.
async fn present_gateway() -> Result<String, Error> {
    let helper = helper::connect(bus::CALL_TIMEOUT).await?;
    let gateway = helper.get_status().await.map_err(helper::failed)?.gateway;
    if gateway.is_empty() {
        return Err(Error::Failed(
            "the gateway of the present network is not known: use the network for a moment and try again, or name it with --gateway"
                .to_owned(),
        ));
    }
    Ok(gateway)
}

/// `rules list`.
async fn list(printer: &mut Printer) -> Result<(), Error> {
    let rules = connect()
        .await?
        .list_rules()
        .await
        .map_err(helper::failed)?;
    if printer.json() {
        return rules.iter().try_for_each(|rule| {
            let mut object = rule.to_json();
            object["words"] = text::rule(rule).into();
            object["undo"] = text::rule_undo(rule).into();
            printer.line(&object.to_string())
        });
    }
    if rules.is_empty() {
        return printer.note("There are no rules.");
    }
    let rows = rules.iter().map(|rule| {
        let id = match rule.id {
            0 => "-".to_owned(),
            id => id.to_string(),
        };
        [
            id,
            text::rule(rule),
            text::rule_author(rule),
            text::rule_undo(rule),
        ]
    });
    let head = ["ID", "RULE", "ADDED BY", "UNDO"].map(str::to_owned);
    let rows: Vec<[String; 4]> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    for [id, words, author, undo] in &rows {
        let [first, second, third] = widths;
        printer.line(&format!(
            "{id:>first$}  {words:second$}  {author:third$}  {undo}"
        ))?;
    }
    Ok(())
}
