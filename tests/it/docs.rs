//! What the READMEs promise is what the program has.

use camino::Utf8Path;
use clap::CommandFactory;
use envlock::cli::Cli;
use envlock::exit::Exit;
use regex::Regex;

const READMES: [&str; 2] = ["README.md", "README.ja.md"];

fn read(name: &str) -> String {
    fs_err::read_to_string(Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The part of a document below the heading that holds `word`, up to the next heading of that depth.
fn section<'a>(text: &'a str, word: &str) -> &'a str {
    let start =
        text.find(&format!("\n## {word}")).unwrap_or_else(|| panic!("no section {word}")) + 1;
    let rest = &text[start..];
    rest[3..].find("\n## ").map_or(rest, |end| &rest[..end + 3])
}

#[test]
fn both_readmes_describe_every_command_with_every_option() {
    for (name, word) in [(READMES[0], "Commands"), (READMES[1], "コマンド")] {
        let text = read(name);
        let commands = section(&text, word);
        for command in Cli::command().get_subcommands() {
            let heading = format!("\n### `envlock {}", command.get_name());
            let at = commands.find(&heading).unwrap_or_else(|| panic!("{name} lacks {heading}"));
            let own = &commands[at + 1..];
            let own = own.find("\n### ").map_or(own, |end| &own[..end]);
            for option in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(
                    own.contains(&format!("--{option}")),
                    "{name}, {}: --{option}",
                    command.get_name()
                );
            }
        }
        for option in Cli::command().get_arguments().filter_map(clap::Arg::get_long) {
            assert!(commands.contains(&format!("--{option}")), "{name}: --{option}");
        }
    }
}

#[test]
fn both_readmes_have_the_exit_codes_in_order() {
    let code = Regex::new(r"(?m)^    [A-Z]\w+ = (\d+),$").unwrap();
    let exit = read("src/exit.rs");
    let codes: Vec<String> = code.captures_iter(&exit).map(|c| c[1].to_owned()).collect();
    assert_eq!(codes.last(), Some(&(Exit::AfterFailed as u8).to_string()), "exit.rs is read wrong");
    let row = Regex::new(r"(?m)^\| (\d+) \|").unwrap();
    for (name, word) in [(READMES[0], "Exit codes"), (READMES[1], "終了コード")] {
        let text = read(name);
        let rows: Vec<_> =
            row.captures_iter(section(&text, word)).map(|c| c[1].to_owned()).collect();
        assert_eq!(rows, codes, "{name}");
    }
}
