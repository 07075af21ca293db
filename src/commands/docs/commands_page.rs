//! The commands and their options, from clap.

use clap::{Arg, Command, CommandFactory};

use super::markdown::{self, WRITTEN};
use crate::cli::Cli;

/// Where a command is explained: its name, the page in docs/how-to, the page's title.
const MORE: [(&str, &str, &str); 16] = [
    ("resolve", "versions", "Choose versions"),
    ("build", "build", "Build images"),
    ("export", "other-tools", "Files of other tools"),
    ("why", "versions", "Choose versions"),
    ("outdated", "versions", "Choose versions"),
    ("matrix", "versions", "Choose versions"),
    ("rollback", "rollback", "Release and roll back"),
    ("status", "rollback", "Release and roll back"),
    ("history", "rollback", "Release and roll back"),
    ("inspect", "registries", "Registries"),
    ("size", "size", "See the sizes of images"),
    ("verify", "verify", "Verify images"),
    ("prune", "registries", "Registries"),
    ("render", "platform", "The platform"),
    ("serve", "registries", "Registries"),
    ("init", "spec", "Write envlock.toml"),
];

/// commands.md
pub(super) fn page() -> String {
    let mut root = Cli::command();
    root.build();
    let mut text = format!(
        "# Commands\n\n{WRITTEN}\nResults go to stdout, everything else to stderr. `NO_COLOR` is honoured; `ENVLOCK_LOG` takes a \
         filter such as `envlock=debug,http_retry=debug`. All commands take:\n\n"
    );
    text.push_str(&options(root.get_arguments().filter(|argument| argument.is_global_set())));
    for command in commands(&root) {
        describe(command, 2, &mut text);
    }
    text
}

/// The commands that are not hidden.
pub(super) fn commands(of: &Command) -> impl Iterator<Item = &Command> {
    of.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help")
}

fn describe(command: &Command, depth: usize, text: &mut String) {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    text.push_str(&format!("\n{} `{name}`\n\n", "#".repeat(depth)));
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string);
    let about = markdown::sentence(&about.unwrap_or_default());
    text.push_str(&about.replace('<', "&lt;"));
    if let Some((_, page, title)) =
        MORE.iter().find(|(known, ..)| name == format!("envlock {known}"))
    {
        text.push_str(&format!(" See [{title}](../how-to/{page}.md)."));
    }
    text.push_str(&format!("\n\n    {}\n\n", usage(command)));
    text.push_str(&options(command.get_arguments().filter(|argument| !argument.is_global_set())));
    for own in commands(command) {
        describe(own, depth + 1, text);
    }
}

/// The usage line of a command.
fn usage(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    usage.strip_prefix("Usage: ").unwrap_or(&usage).trim().to_owned()
}

fn options<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    let shown = |argument: &&Arg| {
        !argument.is_hide_set() && !["help", "version"].contains(&argument.get_id().as_str())
    };
    let rows: Vec<_> = arguments.filter(shown).map(|a| vec![spelling(a), meaning(a)]).collect();
    markdown::table(&["option", ""], &rows)
}

/// `-o`, `--output FILE`; `IMAGE` of what has no name.
fn spelling(argument: &Arg) -> String {
    let values = argument.get_value_names().filter(|_| argument.get_action().takes_values());
    let mut value = values.map(|names| names.join(" ")).unwrap_or_default();
    let counts = argument.get_num_args().unwrap_or_default();
    if counts.max_values() > 1 && !value.is_empty() {
        value.push('…');
    }
    if counts.min_values() == 0 && !value.is_empty() {
        value = format!("[{value}]");
    }
    let short = argument.get_short().map(|short| format!("-{short}"));
    match argument.get_long() {
        None => markdown::codes(short.as_deref().or(Some(value.as_str()))),
        Some(long) => {
            let long = format!("--{long} {value}");
            markdown::codes(short.as_deref().into_iter().chain([long.trim_end()]))
        }
    }
}

/// The help, the values there are, the default, the variable.
fn meaning(argument: &Arg) -> String {
    let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string);
    let mut text = help
        .unwrap_or_default()
        .split("\n\n")
        .map(markdown::sentence)
        .collect::<Vec<_>>()
        .join(" ");
    text = markdown::cell(&text);
    if !argument.get_action().takes_values() {
        return text;
    }
    let values = argument.get_possible_values();
    let values: Vec<_> = values
        .iter()
        .filter(|v| !v.is_hide_set())
        .map(|v| {
            let help = v.get_help().map(|help| format!(" ({})", markdown::cell(&help.to_string())));
            format!("{}{}", markdown::code(v.get_name()), help.unwrap_or_default())
        })
        .collect();
    if !values.is_empty() {
        text.push_str(&format!(" One of {}.", values.join(", ")));
    }
    let defaults: Vec<_> =
        argument.get_default_values().iter().filter_map(|value| value.to_str()).collect();
    if !defaults.is_empty() {
        text.push_str(&format!(" Default: {}.", markdown::codes(defaults)));
    }
    if let Some(variable) = argument.get_env().and_then(|name| name.to_str()) {
        text.push_str(&format!(" Also {}.", markdown::code(variable)));
    }
    text
}
