//! One list of fields for both dresses of a record: a dictionary on the bus, an object in JSON.

/// Declares a record whose fields are the keys of an `a{sv}` on the bus and of an object in JSON.
///
/// A key that is missing on the bus is read as the default of its type, so that a newer reader understands an older writer;
/// an unknown key is skipped, so that an older reader understands a newer writer.
macro_rules! record {
    ($(#[$outer:meta])* pub struct $name:ident { $($(#[$inner:meta])* pub $field:ident: $type:ty,)+ }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize, zbus::Type)]
        #[zbus(signature = "a{sv}")]
        #[serde(default)]
        pub struct $name { $($(#[$inner])* #[serde(with = "zbus::as_variant")] pub $field: $type,)+ }

        impl $name {
            /// The keys, in the order of the fields.
            pub const KEYS: &[&str] = &[$(stringify!($field)),+];

            /// The record as a JSON object with the same keys as on the bus.
            #[must_use]
            pub fn to_json(&self) -> serde_json::Value {
                let mut object = serde_json::Map::new();
                $(object.insert(stringify!($field).to_owned(), $crate::record::JsonField::to_field(&self.$field));)+
                serde_json::Value::Object(object)
            }
        }

        impl $crate::record::JsonField for $name {
            fn to_field(&self) -> serde_json::Value { self.to_json() }
        }
    };
}
pub(crate) use record;

/// A value that can stand in a record's JSON object.
pub(crate) trait JsonField {
    /// The value in JSON.
    fn to_field(&self) -> serde_json::Value;
}

/// Implements [`JsonField`] for types that JSON knows already.
macro_rules! plain_fields {
    ($($type:ty),+) => { $(impl JsonField for $type {
        fn to_field(&self) -> serde_json::Value { serde_json::Value::from(self.clone()) }
    })+ };
}
plain_fields!(bool, u8, u16, u32, u64, i64, String);

impl<T: JsonField> JsonField for Vec<T> {
    fn to_field(&self) -> serde_json::Value {
        self.iter().map(JsonField::to_field).collect()
    }
}

impl JsonField for (String, u64) {
    fn to_field(&self) -> serde_json::Value {
        serde_json::json!([self.0, self.1])
    }
}

impl JsonField for (u32, String) {
    fn to_field(&self) -> serde_json::Value {
        serde_json::json!([self.0, self.1])
    }
}

impl JsonField for (u16, String, String) {
    fn to_field(&self) -> serde_json::Value {
        serde_json::json!([self.0, self.1, self.2])
    }
}
