//! JSON Schemas of the types, with the feature `schemars`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{Digest, Sha2};

impl<const N: usize> JsonSchema for Sha2<N> {
    fn schema_name() -> Cow<'static, str> {
        format!("Sha{}", 8 * N).into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let pattern = format!("^[0-9a-f]{{{}}}$", 2 * N);
        json_schema!({ "type": "string", "pattern": pattern, "description": "A SHA-2 in hexadecimal." })
    }
}

impl JsonSchema for Digest {
    fn schema_name() -> Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$",
            "description": "A digest as registries write it.",
        })
    }
}
