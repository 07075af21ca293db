//! From parsed arguments to an exit code.

use super::servings::Servings;
use super::{
    Context, build, cache, completions, docs, doctor, export, history, init, inspect, matrix,
    outdated, prune, render, resolve, rollback, schema, serve, size, status, verify, why,
};
use crate::cli::{Cli, Command};
use crate::exit::{CommandResult, Exit};
use crate::interrupt;
use crate::ui::{Options, Ui};

/// Runs one command to its end and reports a failure on stderr.
pub fn run(cli: Cli) -> Exit {
    let global = &cli.global;
    let ui = Ui::new(Options {
        quiet: global.quiet,
        no_progress: global.no_progress,
        json: global.json,
    })
    .in_job(&global.project);
    ui.log(global.verbose);
    let (folder, profile) = (global.project.clone(), global.profile.clone());
    let context =
        Context { folder, profile, no_wait: global.no_wait, ui, servings: Servings::default() };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            context
                .ui
                .failure(&miette::miette!("the asynchronous runtime does not start: {error}"));
            return Exit::Failed;
        }
    };
    let result = runtime.block_on(async {
        let ui = context.ui.clone();
        if ui.draws() {
            interrupt::before_the_end(move || ui.close());
        }
        let result = dispatch(cli.command, &context).await;
        context.servings.ended(&context.ui).await;
        // Tasks that are no longer awaited may still hold bars.
        context.ui.close();
        result
    });
    runtime.shutdown_background();
    result.unwrap_or_else(|failure| {
        context.ui.failure(&failure.report);
        failure.exit
    })
}

async fn dispatch(command: Command, context: &Context) -> CommandResult {
    interrupt::survive_long_files();
    context.recover_interrupted()?;
    match command {
        Command::Resolve(args) => resolve::run(args, context).await,
        Command::Build(args) => build::run(args, context).await,
        Command::Export(args) => export::run(args, context).await,
        Command::Rollback(args) => rollback::run(args, context).await,
        Command::Status(args) => status::run(args, context).await,
        Command::Why(args) => why::run(&args, context),
        Command::Outdated(args) => outdated::run(args, context).await,
        Command::Matrix(args) => matrix::run(args, context).await,
        Command::History(args) => history::run(args, context).await,
        Command::Inspect(args) => inspect::run(args, context).await,
        Command::Size(args) => size::run(args, context).await,
        Command::Verify(args) => verify::run(args, context).await,
        Command::Prune(args) => prune::run(args, context).await,
        Command::Render(args) => render::run(&args, context),
        Command::Cache(args) => cache::run(&args, context),
        Command::Serve(args) => serve::run(args, context).await,
        Command::Init(args) => init::run(&args, context),
        Command::Doctor(args) => doctor::run(args, context).await,
        Command::Schema(args) => schema::run(&args, context),
        Command::Completions(args) => completions::run(&args, context),
        Command::Docs(args) => docs::run(&args, context),
    }
}
