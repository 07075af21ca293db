//! Reports as a table: for a terminal, and for the page of a CI job.

use super::{Check, ImageReport, Outcome, Tally};

/// Lines of a log are cut at this width.
const WIDEST: usize = 200;

/// Columns that line up, one line a check, logs of failures at the end.
pub fn table(reports: &[ImageReport]) -> String {
    let names: Vec<String> = named(reports);
    let rows = reports
        .iter()
        .zip(&names)
        .flat_map(|(report, name)| report.checks.iter().map(move |check| (name.as_str(), check)));
    let rows: Vec<(&str, &Check)> = rows.collect();
    let widest = names.iter().map(String::len).max().unwrap_or_default();
    let mut text = String::new();
    for report in reports.iter().zip(&names) {
        text += &format!("{}: {}\n", report.1, report.0.image);
    }
    text +=
        &format!("\n{:<8} {:<10} {:<widest$} {:>8}  found\n", "result", "check", "image", "time");
    for (name, check) in &rows {
        let Check { check, result, seconds, detail, .. } = check;
        let time = format!("{seconds:.1} s");
        text += &format!("{result:<8} {check:<10} {name:<widest$} {time:>8}  {detail}\n");
    }
    for (name, check) in rows {
        let Some(log) = &check.log else { continue };
        text += &format!("\n{} of {name}, its last lines:\n", check.check);
        for line in log.lines() {
            let line: String = line.chars().take(WIDEST).collect();
            text += &format!("    {line}\n");
        }
    }
    text + &format!("\n{}\n", Tally::of(reports))
}

/// Names of the images for the table: their own where these differ, else with a part of the digest.
fn named(reports: &[ImageReport]) -> Vec<String> {
    let is_alone = |name: &str| reports.iter().filter(|other| other.name == name).count() == 1;
    let short = |report: &ImageReport| report.image.digest().hex()[..7].to_owned();
    let name = |report: &ImageReport| match is_alone(&report.name) {
        true => report.name.clone(),
        false => format!("{}@{}", report.name, short(report)),
    };
    reports.iter().map(name).collect()
}

/// The same in Markdown.
pub fn markdown(reports: &[ImageReport]) -> String {
    let names = named(reports);
    let mut text = format!(
        "## Verified images: {}\n\n| result | check | image | time | found |\n|---|---|---|---:|---|\n",
        Tally::of(reports)
    );
    for (report, name) in reports.iter().zip(&names) {
        for Check { check, result, seconds, detail, .. } in &report.checks {
            let result = match result {
                Outcome::Failed => "**FAILED**".to_owned(),
                other => other.to_string(),
            };
            let detail = detail.replace('|', "\\|").replace('\n', " ");
            text += &format!("| {result} | {check} | {name} | {seconds:.1} s | {detail} |\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::CheckName;
    use super::super::check::tests::report;
    use super::*;

    #[test]
    fn a_table_lines_up_and_ends_with_logs_and_a_count() {
        let checks = vec![
            Check::new(CheckName::Python, Outcome::Ok, "3.14.2"),
            Check::of(CheckName::Ray, Err("it ended".to_owned())).after(12.34).with_log("a\nb\n"),
            Check::not_locked(CheckName::Torch, "torch"),
            Check::skipped(CheckName::Gpu, "no GPU here"),
        ];
        let one = report(checks.clone());
        insta::assert_snapshot!(table(std::slice::from_ref(&one)));
        let both = table(&[one, ImageReport { image: other(), ..report(checks) }]);
        assert!(both.contains("2 ok, 2 failed, 2 skipped, 2 not in the lock"), "{both}");
        assert!(both.contains(" ray-runtime@"), "{both}");
    }

    fn other() -> crate::reference::PinnedReference {
        let digest = crate::digest::Digest::of("y");
        format!("localhost:5000/team/ray-runtime@{digest}").parse().unwrap()
    }

    #[test]
    fn a_cell_of_markdown_stays_one_cell() {
        let checks = vec![Check::of(CheckName::Packages, Err("a | b\nc".to_owned()))];
        let text = markdown(&[report(checks)]);
        let last = "| **FAILED** | packages | ray-runtime | 0.0 s | a \\| b c |\n";
        assert!(text.ends_with(last), "{text}");
    }
}
