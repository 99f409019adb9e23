//! The panel: `org.kde.StatusNotifierWatcher`, and a host that reads items and clicks on them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use zbus::{
    Connection, OwnedVariant, Variant, connection, interface, message::Header,
    object_server::SignalEmitter,
};

use crate::background::Background;

const NAME: &str = "org.kde.StatusNotifierWatcher";
const PATH: &str = "/StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";

/// An item's address: bus name and path.
type Address = (String, String);

#[derive(Debug, Clone, Default)]
struct Watcher(Arc<Mutex<Vec<Address>>>);

impl Watcher {
    fn items(&self) -> MutexGuard<'_, Vec<Address>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    async fn register_status_notifier_item(
        &self,
        service: String,
        #[zbus(header)] header: Header<'_>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> zbus::fdo::Result<()> {
        let sender = header.sender().map(ToString::to_string).unwrap_or_default();
        let item = if service.starts_with('/') {
            (sender, service)
        } else {
            (service, "/StatusNotifierItem".to_owned())
        };
        let word = format!("{}{}", item.0, item.1);
        self.items().push(item);
        Self::status_notifier_item_registered(&emitter, &word).await?;
        Ok(())
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        self.items()
            .iter()
            .map(|(name, path)| format!("{name}{path}"))
            .collect()
    }

    #[zbus(property)]
    #[expect(clippy::unused_self, reason = "the interface has it")]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    #[expect(clippy::unused_self, reason = "the interface has it")]
    fn protocol_version(&self) -> i32 {
        0
    }

    #[zbus(signal)]
    async fn status_notifier_item_registered(
        emitter: &SignalEmitter<'_>,
        item: &str,
    ) -> zbus::Result<()>;
}

/// What an item shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its constant id.
    pub id: String,
    /// Active or Passive.
    pub status: String,
    /// The tooltip's text.
    pub tooltip: String,
    /// Width, height and ARGB bytes of the first picture.
    pub picture: (i32, i32, Vec<u8>),
}

/// An entry of a menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number on the bus.
    pub id: i32,
    /// 0 in the menu itself, 1 in a submenu.
    pub depth: usize,
    /// What it says; empty for a line.
    pub label: String,
    /// Can it be clicked?
    pub enabled: bool,
}

/// The panel; `Drop` takes it off the bus.
#[derive(Debug)]
pub struct Panel {
    connection: Connection,
    watcher: Watcher,
    background: Background,
}

impl Panel {
    /// A panel that is not there yet; see [`Self::own`].
    #[must_use]
    pub fn absent(address: &str) -> Self {
        let background = Background::start();
        let watcher = Watcher::default();
        let connection = background
            .run(async {
                connection::Builder::address(address)
                    .serve_at(PATH, watcher.clone())
                    .build()
                    .await
            })
            .expect("the bus is up");
        Self {
            connection,
            watcher,
            background,
        }
    }

    /// A panel.
    #[must_use]
    pub fn start(address: &str) -> Self {
        let panel = Self::absent(address);
        panel.own();
        panel
    }

    /// Takes the watcher's name.
    pub fn own(&self) {
        self.background
            .run(self.connection.request_name(NAME))
            .expect("the name is free");
    }

    /// Gives the name back and forgets the items, as a panel that ended.
    pub fn disown(&self) {
        self.watcher.items().clear();
        self.background
            .run(self.connection.release_name(NAME))
            .expect("the name is ours");
    }

    /// How many items there are.
    pub fn count(&self) -> usize {
        self.watcher.items().len()
    }

    fn address(&self) -> Option<Address> {
        self.watcher.items().last().cloned()
    }

    /// What the last item shows; none where there is none, or it does not answer.
    pub fn item(&self) -> Option<Item> {
        let (name, path) = self.address()?;
        let call = self.connection.call_method(
            Some(name),
            path,
            Some("org.freedesktop.DBus.Properties"),
            "GetAll",
            &ITEM,
        );
        let reply = self.background.run(call).ok()?;
        let mut all: HashMap<String, OwnedVariant> = reply.body().deserialize().ok()?;
        let mut text = |key: &str| {
            all.remove(key)
                .and_then(|value| String::try_from(value).ok())
                .unwrap_or_default()
        };
        let (id, status) = (text("Id"), text("Status"));
        // ToolTip is (icon name, pictures, title, text).
        let tooltip = match fields(all.get("ToolTip")?) {
            [.., Variant::Str(text)] => text.as_str().to_owned(),
            _ => String::new(),
        };
        let pictures = all.remove("IconPixmap")?;
        let Variant::Array(pictures) = &*pictures else {
            return None;
        };
        let picture = match pictures.inner().first()? {
            Variant::Structure(picture) => match picture.fields() {
                [Variant::I32(width), Variant::I32(height), bytes] => (
                    *width,
                    *height,
                    bytes.try_clone().ok()?.downcast::<Vec<u8>>().ok()?,
                ),
                _ => return None,
            },
            _ => return None,
        };
        Some(Item {
            id,
            status,
            tooltip,
            picture,
        })
    }

