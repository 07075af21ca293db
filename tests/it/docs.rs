//! The documents: what they promise is what the program has, links lead somewhere, both languages have the same pages.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use clap::CommandFactory;
use envlock::cli::Cli;
use envlock::exit::Exit;
use regex::Regex;

fn root() -> &'static Utf8Path {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: impl AsRef<Utf8Path>) -> String {
    fs_err::read_to_string(root().join(name)).unwrap()
}

/// Every Markdown file below a folder, by its path from the root.
fn below(folder: &str) -> BTreeSet<Utf8PathBuf> {
    let mut found = BTreeSet::new();
    for entry in root().join(folder).read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        let name = path.strip_prefix(root()).unwrap();
        if path.is_dir() {
            found.extend(below(name.as_str()));
        } else if path.extension() == Some("md") {
            found.insert(name.to_owned());
        }
    }
    found
}

/// The pages of one language, by their path in its tree. `docs/SUMMARY.md` is of both.
fn pages(folder: &str) -> BTreeSet<Utf8PathBuf> {
    let own = |page: &Utf8PathBuf| page != "SUMMARY.md" && !page.starts_with("ja");
    below(folder)
        .into_iter()
        .map(|page| page.strip_prefix(folder).unwrap().to_owned())
        .filter(own)
        .collect()
}

/// Lines outside of fenced code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// Depth and words of each heading.
fn headings(text: &str) -> Vec<(usize, &str)> {
    let heading = |line: &'_ str| {
        let depth = line.bytes().take_while(|b| *b == b'#').count();
        (depth > 0 && line.as_bytes().get(depth) == Some(&b' ')).then_some(depth)
    };
    prose(text).filter_map(|line| heading(line).map(|depth| (depth, &line[depth + 1..]))).collect()
}

/// The anchors of a page, as forges and mdbook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen = BTreeMap::new();
    let slug = |words: &str| -> String {
        let kept = words.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
    };
    let numbered = |(_, words): (usize, &str)| {
        let slug = slug(words);
        let count = seen.entry(slug.clone()).or_insert(0);
        *count += 1;
        if *count == 1 { slug } else { format!("{slug}-{}", *count - 1) }
    };
    headings(text).into_iter().map(numbered).collect()
}

/// The links of a page that are no addresses: the file, from the root, and the anchor.
fn links(page: &Utf8Path, text: &str) -> Vec<(Utf8PathBuf, Option<String>)> {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let code = Regex::new("`[^`]*`").unwrap();
    let mut found = Vec::new();
    for line in prose(text).filter(|line| !line.starts_with("    ")) {
        let line = code.replace_all(line, "");
        for target in link.captures_iter(&line).map(|c| c[1].to_owned()) {
            if target.contains("://") {
                continue;
            }
            let (file, anchor) =
                target.split_once('#').map_or((&*target, None), |(f, a)| (f, Some(a)));
            let mut path = if file.is_empty() { page.to_owned() } else { Utf8PathBuf::new() };
            if !file.is_empty() {
                path.extend(page.parent().unwrap());
                for part in file.split('/') {
                    if part == ".." {
                        assert!(path.pop(), "{page}: {target}")
                    } else {
                        path.push(part)
                    }
                }
            }
            found.push((path, anchor.map(str::to_owned)));
        }
    }
    found
}

#[test]
fn every_link_leads_to_a_file_and_to_a_heading_of_it() {
    let mut files = below("docs");
    files.extend(
        ["README.md", "README.ja.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md"]
            .map(Utf8PathBuf::from),
    );
    let mut count = 0;
    for page in &files {
        for (file, anchor) in links(page, &read(page)) {
            count += 1;
            assert!(root().join(&file).exists(), "{page}: there is no {file}");
            // A book has what is below docs/, and nothing else.
            assert!(
                !page.starts_with("docs") || file.starts_with("docs"),
                "{page}: {file} is not below docs/"
            );
            if let Some(anchor) = anchor {
                assert!(anchors(&read(&file)).contains(&anchor), "{page}: {file} has no #{anchor}");
            }
        }
    }
    assert!(count > 200, "{count} links are read");
}

#[test]
fn both_languages_have_the_same_pages_with_the_same_parts() {
    let (english, japanese) = (pages("docs"), pages("docs/ja"));
    assert_eq!(english, japanese);
    let depths =
        |page: &Utf8Path| headings(&read(page)).iter().map(|(d, _)| *d).collect::<Vec<_>>();
    for page in english.iter().filter(|page| !page.starts_with("reference")) {
        let (ours, theirs) =
            (Utf8Path::new("docs").join(page), Utf8Path::new("docs/ja").join(page));
        assert_eq!(depths(&ours), depths(&theirs), "{page}");
        assert_eq!(examples(&read(&ours)), examples(&read(&theirs)), "{page}");
    }
}

/// What is in fenced code, without comments.
fn examples(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            found.push(line.split('#').next().unwrap().trim_end().to_owned());
        }
    }
    found.retain(|line| !line.is_empty());
    found
}

#[test]
fn the_summary_of_the_book_lists_every_page_once() {
    let summary = Utf8Path::new("docs/SUMMARY.md");
    let listed: Vec<_> = links(summary, &read(summary)).into_iter().map(|(file, _)| file).collect();
    let mut all = below("docs");
    all.remove(summary);
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), all);
    assert_eq!(listed.len(), all.len());
}

