//! `envlock schema`: the JSON Schemas of files and of `--json` results, as this envlock writes them.

use super::Context;
use crate::cli::Schema;
use crate::exit::{CommandResult, Exit, Failure};
use crate::reports::{self, Version};

pub fn run(args: &Schema, context: &Context) -> CommandResult {
    let schemas = reports::schemas();
    let names: Vec<&str> = schemas.iter().map(|(name, _)| *name).collect();
    let Some(requested) = &args.name else {
        let report = reports::Schema { version: Version, schemas: &names };
        context.result(&report, || names.join("\n"));
        return Ok(Exit::Ok);
    };
    let found = schemas.iter().find(|(name, _)| name == requested);
    let unknown = || format!("there is no schema of `{requested}`; there is {}", names.join(", "));
    let (_, text) = found.ok_or_else(|| Failure::message(Exit::Usage, unknown()))?;
    context.ui.result(text);
    Ok(Exit::Ok)
}
