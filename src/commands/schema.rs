//! `envlock schema`: the JSON Schemas of files and of `--json` results, as this envlock writes them.

use serde_json::json;

use super::Context;
use crate::cli::Schema;
use crate::exit::{CommandResult, Exit, Failure};

/// What has a schema: files by what they are, results by the command that prints them.
pub const SCHEMAS: [(&str, &str); 22] = [
    ("spec", include_str!("../../schemas/spec.json")),
    ("lock", include_str!("../../schemas/lock.json")),
    ("release", include_str!("../../schemas/release.json")),
    ("config", include_str!("../../schemas/config.json")),
    ("resolve", include_str!("../../schemas/resolve.json")),
    ("build", include_str!("../../schemas/build.json")),
    ("rollback", include_str!("../../schemas/rollback.json")),
    ("status", include_str!("../../schemas/status.json")),
    ("inspect", include_str!("../../schemas/inspect.json")),
    ("size", include_str!("../../schemas/size.json")),
    ("verify", include_str!("../../schemas/verify.json")),
    ("prune", include_str!("../../schemas/prune.json")),
    ("render", include_str!("../../schemas/render.json")),
    ("history", include_str!("../../schemas/history.json")),
    ("why", include_str!("../../schemas/why.json")),
    ("outdated", include_str!("../../schemas/outdated.json")),
    ("matrix", include_str!("../../schemas/matrix.json")),
    ("export", include_str!("../../schemas/export.json")),
    ("cache", include_str!("../../schemas/cache.json")),
    ("serve", include_str!("../../schemas/serve.json")),
    ("doctor", include_str!("../../schemas/doctor.json")),
    ("schema", include_str!("../../schemas/schema.json")),
];

/// Runs `envlock schema`.
pub fn run(args: &Schema, context: &Context) -> CommandResult {
    let names: Vec<&str> = SCHEMAS.iter().map(|(name, _)| *name).collect();
    let Some(wanted) = &args.name else {
        match context.ui.wants_json() {
            true => context.ui.json(&json!({ "version": 1, "schemas": names })),
            false => context.ui.result(names.join("\n")),
        }
        return Ok(Exit::Ok);
    };
    let found = SCHEMAS.iter().find(|(name, _)| name == wanted);
    let unknown = || format!("there is no schema of `{wanted}`; there is {}", names.join(", "));
    let (_, text) = found.ok_or_else(|| Failure::message(Exit::Usage, unknown()))?;
    context.ui.result(text);
    Ok(Exit::Ok)
}
