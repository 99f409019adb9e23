//! The list of attacks, newest first.

use std::collections::HashMap;

use gtk::{glib, pango, prelude::*};
use wallwatch_dbus::{Alert, Severity};

use crate::text;

/// The columns that are seen, in the order of the store: title, and width in characters of an average width, with room for bold type.
const COLUMNS: [(&str, i32); 7] = [
    ("Time", 23),
    ("Severity", 9),
    ("Source", 20),
    ("What", 25),
    ("Ports", 14),
    ("Packets", 9),
    ("Verdict", 23),
];

/// Behind the columns that are seen: the incident, the time it is sorted by, the details and the weight of the type.
const ID: u32 = 7;
const SORT: u32 = 8;
const DETAILS: u32 = 9;
const WEIGHT: u32 = 10;

/// The list.
pub(super) struct List {
    store: gtk::ListStore,
    view: gtk::TreeView,
    /// Where each incident stands. (An iterator of a list store stays valid while its row exists.)
    rows: HashMap<u64, gtk::TreeIter>,
}

impl List {
    pub(super) fn new() -> Self {
        let mut types = vec![glib::Type::STRING; COLUMNS.len()];
        types.extend([
            glib::Type::U64,
            glib::Type::I64,
            glib::Type::STRING,
            glib::Type::I32,
        ]);
        let store = gtk::ListStore::new(&types);
        store.set_sort_column_id(gtk::SortColumn::Index(SORT), gtk::SortType::Descending);
        let view = gtk::TreeView::with_model(&store);
        view.set_enable_search(false);
        for (i, (title, width)) in (0..).zip(COLUMNS) {
            let cell = gtk::CellRendererText::new();
            cell.set_ellipsize(pango::EllipsizeMode::End);
            cell.set_width_chars(width);
            let column = gtk::TreeViewColumn::new();
            column.set_title(title);
            column.set_resizable(true);
            CellLayoutExt::pack_start(&column, &cell, true);
            // "text", never "markup": strangers write here.
            CellLayoutExt::add_attribute(&column, &cell, "text", i);
            CellLayoutExt::add_attribute(
                &column,
                &cell,
                "weight",
                i32::try_from(WEIGHT).unwrap_or_default(),
            );
            column.set_expand(title == "Source");
            view.append_column(&column);
        }
        if let Some(accessible) = view.accessible() {
            accessible.set_name("Attacks");
        }
        Self {
            store,
            view,
            rows: HashMap::new(),
        }
    }

    pub(super) const fn widget(&self) -> &gtk::TreeView {
        &self.view
    }

    /// Puts an alert into its row, or into a new one.
    pub(super) fn show(&mut self, alert: &Alert) {
        let row = self
            .rows
            .entry(alert.id)
            .or_insert_with(|| self.store.append());
        let ports = text::sanitize(&alert.ports);
        let weight = if alert.severity() >= Severity::High {
            700
        } else {
            400
        };
        let verdict = text::verdict(alert.verdict());
        self.store.set(
            row,
            &[
                (0, &text::date_time(alert.last_seen)),
                (1, &alert.severity().as_str()),
                (2, &text::who(alert).as_ref()),
                (3, &text::what(alert).as_ref()),
                (4, &ports.as_ref()),
                (5, &text::number(alert.packets)),
                (6, &verdict),
                (ID, &alert.id),
                (SORT, &alert.last_seen),
                (DETAILS, &super::details(alert)),
                (WEIGHT, &weight),
            ],
        );
    }

    /// Takes an incident out.
    pub(super) fn remove(&mut self, id: u64) {
        if let Some(row) = self.rows.remove(&id) {
            self.store.remove(&row);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Selects an incident and scrolls to it; false where it is not in the list.
    pub(super) fn select(&self, id: u64) -> bool {
        let Some(path) = self.rows.get(&id).and_then(|row| self.store.path(row)) else {
            return false;
        };
        self.view.selection().select_path(&path);
        self.view
            .scroll_to_cell(Some(&path), gtk::TreeViewColumn::NONE, false, 0.0, 0.0);
        true
    }

    /// Selects the newest one.
    pub(super) fn select_first(&self) {
        self.view
            .selection()
            .select_path(&gtk::TreePath::new_first());
    }

    /// The selected incident.
    pub(super) fn selected(&self) -> Option<u64> {
        let (model, row) = self.view.selection().selected()?;
        model.value(&row, i32::try_from(ID).ok()?).get().ok()
    }

    /// Calls with the details of what is selected, whenever that changes.
    pub(super) fn on_selection(&self, selected: impl Fn(Option<&str>) + 'static) {
        self.view.selection().connect_changed(move |selection| {
            let words = selection.selected().and_then(|(model, row)| {
                let column = i32::try_from(DETAILS).ok()?;
                model.value(&row, column).get::<String>().ok()
            });
            selected(words.as_deref());
        });
    }
}
