//! The schemas of types that are text in JSON.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::cuda::{CudaLine, CudaTag};
use crate::gpu::Arch;
use crate::lock::Location;
use crate::platform::Platform;
use crate::python::GlibcVersion;
use crate::spec::{GroupName, ImageName, ProfileName, SourceName};

/// Types with a pattern, as definitions that schemas refer to.
macro_rules! patterns {
    ($($type:ident: $pattern:literal, $about:literal;)*) => { $(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "description": $about })
            }
        }
    )* };
}

/// Types without a pattern.
macro_rules! words {
    ($($type:ident)*) => { $(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string" })
            }
        }
    )* };
}

patterns! {
    CudaTag: "^(cpu|cu[0-9]+)$", "A CUDA build of PyTorch: cu130, or cpu.";
    GlibcVersion: "^[0-9]+\\.[0-9]+$", "A version of the GNU C library: 2.39.";
    Location: "^[^:]+:/", "SOURCE:/PATH: the name of a source and the URL path of the file there, never a host.";
}

words! { Arch CudaLine GroupName ImageName Platform ProfileName SourceName }
