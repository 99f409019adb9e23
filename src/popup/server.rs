//! The notification server as the Desktop Notifications Specification 1.2 describes it, over one connection.

use std::{collections::HashMap, sync::Arc};

use futures_lite::StreamExt as _;
use notify_rust::{Hint, Notification, Timeout, Urgency};
use tokio::time::{self, Duration};
use wallwatch_dbus::{Severity, names::APP_ID};
use zbus::{
    Connection, Message, Proxy, Variant,
    proxy::{CacheProperties, OwnerChangedStream, SignalStream},
};

use super::incident::Content;
use crate::{picture::Picture, text};

/// The server's name, path and interface.
const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// The server has so long to answer; one that was just started by the call may need some seconds.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that refused is left alone for so long.
pub(super) const RETRY: Duration = Duration::from_secs(2);

/// Closed by the user, in `NotificationClosed` (specification, section "Signals").
const CLOSED_BY_USER: u32 = 2;

/// The long-lived connection, and what the server says on it.
#[derive(Debug)]
pub(crate) struct Link {
    connection: Connection,
    signals: SignalStream<'static>,
    owners: OwnerChangedStreamDebug,
}

/// A stream of owners that can be printed.
struct OwnerChangedStreamDebug(OwnerChangedStream<'static>);

impl std::fmt::Debug for OwnerChangedStreamDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnerChangedStream")
    }
}

impl Link {
    /// Listens to the server on this connection, before anything is sent to it.
    pub(crate) async fn new(connection: Connection) -> zbus::Result<Self> {
        let proxy: Proxy<'static> = zbus::proxy::Builder::new(&connection)
            .destination(NAME)
            .path(PATH)
            .interface(NAME)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        // Of the name's owner only: anybody may send a signal that looks like the server's.
        let signals = proxy.receive_all_signals().await?;
        let owners = OwnerChangedStreamDebug(proxy.receive_owner_changed().await?);
        Ok(Self {
            connection,
            signals,
            owners,
        })
    }

    pub(super) const fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// What comes from the server, or about it.
#[derive(Debug)]
pub(super) enum Signal {
    /// A popup went.
    Closed { popup: u32, by_user: bool },
    /// The user pressed a button.
    Action { popup: u32, key: String },
    /// The name has another owner, or none.
    ServerChanged,
}

impl Signal {
    /// The popup it speaks of.
    pub(super) const fn popup(&self) -> Option<u32> {
        match self {
            Self::Closed { popup, .. } | Self::Action { popup, .. } => Some(*popup),
            Self::ServerChanged => None,
        }
    }
}

/// The next signal; none when the bus is gone. Without a link it waits for ever.
pub(super) async fn hear(link: &mut Option<Link>) -> Option<Signal> {
    let Some(link) = link else {
        return std::future::pending().await;
    };
    loop {
        tokio::select! {
            biased;
            owner = link.owners.0.next() => return owner.map(|_| Signal::ServerChanged),
            message = link.signals.next() => {
                if let Some(signal) = read(&message?) {
                    return Some(signal);
                }
            }
        }
    }
}

/// A message as a signal; none where it does not matter.
fn read(message: &Message) -> Option<Signal> {
    let body = message.body();
    match message.header().member()?.as_str() {
        "NotificationClosed" => {
            let (popup, reason) = body.deserialize::<(u32, u32)>().ok()?;
            Some(Signal::Closed {
                popup,
                by_user: reason == CLOSED_BY_USER,
            })
        }
        "ActionInvoked" => {
            let (popup, key) = body.deserialize().ok()?;
            Some(Signal::Action { popup, key })
        }
        _ => None,
    }
}

/// What the server can, of what matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Capabilities {
    actions: bool,
    markup: bool,
}

/// The answer to a call.
#[derive(Debug)]
pub(super) enum Answer {
    /// To `GetCapabilities`.
    Capabilities {
        generation: u64,
        result: Result<Capabilities, String>,
    },
    /// To `Notify`: the popup's id.
    Shown {
        generation: u64,
        id: u64,
        popup: u32,
    },
    /// To `Notify`, that failed; `replaces` is what it was to replace.
    Failed {
        id: u64,
        content: Content,
        replaces: u32,
        error: String,
    },
}

