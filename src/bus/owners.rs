//! Who owns the names that are believed, as the bus itself tells it.
//!
//! Anybody may send anybody a signal that looks like another's, the bus's `NameOwnerChanged` included. Only the sender's unique name
//! cannot be forged, because the bus writes it; and a match rule holds for what is sent to all, not for what is sent to us alone.

use std::num::NonZeroU32;

use wallwatch_dbus::names::HELPER_BUS_NAME;
use zbus::{
    Message,
    message::Type,
    names::{OwnedUniqueName, UniqueName},
};

/// The bus's own name, which it alone can send by.
const BUS: &str = "org.freedesktop.DBus";

/// A name whose owner is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// The helper's.
    Helper,
    /// polkit's.
    Polkit,
}

impl Name {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Helper, Self::Polkit];

    /// The name on the bus.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Helper => HELPER_BUS_NAME,
            Self::Polkit => "org.freedesktop.PolicyKit1",
        }
    }
}

/// A name changed hands; has it an owner now?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The helper's.
    Helper(bool),
    /// polkit's.
    Polkit(bool),
}

/// What is known of a name.
#[derive(Debug, Default)]
struct Known {
    owner: Option<OwnedUniqueName>,
    /// The question who owns it, until it is answered.
    question: Option<NonZeroU32>,
}

/// The owners.
#[derive(Debug, Default)]
pub(super) struct Owners {
    helper: Known,
    polkit: Known,
}

impl Owners {
    /// The bus was asked who owns a name, by the message of this number.
    pub(super) const fn asked(&mut self, name: Name, serial: NonZeroU32) {
        self.known(name).question = Some(serial);
    }

    /// Is this sender the owner of the name?
    pub(super) fn owns(&self, name: Name, sender: Option<&UniqueName<'_>>) -> bool {
        let known = match name {
            Name::Helper => &self.helper,
            Name::Polkit => &self.polkit,
        };
        match (&known.owner, sender) {
            (Some(owner), Some(sender)) => owner.as_str() == sender.as_str(),
            _ => false,
        }
    }

    /// Takes in what the bus says of owners; what anybody else says of them is passed over.
    pub(super) fn take(&mut self, message: &Message) -> Option<Change> {
        let header = message.header();
        if header.sender().is_none_or(|sender| sender.as_str() != BUS) {
            return None;
        }
        match message.message_type() {
            Type::Signal => self.changed(message),
            // The answer stands in the order of the bus: what was told before it is older, what is told behind it newer.
            Type::MethodReturn | Type::Error => {
                let serial = header.reply_serial()?;
                let known = [&mut self.helper, &mut self.polkit]
                    .into_iter()
                    .find(|known| known.question == Some(serial))?;
                known.question = None;
                known.owner = message.body().deserialize().ok();
                None
            }
            Type::MethodCall => None,
        }
    }

    fn changed(&mut self, message: &Message) -> Option<Change> {
        let header = message.header();
        if header.interface()?.as_str() != BUS || header.member()?.as_str() != "NameOwnerChanged" {
            return None;
        }
        let body = message.body();
        let (changed, _, owner) = body.deserialize::<(&str, &str, &str)>().ok()?;
        let name = Name::ALL
            .into_iter()
            .find(|name| name.as_str() == changed)?;
        let owner = OwnedUniqueName::try_from(owner).ok();
        let there = owner.is_some();
        self.known(name).owner = owner;
        Some(match name {
            Name::Helper => Change::Helper(there),
            Name::Polkit => Change::Polkit(there),
        })
    }

    const fn known(&mut self, name: Name) -> &mut Known {
        match name {
            Name::Helper => &mut self.helper,
            Name::Polkit => &mut self.polkit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bus, or whoever, says who owns a name.
    fn told(sender: &str, name: &str, owner: &str) -> Message {
        Message::signal("/org/freedesktop/DBus", BUS, "NameOwnerChanged")
            .sender(sender)
            .build(&(name, "", owner))
            .unwrap()
    }

    fn unique(name: &str) -> UniqueName<'_> {
        UniqueName::try_from(name).unwrap()
    }

    #[test]
    fn the_bus_alone_says_who_owns_a_name() {
        let mut owners = Owners::default();
        let (helper, forger) = (unique(":1.5"), unique(":1.66"));
        assert!(!owners.owns(Name::Helper, Some(&helper)));
        assert_eq!(
            owners.take(&told(BUS, HELPER_BUS_NAME, ":1.5")),
            Some(Change::Helper(true))
        );
        assert!(owners.owns(Name::Helper, Some(&helper)));
        assert_eq!(owners.take(&told(":1.66", HELPER_BUS_NAME, ":1.66")), None);
        assert!(!owners.owns(Name::Helper, Some(&forger)));
        assert!(owners.owns(Name::Helper, Some(&helper)));
        assert!(!owners.owns(Name::Polkit, Some(&helper)));
        assert!(!owners.owns(Name::Helper, None));
        assert_eq!(
            owners.take(&told(BUS, HELPER_BUS_NAME, "")),
            Some(Change::Helper(false))
        );
        assert!(!owners.owns(Name::Helper, Some(&helper)));
        assert_eq!(owners.take(&told(BUS, "org.example.Other", ":1.7")), None);
    }

    #[test]
    fn an_answer_counts_once_and_from_the_bus_alone() {
        let mut owners = Owners::default();
        let question = Message::method_call("/", "GetNameOwner")
            .build(&"name")
            .unwrap();
        let serial = question.primary_header().serial_num();
        owners.asked(Name::Polkit, serial);
        let answer = |sender: &str, owner: &str| {
            Message::method_return(&question.header())
                .sender(sender)
                .build(&owner)
                .unwrap()
        };
        owners.take(&answer(":1.66", ":1.66"));
        assert!(!owners.owns(Name::Polkit, Some(&unique(":1.66"))));
        owners.take(&answer(BUS, ":1.9"));
        assert!(owners.owns(Name::Polkit, Some(&unique(":1.9"))));
        owners.take(&answer(BUS, ":1.10"));
        assert!(owners.owns(Name::Polkit, Some(&unique(":1.9"))));
    }
}
