//! The contract on paper and the object that is served are the same, and the files around them use the same names.

use std::sync::Arc;

use tokio::sync::mpsc;
use wallwatch_dbus::names;
use wallwatch_helper::{
    authority::{Answer, Authority, Judgement},
    board::Board,
    capture::Capture,
    event::Timestamp,
    service::Service,
    source::health::Health,
    store::History,
};
use zbus::{names::UniqueName, object_server::Interface as _};
use zbus_xml::{Annotation, Arg, Interface, Node};

/// The contract.
const XML: &str = include_str!("../../dbus/org.wallwatch.Helper1.xml");
const BUS_POLICY: &str = include_str!("../../dbus/org.wallwatch.Helper1.conf");
const ACTIVATION: &str = include_str!("../../dbus/org.wallwatch.Helper1.service");
const ACTIONS: &str = include_str!("../../dbus/org.wallwatch.Helper1.policy");
const UNIT: &str = include_str!("../../helper/systemd/wallwatch-helper.service");

/// Lets everybody in: no call is made here.
struct Everybody;

impl Authority for Everybody {
    fn user_of<'a>(&'a self, _: &'a UniqueName<'a>) -> Answer<'a, u32> {
        Box::pin(async { Ok(0) })
    }

    fn judge<'a>(
        &'a self,
        _: &'a UniqueName<'a>,
        _: &'static str,
        _: bool,
    ) -> Answer<'a, Judgement> {
        Box::pin(async { Ok(Judgement::Allowed) })
    }
}

fn service() -> Service {
    let nflog = Arc::new(Health::new("nflog"));
    let capture = Capture::new("/nonexistent".as_ref(), None, None, Arc::clone(&nflog));
    let board = Arc::new(Board::new(Timestamp(1), Arc::new(capture), vec![nflog]));
    let history = History::in_memory();
    Service::new(
        Box::new(Everybody),
        board,
        history,
        mpsc::channel(1).0,
        mpsc::channel(1).0,
    )
}

/// Every member with its arguments, types and annotations; the order of the members says nothing.
fn members(interface: &Interface<'_>) -> Vec<String> {
    let methods = interface.methods().map(|method| {
        format!(
            "method {}{} {}",
            method.name(),
            args(method.args()),
            notes(method.annotations())
        )
    });
    let signals = interface.signals().map(|signal| {
        format!(
            "signal {}{} {}",
            signal.name(),
            args(signal.args()),
            notes(signal.annotations())
        )
    });
    let properties = interface.properties().map(|property| {
        let (name, kind, access) = (property.name(), property.ty(), property.access());
        format!(
            "property {name}: {kind} {access:?} {}",
            notes(property.annotations())
        )
    });
    let mut members: Vec<_> = methods.chain(signals).chain(properties).collect();
    members.sort();
    members
}

fn args(args: &[Arg<'_>]) -> String {
    let arg = |arg: &Arg<'_>| {
        let direction = arg
            .direction()
            .map_or_else(String::new, |way| format!("{way:?} "));
        format!("{direction}{}: {}", arg.name().unwrap_or("?"), arg.ty())
    };
    format!("({})", args.iter().map(arg).collect::<Vec<_>>().join(", "))
}

fn notes(annotations: &[Annotation<'_>]) -> String {
    annotations
        .iter()
        .map(|note| format!("{}={}", note.name(), note.value()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The only interface of the contract's file.
fn contract() -> Vec<String> {
    let node = Node::try_from(XML).expect("the contract is XML");
    let interfaces = node.interfaces();
    assert_eq!(interfaces.len(), 1);
    assert_eq!(interfaces[0].name(), names::HELPER_INTERFACE);
    members(&interfaces[0])
}

#[test]
fn what_is_served_is_what_the_contract_says() {
    let mut served = String::new();
    served.push_str("<node>");
    service().introspect_to_writer(&mut served, 0);
    served.push_str("</node>");
    let node = Node::try_from(served.as_str()).expect("what is served is XML");
    let interface = &node.interfaces()[0];
    assert_eq!(members(interface), contract());
}

#[test]
fn every_member_is_documented_by_a_comment_that_begins_with_its_name() {
    let names = contract();
    assert!(names.len() >= 12, "{names:?}");
    for member in names {
        let name = member
            .split([' ', '(', ':'])
            .nth(1)
            .expect("a member has a name");
        let comments = XML
            .split("<!--")
            .skip(1)
            .map(|rest| rest.split("-->").next().unwrap_or_default());
        assert!(
            comments
                .into_iter()
                .any(|comment| comment.trim().starts_with(&format!("{name}:"))),
            "{name} is not documented"
        );
    }
}

#[test]
fn the_files_around_the_contract_use_its_names() {
    for (file, words) in [
        (
            BUS_POLICY,
            &[
                names::HELPER_BUS_NAME,
                names::HELPER_PATH,
                "user=\"wallwatch\"",
            ][..],
        ),
        (
            ACTIVATION,
            &[
                names::HELPER_BUS_NAME,
                "User=wallwatch",
                "dbus-org.wallwatch.Helper1.service",
            ],
        ),
        (ACTIONS, &[names::ACTION_MONITOR, names::ACTION_CONFIGURE]),
        (
            UNIT,
            &[
                names::HELPER_BUS_NAME,
                "User=wallwatch",
                "Alias=dbus-org.wallwatch.Helper1.service",
            ],
        ),
    ] {
        for word in words {
            assert!(file.contains(word), "{word} is not in:\n{file}");
        }
    }
    let actions = ACTIONS.matches("<action id=").count();
    let owners = ACTIONS
        .matches("<annotate key=\"org.freedesktop.policykit.owner\">unix-user:wallwatch<")
        .count();
    assert_eq!(
        actions, owners,
        "polkit answers the helper about actions that it owns alone"
    );
}

#[test]
fn the_bus_policy_names_a_destination_with_every_interface() {
    let rules = BUS_POLICY
        .lines()
        .filter(|line| line.contains("send_interface="));
    for rule in rules {
        assert!(
            rule.contains("send_destination="),
            "this rule is about every program: {rule}"
        );
    }
    assert!(!BUS_POLICY.contains("at_console") && !BUS_POLICY.contains("receive_sender"));
}
