//! The JSON Schemas: those of reports and of files that envlock writes are made from types; those of files that people
//! write are maintained by hand.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};

use super::Report;
use crate::{lock, release};

/// Name and text of every schema: first those of files, then those of results by command. The texts are the
/// content of `schemas/NAME.json`.
pub fn schemas() -> Vec<(&'static str, Cow<'static, str>)> {
    vec![
        ("spec", include_str!("../../schemas/spec.json").into()),
        ("lock", schema::<lock::Lock>("lock", "env.lock")),
        ("release", schema::<release::Record>("release", "A line of env.releases.jsonl")),
        ("config", include_str!("../../schemas/config.json").into()),
        report::<super::Resolve>(),
        report::<super::Build>(),
        report::<super::Rollback>(),
        report::<super::Status>(),
        report::<super::Inspect>(),
        report::<super::Size>(),
        report::<super::Verify>(),
        report::<super::Prune>(),
        report::<super::Render>(),
        report::<super::History>(),
        report::<super::Why>(),
        report::<super::Outdated>(),
        report::<super::Matrix>(),
        report::<super::Export>(),
        report::<super::Cache>(),
        report::<super::Serve>(),
        report::<super::Doctor>(),
        report::<super::Schema>(),
    ]
}

fn report<R: Report>() -> (&'static str, Cow<'static, str>) {
    (R::COMMAND, schema::<R>(R::COMMAND, &format!("envlock {} --json", R::COMMAND)))
}

/// Where the schemas are published.
const PLACE: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/raw/main/schemas");

fn schema<T: JsonSchema>(name: &str, title: &str) -> Cow<'static, str> {
    let settings = SchemaSettings::draft2020_12()
        .for_serialize()
        .with_transform(Closed)
        .with_transform(RecursiveTransform(plain));
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    schema.insert("$id".to_owned(), format!("{PLACE}/{name}.json").into());
    let object = schema.as_object_mut().expect("a schema of a type is an object");
    // The keys that a reader looks for first come first.
    for (at, key) in ["$schema", "$id", "title", "description"].into_iter().enumerate() {
        if let Some(value) = object.shift_remove(key) {
            object.shift_insert(at, key.to_owned(), value);
        }
    }
    let text = serde_json::to_string_pretty(&schema).expect("a schema always serializes");
    (text + "\n").into()
}

/// Doc comments as sentences, and no names of Rust's integers.
fn plain(schema: &mut Schema) {
    if let Some(text) = schema.get("description").and_then(|text| text.as_str()) {
        let text = text.replace('\n', " ").replace("[`", "`").replace("`]", "`");
        schema.insert("description".to_owned(), text.into());
    }
    if schema.get("format").is_some_and(|format| format != "date-time") {
        schema.remove("format");
    }
}

/// Forbids keys that a type does not have.
#[derive(Debug, Clone)]
struct Closed;

impl Transform for Closed {
    fn transform(&mut self, schema: &mut Schema) {
        let has = |schema: &Schema, key: &str| schema.get(key).is_some();
        if !has(schema, "properties") || has(schema, "additionalProperties") {
            return transform_subschemas(self, schema);
        }
        match schema.remove("oneOf") {
            // Each of these adds to the keys beside it: only their combination can be closed.
            Some(parts) => {
                transform_subschemas(self, schema);
                schema.insert("oneOf".to_owned(), parts);
                schema.insert("unevaluatedProperties".to_owned(), false.into());
            }
            None => {
                transform_subschemas(self, schema);
                schema.insert("additionalProperties".to_owned(), false.into());
            }
        }
    }
}
