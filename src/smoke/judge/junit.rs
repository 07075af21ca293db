//! Reports as JUnit XML, which CI systems show: a suite an image, a case a check.

use super::{Check, ImageReport, Outcome, Tally};

/// The document. What is not in the lock counts as skipped: JUnit knows nothing else.
pub fn junit(reports: &[ImageReport]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    text += &format!("<testsuites name=\"envlock verify\" {}>\n", counts(reports));
    for report in reports {
        let name = escaped(&report.name);
        text +=
            &format!("  <testsuite name=\"{name}\" {}>\n", counts(std::slice::from_ref(report)));
        let image = escaped(&report.image.to_string());
        text +=
            &format!("    <properties><property name=\"image\" value=\"{image}\"/></properties>\n");
        for check in &report.checks {
            text += &case(&name, check);
        }
        text += "  </testsuite>\n";
    }
    text + "</testsuites>\n"
}

fn counts(reports: &[ImageReport]) -> String {
    let Tally { ok, failed, skipped, not_locked } = Tally::of(reports);
    let skipped = skipped + not_locked;
    let seconds: f64 = reports.iter().flat_map(|r| &r.checks).map(|check| check.seconds).sum();
    let all = ok + failed + skipped;
    format!(
        "tests=\"{all}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\" time=\"{seconds:.3}\""
    )
}

fn case(suite: &str, check: &Check) -> String {
    let Check { check, result, seconds, detail, log } = check;
    let detail = escaped(detail);
    let log = log.as_deref().map(escaped).unwrap_or_default();
    let inside = match result {
        Outcome::Ok => format!("<system-out>{detail}</system-out>"),
        Outcome::Failed => {
            format!("<failure type=\"{check}\" message=\"{detail}\">{log}</failure>")
        }
        Outcome::Skipped | Outcome::NotLocked => format!("<skipped message=\"{detail}\"/>"),
    };
    format!(
        "    <testcase classname=\"{suite}\" name=\"{check}\" time=\"{seconds:.3}\">{inside}</testcase>\n"
    )
}

/// For text and attributes. What XML 1.0 has no way to write (section 2.2) becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            // A reader makes spaces of them in an attribute.
            '\n' => out += "&#10;",
            '\t' => out += "&#9;",
            '\r' => out += "&#13;",
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::CheckName;
    use super::super::check::tests::report;
    use super::*;

    #[test]
    fn every_outcome_has_its_element_and_nothing_breaks_out_of_it() {
        let checks = vec![
            Check::new(CheckName::Python, Outcome::Ok, "3.14.2"),
            Check::of(CheckName::Ray, Err("\"<a>\" & \u{1b}[31mred".to_owned()))
                .after(1.5)
                .with_log("]]>\nlast"),
            Check::not_locked(CheckName::Torch, "torch"),
        ];
        insta::assert_snapshot!(junit(&[report(checks)]));
    }
}
