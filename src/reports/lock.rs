//! env.lock inside a report.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::lock::Lock;

/// The content of env.lock, its keys with `_` in place of `-` as in all reports.
#[derive(Debug, Clone, Copy)]
pub struct LockFile<'a>(pub &'a Lock);

impl Serialize for LockFile<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut lock = serde_json::to_value(self.0).map_err(S::Error::custom)?;
        in_values(&mut lock);
        lock.serialize(serializer)
    }
}

impl JsonSchema for LockFile<'_> {
    fn schema_name() -> Cow<'static, str> {
        "LockFile".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Lock::json_schema(generator);
        in_schema(schema.ensure_object());
        // The tables of the lock.
        for table in generator.definitions_mut().values_mut().filter_map(Value::as_object_mut) {
            in_schema(table);
        }
        schema
    }
}

fn snake(key: &str) -> String {
    key.replace('-', "_")
}

/// All keys of a lock are fixed names, none is data, so all of them can be renamed.
fn in_values(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let entries = std::mem::take(map).into_iter();
            *map = entries.map(|(key, value)| (snake(&key), value)).collect();
            map.values_mut().for_each(in_values);
        }
        Value::Array(items) => items.iter_mut().for_each(in_values),
        _ => {}
    }
}

fn in_schema(schema: &mut Map<String, Value>) {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        let entries = std::mem::take(properties).into_iter();
        *properties = entries.map(|(key, value)| (snake(&key), value)).collect();
    }
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        for key in required {
            *key = snake(key.as_str().unwrap_or_default()).into();
        }
    }
}