/// Asks the server what it can.
pub(super) async fn ask_capabilities(connection: Connection, generation: u64) -> Answer {
    let result = call::<_, Vec<String>>(&connection, "GetCapabilities", &())
        .await
        .map(|words| Capabilities {
            actions: words.iter().any(|word| word == "actions"),
            markup: words.iter().any(|word| word == "body-markup"),
        });
    Answer::Capabilities { generation, result }
}

/// A notification, and the content it was made of.
#[derive(Debug)]
pub(super) struct Made {
    content: Content,
    notification: Notification,
    /// The picture, where the icon theme has none of ours.
    picture: Option<Arc<Picture>>,
}

/// Makes the notification that says this to a server that can that.
pub(super) fn notification(
    content: &Content,
    capabilities: Capabilities,
    picture: Option<Arc<Picture>>,
) -> Made {
    let mut notification = Notification::new();
    // The summary is plain text everywhere; the body is markup where the server says so.
    let body = if capabilities.markup {
        text::escape_markup(&content.body)
    } else {
        content.body.clone()
    };
    notification
        .appname("Wallwatch")
        .summary(&content.summary)
        .body(&body)
        .icon(APP_ID)
        .hint(Hint::DesktopEntry(APP_ID.to_owned()))
        .hint(Hint::Category("network".to_owned()))
        // GNOME shows no banner for low urgency, and pierces do-not-disturb for critical.
        .urgency(if content.severity == Severity::Critical {
            Urgency::Critical
        } else {
            Urgency::Normal
        })
        .timeout(Timeout::Default);
    if capabilities.actions {
        for (key, label) in [
            ("default", "Open"),
            ("details", "Details"),
            ("pause", "Pause 1 hour"),
        ] {
            notification.action(key, label);
        }
    }
    Made {
        content: content.clone(),
        notification,
        picture,
    }
}

/// Shows a notification in the place of another one (0: of none).
pub(super) async fn notify(
    connection: Connection,
    generation: u64,
    id: u64,
    replaces: u32,
    made: Made,
) -> Answer {
    let Made {
        content,
        notification: n,
        picture,
    } = made;
    let mut hints: HashMap<&str, Variant<'_>> = n.hints.iter().map(Into::into).collect();
    if let Some(picture) = &picture {
        hints.insert("image-data", image_data(picture));
    }
    let arguments = (
        &n.appname,
        replaces,
        &n.icon,
        &n.summary,
        &n.body,
        &n.actions,
        hints,
        i32::from(n.timeout),
    );
    match call::<_, u32>(&connection, "Notify", &arguments).await {
        Ok(popup) => Answer::Shown {
            generation,
            id,
            popup,
        },
        Err(error) => Answer::Failed {
            id,
            content,
            replaces,
            error,
        },
    }
}

/// A picture as the hint `image-data` has it (specification, section "Icons and Images"): width, height, bytes in a row, alpha, bits in
/// a sample, samples in a pixel, and the bytes.
fn image_data(picture: &Picture) -> Variant<'static> {
    let size = |pixels: u32| i32::try_from(pixels).unwrap_or_default();
    let (width, height) = (size(picture.width), size(picture.height));
    Variant::new((
        width,
        height,
        width * 4,
        true,
        8_i32,
        4_i32,
        picture.rgba.clone(),
    ))
}

/// Calls the server and waits for its answer, but not for ever.
async fn call<A, R>(
    connection: &Connection,
    method: &'static str,
    arguments: &A,
) -> Result<R, String>
where
    A: serde::Serialize + zbus::Type + Sync,
    R: serde::de::DeserializeOwned + zbus::Type,
{
    let call = connection.call_method(Some(NAME), PATH, Some(NAME), method, arguments);
    let reply = time::timeout(CALL_TIMEOUT, call)
        .await
        .map_err(|_| format!("it did not answer within {} s", CALL_TIMEOUT.as_secs()))?;
    let reply = reply.map_err(|error| text::sanitize(&error.to_string()).into_owned())?;
    reply
        .body()
        .deserialize()
        .map_err(|error| error.to_string())
}