    /// Clicks on the item: `Activate` is the left button, `SecondaryActivate` the middle one.
    pub fn click(&self, method: &'static str) {
        let (name, path) = self.address().expect("there is an item");
        let call =
            self.connection
                .call_method(Some(name), path, Some(ITEM), method, &(5_i32, 6_i32));
        self.background.run(call).expect("the item answers");
    }

    /// The menu's entries; empty where there is none.
    pub fn menu(&self) -> Vec<Entry> {
        self.layout().unwrap_or_default()
    }

    fn layout(&self) -> Option<Vec<Entry>> {
        let (name, path) = self.menu_address()?;
        let arguments = (0_i32, -1_i32, Vec::<&str>::new());
        let call =
            self.connection
                .call_method(Some(name), path, Some(MENU), "GetLayout", &arguments);
        let reply = self.background.run(call).ok()?;
        let (_, (_, _, children)): (u32, Node) = reply.body().deserialize().ok()?;
        let mut entries = Vec::new();
        for child in &children {
            walk(child, 0, &mut entries);
        }
        Some(entries)
    }

    fn menu_address(&self) -> Option<Address> {
        let (name, path) = self.address()?;
        let call = self.connection.call_method(
            Some(name.as_str()),
            path,
            Some("org.freedesktop.DBus.Properties"),
            "Get",
            &(ITEM, "Menu"),
        );
        let reply = self.background.run(call).ok()?;
        let value: OwnedVariant = reply.body().deserialize().ok()?;
        match &*value {
            Variant::ObjectPath(menu) => Some((name, menu.to_string())),
            _ => None,
        }
    }

    /// Clicks on the entry that says this; panics where there is none.
    #[track_caller]
    pub fn choose(&self, label: &str) {
        let menu = self.menu();
        let entry = menu.iter().find(|entry| entry.label == label);
        let entry = entry.unwrap_or_else(|| panic!("no '{label}' in {menu:?}"));
        let (name, path) = self.menu_address().expect("the item has a menu");
        let arguments = (entry.id, "clicked", Variant::from(0_i32), 0_u32);
        let call = self
            .connection
            .call_method(Some(name), path, Some(MENU), "Event", &arguments);
        match self.background.run(call) {
            // "Quit" may be faster than its answer.
            Ok(_) | Err(zbus::Error::FDO(_)) => {}
            Err(error) => panic!("the menu does not answer: {error}"),
        }
    }
}

/// A node of a menu on the bus: number, properties, children.
type Node = (i32, HashMap<String, OwnedVariant>, Vec<OwnedVariant>);

/// The fields of a structure.
fn fields<'a>(value: &'a Variant<'a>) -> &'a [Variant<'a>] {
    match value {
        Variant::Structure(structure) => structure.fields(),
        Variant::Variant(inner) => fields(inner),
        _ => &[],
    }
}

/// Lists a node and what is below it.
fn walk(node: &Variant<'_>, depth: usize, entries: &mut Vec<Entry>) {
    let [Variant::I32(id), properties, Variant::Array(children)] = fields(node) else {
        return;
    };
    let properties: HashMap<String, OwnedVariant> = properties
        .try_clone()
        .ok()
        .and_then(|clone| clone.downcast().ok())
        .unwrap_or_default();
    let label = properties
        .get("label")
        .and_then(|value| <&str>::try_from(value).ok())
        .unwrap_or_default();
    let enabled = properties
        .get("enabled")
        .and_then(|value| bool::try_from(value).ok())
        .unwrap_or(true);
    // A single underscore marks a mnemonic, a double one is itself.
    let label = label
        .replace("__", "\u{0}")
        .replace('_', "")
        .replace('\u{0}', "_");
    entries.push(Entry {
        id: *id,
        depth,
        label,
        enabled,
    });
    for child in children.inner() {
        walk(child, depth + 1, entries);
    }
}
