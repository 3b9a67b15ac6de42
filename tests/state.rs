//! What the tables of a world hold at one time.

use std::collections::BTreeMap;

use local::{World, template::Table};
use serde_json::{Value, json};
use shared::clock::{Clock as _, Timestamp};

/// The items of every table and the time. [`State::restore`] writes them back, which costs less than a new world.
#[derive(Debug)]
pub struct State {
    time: Timestamp,
    tables: Vec<(Table, BTreeMap<String, Value>)>,
}

impl State {
    /// The state of a world.
    pub fn of(world: &World) -> Self {
        let tables: Vec<_> = world.stack().tables.iter().map(|table| (table.clone(), items(world, table))).collect();
        Self { time: world.clock().now(), tables }
    }

    /// Whether a mail is in the outbox.
    pub fn has_mail(&self) -> bool {
        self.tables.iter().any(|(table, items)| table.name == "outbox" && !items.is_empty())
    }

    /// Restores the items and the time. The clock does not run until it is resumed.
    pub fn restore(&self, world: &World) {
        for (table, kept) in &self.tables {
            let current = items(world, table);
            for (_, item) in current.iter().filter(|(key, _)| !kept.contains_key(*key)) {
                let delete = json!({ "TableName": table.physical, "Key": key_of(table, item) });
                world.database().delete_item(serde_json::from_value(delete).unwrap()).unwrap();
            }
            for (_, item) in kept.iter().filter(|(key, item)| current.get(*key) != Some(item)) {
                let put = json!({ "TableName": table.physical, "Item": item });
                world.database().put_item(serde_json::from_value(put).unwrap()).unwrap();
            }
            assert!(items(world, table) == *kept, "{} was written to while it was restored", table.name);
        }
        world.clock().set(self.time);
    }
}

fn items(world: &World, table: &Table) -> BTreeMap<String, Value> {
    world.scan(&table.name).into_iter().map(|item| (key_of(table, &item).to_string(), item)).collect()
}

/// An item's primary key.
fn key_of(table: &Table, item: &Value) -> Value {
    let mut key = json!({ "pk": item["pk"] });
    if table.sort_key.is_some() {
        key["sk"] = item["sk"].clone();
    }
    key
}
