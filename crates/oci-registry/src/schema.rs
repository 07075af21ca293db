//! JSON Schemas of the types, with the feature `schemars`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::PinnedReference;

impl JsonSchema for PinnedReference {
    fn schema_name() -> Cow<'static, str> {
        "PinnedReference".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[^@]+@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$",
            "description": "An image by digest: HOST/NAME@sha256:…",
        })
    }
}
