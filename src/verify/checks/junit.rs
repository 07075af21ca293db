//! Reports as JUnit XML, which CI systems show: a suite an image, a case a check.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Check, ImageReport, Outcome};

/// The document. What is not in the lock counts as skipped: JUnit knows nothing else.
pub fn junit(reports: &[ImageReport]) -> String {
    let mut document = Report::new("envlock verify");
    document.set_time(time(reports.iter().flat_map(|report| &report.checks)));
    document.add_test_suites(reports.iter().map(suite));
    document.to_string().expect("a document in memory can always be written")
}

fn time<'a>(checks: impl IntoIterator<Item = &'a Check>) -> Duration {
    checks.into_iter().map(|check| Duration::from_secs_f64(check.seconds)).sum()
}

fn suite(report: &ImageReport) -> TestSuite {
    let mut suite = TestSuite::new(&*report.name);
    suite.set_time(time(&report.checks));
    suite.add_property(Property::new("image", report.image.to_string()));
    suite.add_test_cases(report.checks.iter().map(|check| case(&report.name, check)));
    // The library counts these as `disabled`; most readers look for `skipped`.
    suite.extra.insert("skipped".into(), suite.disabled.to_string().into());
    suite
}

fn case(suite: &str, check: &Check) -> TestCase {
    let Check { check: name, result, detail, log, .. } = check;
    let mut status = match result {
        Outcome::Ok => TestCaseStatus::success(),
        Outcome::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Outcome::Skipped | Outcome::NotLocked => TestCaseStatus::skipped(),
    };
    if *result != Outcome::Ok {
        status.set_message(&**detail);
    }
    if *result == Outcome::Failed {
        status.set_type(name.as_str());
        status.set_description(log.clone().unwrap_or_default());
    }
    let mut case = TestCase::new(name.as_str(), status);
    case.set_classname(suite).set_time(time([check]));
    if *result == Outcome::Ok {
        case.set_system_out(&**detail);
    }
    case
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
            Check::of(CheckName::Ray, Err("\"<a>\" & \u{1b}[31mred\u{1b}[0m".to_owned()))
                .after(1.5)
                .with_log("]]>\nlast \u{1}"),
            Check::not_locked(CheckName::Torch, "torch"),
        ];
        insta::assert_snapshot!(junit(&[report(checks)]));
    }

    #[test]
    fn the_document_reads_back_as_what_was_checked() {
        let two_lines = Check::of(CheckName::Files, Err("a\nb".to_owned())).with_log("x\ny");
        let skipped = Check::skipped(CheckName::Gpu, "no GPU here");
        let checks = vec![Check::new(CheckName::Python, Outcome::Ok, "3.14.2"), two_lines, skipped];
        let read = Report::deserialize_from_str(&junit(&[report(checks)])).unwrap();
        assert_eq!((read.tests, read.failures, read.errors), (3, 1, 0));
        let suite = &read.test_suites[0];
        assert_eq!((suite.tests, suite.failures, &*suite.extra["skipped"]), (3, 1, "1"));
        let TestCaseStatus::NonSuccess { message, description, ty, .. } =
            &suite.test_cases[1].status
        else {
            panic!("{suite:?}")
        };
        let text = |text: &Option<quick_junit::XmlString>| text.as_ref().map(|t| t.to_string());
        assert_eq!(text(message).as_deref(), Some("a\nb"));
        assert_eq!(
            (text(description).as_deref(), text(ty).as_deref()),
            (Some("x\ny"), Some("files"))
        );
    }
}
