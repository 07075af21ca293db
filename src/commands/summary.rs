//! The result of a run for a CI job: Markdown for its page, values for its later steps. Pure.

use std::collections::BTreeMap;

use crate::lock::Diff;
use crate::reference::PinnedReference;
use crate::spec::ImageName;

/// Longer tables are cut: the page of a job has a limit.
const ROWS: usize = 200;

/// The packages that differ, as a table; one sentence where none does.
pub(super) fn packages(diff: &Diff) -> String {
    if diff.is_empty() {
        return "No package changed.\n".to_owned();
    }
    let mut text: String = diff.environment.iter().map(|line| format!("- {line}\n")).collect();
    let size = |bytes: u64| indicatif::DecimalBytes(bytes).to_string();
    let rows = diff
        .changed
        .iter()
        .map(|c| (&c.name, c.from.to_string(), c.to.to_string(), size(c.to_size)))
        .chain(
            diff.added.iter().map(|e| (&e.name, "–".into(), e.version.to_string(), size(e.size))),
        )
        .chain(
            diff.removed.iter().map(|e| (&e.name, e.version.to_string(), "–".into(), "–".into())),
        );
    let rows: Vec<String> = rows
        .map(|(name, from, to, size)| format!("| {name} | {from} | {to} | {size} |\n"))
        .collect();
    if rows.is_empty() {
        return text;
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text += "| package | before | after | wheel |\n|---|---|---|---:|\n";
    text.extend(rows.iter().take(ROWS).map(String::as_str));
    if rows.len() > ROWS {
        text += &format!("\nand {} more\n", rows.len() - ROWS);
    }
    text
}

/// The images by digest, as a table.
pub(super) fn images(images: &BTreeMap<ImageName, PinnedReference>) -> String {
    let rows = images.iter().map(|(name, image)| format!("| {name} | `{image}` |\n"));
    "| image | reference |\n|---|---|\n".to_owned() + &rows.collect::<String>()
}

/// A unified diff in a collapsed section; nothing where it is empty.
pub(super) fn diff(title: &str, diff: &str) -> String {
    if diff.is_empty() {
        return String::new();
    }
    // A fence longer than any run of backquotes in the text.
    let fence = "`".repeat(3.max(1 + diff.split(|c| c != '`').map(str::len).max().unwrap_or(0)));
    let diff = diff.trim_end();
    format!("<details><summary>{title}</summary>\n\n{fence}diff\n{diff}\n{fence}\n\n</details>\n")
}

/// `image_ray_runtime` and `digest_ray_runtime` for each image.
pub(super) fn values(images: &BTreeMap<ImageName, PinnedReference>) -> Vec<(String, String)> {
    let values = images.iter().flat_map(|(name, image)| {
        let name: String = name
            .as_str()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        let digest = image.digest().to_string();
        [(format!("image_{name}"), image.to_string()), (format!("digest_{name}"), digest)]
    });
    values.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::lock::{Change, Entry};

    #[test]
    fn what_changed_came_and_went_is_a_table() {
        let entry = |name: &str| Entry {
            name: name.parse().unwrap(),
            version: "1.0".parse().unwrap(),
            size: 1_500_000,
        };
        let mut diff = Diff {
            added: vec![entry("numpy")],
            removed: vec![entry("pip")],
            changed: vec![Change {
                name: "ray".parse().unwrap(),
                from: "2.1".parse().unwrap(),
                to: "2.2".parse().unwrap(),
                from_size: 1,
                to_size: 2_000_000,
            }],
            environment: vec!["CUDA: cu128 → cu130".to_owned()],
        };
        assert_eq!(
            packages(&diff),
            "- CUDA: cu128 → cu130\n\n| package | before | after | wheel |\n|---|---|---|---:|\n\
             | ray | 2.1 | 2.2 | 2.00 MB |\n| numpy | – | 1.0 | 1.50 MB |\n| pip | 1.0 | – | – |\n"
        );
        diff.added = vec![entry("numpy"); 300];
        assert!(packages(&diff).ends_with("\nand 102 more\n"));
        let none = Diff { added: vec![], removed: vec![], changed: vec![], environment: vec![] };
        assert_eq!(packages(&none), "No package changed.\n");
    }

    #[test]
    fn images_have_names_that_a_shell_takes_and_no_diff_ends_its_block() {
        let pin = PinnedReference::new("r.example", "ray", Digest::of("x"));
        let images = BTreeMap::from([("ray-runtime".parse().unwrap(), pin.clone())]);
        let digest = pin.digest().to_string();
        let expected = [("image_ray_runtime", pin.to_string()), ("digest_ray_runtime", digest)];
        assert_eq!(values(&images), expected.map(|(name, value)| (name.to_owned(), value)));
        assert!(super::images(&images).contains("| ray-runtime | `r.example/ray@sha256:"));
        assert!(diff("c", "+````\n").contains("\n`````diff\n"), "{}", diff("c", "+````\n"));
        assert_eq!(diff("c", ""), "");
    }
}