#[test]
fn a_readme_is_a_page() {
    for name in ["README.md", "README.ja.md"] {
        assert!(read(name).len() <= 8 * 1024, "{name}: {} bytes", read(name).len());
    }
}

#[test]
fn the_example_of_envlock_toml_is_accepted() {
    for page in ["docs/how-to/spec.md", "docs/ja/how-to/spec.md"] {
        let text = read(page);
        let toml = text.split("```toml\n").nth(1).unwrap().split("\n```").next().unwrap();
        let spec = envlock::spec::parse("envlock.toml", toml);
        assert!(spec.is_ok(), "{page}: {:?}", spec.err());
    }
}

#[test]
fn both_references_describe_every_command_with_every_option() {
    for name in ["docs/reference/commands.md", "docs/ja/reference/commands.md"] {
        let commands = read(name);
        let visible = |command: &&clap::Command| !command.is_hide_set();
        for command in Cli::command().get_subcommands().filter(visible) {
            let heading = format!("\n## `envlock {}", command.get_name());
            let at = commands.find(&heading).unwrap_or_else(|| panic!("{name} lacks {heading}"));
            let own = &commands[at + 1..];
            let own = own.find("\n## ").map_or(own, |end| &own[..end]);
            for option in command.get_arguments().filter_map(clap::Arg::get_long) {
                let command = command.get_name();
                assert!(own.contains(&format!("--{option}")), "{name}, {command}: --{option}");
            }
        }
        for option in Cli::command().get_arguments().filter_map(clap::Arg::get_long) {
            assert!(commands.contains(&format!("--{option}")), "{name}: --{option}");
        }
    }
}

#[test]
fn both_references_have_the_exit_codes_in_order() {
    let codes: Vec<String> = Exit::ALL.iter().map(|(exit, _)| (*exit as u8).to_string()).collect();
    let row = Regex::new(r"(?m)^\| (\d+) \|").unwrap();
    for name in ["docs/reference/exit-codes.md", "docs/ja/reference/exit-codes.md"] {
        let text = read(name);
        let rows: Vec<_> = row.captures_iter(&text).map(|c| c[1].to_owned()).collect();
        assert_eq!(rows, codes, "{name}");
    }
}

#[test]
fn the_reference_is_what_the_program_writes() {
    for (name, text) in envlock::commands::docs::pages() {
        let file = read(Utf8Path::new("docs/reference").join(name));
        assert!(
            file == text,
            "docs/reference/{name} is of another program: run `cargo run -- docs`"
        );
    }
}

/// The keys in the tables of a page, by the heading they are under.
fn keys(page: &str) -> Vec<(String, Vec<String>)> {
    let text = read(page);
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for line in prose(&text) {
        if let Some(heading) = line.strip_prefix("## ") {
            found.push((heading.to_owned(), Vec::new()));
        } else if let (Some(row), Some((_, keys))) = (line.strip_prefix("| `"), found.last_mut()) {
            keys.push(row.split('`').next().unwrap().to_owned());
        }
    }
    found
}

#[test]
fn the_japanese_reference_has_every_key_of_envlock_toml() {
    let english = keys("docs/reference/envlock-toml.md");
    let japanese = keys("docs/ja/reference/envlock-toml.md");
    assert!(english.len() > 15, "{english:?}");
    assert_eq!(english[0].1, japanese[0].1);
    assert_eq!(english[1..], japanese[1..]);
}

#[test]
fn man_pages_are_written_for_every_command() {
    let envlock = crate::support::Envlock::new();
    envlock.run(["docs", "--man", "man"]).exits(0);
    let page = envlock.read("man/envlock-cache-prune.1");
    assert!(page.contains(".TH ENVLOCK") && page.contains("unused"), "{page}");
    for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        assert!(envlock.read(&format!("man/envlock-{name}.1")).contains(".SH SYNOPSIS"), "{name}");
    }
    assert!(!envlock.path("man/envlock-docs.1").exists());
}

/// Files that a schema's identity, an editor or a forge reads, none of which can look into Cargo.toml.
const HAVE_THE_ADDRESS: [&str; 5] = [
    "Cargo.toml",
    "config.example.yaml",
    "schemas",
    "src/spec/builtin.toml",
    "templates/envlock.yml",
];

/// Every text of the repository, by its path from the root.
fn texts(folder: &Utf8Path, found: &mut Vec<(Utf8PathBuf, String)>) {
    for entry in folder.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        let path = entry.path();
        let is_ours = !["target", ".git"].contains(&entry.file_name());
        if is_ours && entry.file_type().unwrap().is_dir() {
            texts(path, found);
        } else if let (true, Ok(text)) = (is_ours, fs_err::read_to_string(path)) {
            found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
        }
    }
}

#[test]
fn the_repositorys_address_is_the_one_of_cargo_toml_and_not_typed_elsewhere() {
    let address = env!("CARGO_PKG_REPOSITORY");
    let host = address.strip_prefix("https://").unwrap();
    let mut all = Vec::new();
    texts(root(), &mut all);
    let mut having = BTreeSet::new();
    for (path, text) in all.iter().filter(|(_, text)| text.contains(host)) {
        assert_eq!(
            text.matches(host).count(),
            text.matches(address).count(),
            "{path}: not {address}"
        );
        let first = HAVE_THE_ADDRESS.into_iter().find(|known| path.starts_with(known));
        having.insert(first.unwrap_or_else(|| panic!("{path} has the address of Cargo.toml")));
    }
    assert_eq!(having, BTreeSet::from(HAVE_THE_ADDRESS));
}
