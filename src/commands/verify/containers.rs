//! Checks in containers: gathers what each image is compared with, then runs all of them.

use super::subject::subject;
use super::trial::Trial;
use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::reference::PinnedReference;
use crate::release;
use crate::verify;
use crate::verify::checks::{self, ImageReport, Outcome, Tally};

impl Trial<'_> {
    /// Runs all images.
    pub(in crate::commands) async fn of(
        &self,
        context: &Context,
        images: impl IntoIterator<Item = &PinnedReference>,
    ) -> Result<Vec<ImageReport>, Failure> {
        let (_, history) = release::read_history(&context.folder)?;
        let mut subjects = Vec::new();
        for image in images {
            subjects.push(subject(context, self, &history, image).await?);
        }
        Ok(verify::run(self.runtime, &subjects, &self.selection, &context.ui).await?)
    }
}

/// For a build, whose images are in their registry.
///
/// # Errors
/// A check failed, and no file may name the images; the table and every failure are reported.
pub(in crate::commands) async fn before_release(
    context: &Context,
    trial: Trial<'_>,
    images: impl IntoIterator<Item = &PinnedReference>,
) -> Result<(), Failure> {
    let reports = trial.of(context, images).await?;
    let (tally, exit) = (Tally::of(&reports), Tally::exit(&reports));
    if exit == Exit::Ok {
        context.ui.note(format!("verified: {tally}"));
        return Ok(());
    }
    context.ui.note(checks::table(&reports));
    context.ui.summary(|| checks::markdown(&reports));
    let checks = reports.iter().flat_map(|report| report.checks.iter().map(move |c| (report, c)));
    let failed: String = checks
        .filter(|(_, check)| check.result == Outcome::Failed)
        .map(|(report, check)| format!("\n  {}, {}: {}", report.name, check.check, check.detail))
        .collect();
    let report = miette::miette!(
        help = "the images stay in the registry, where `envlock verify IMAGE` can look at them again; --no-verify \
                releases them all the same",
        "images failed their checks, so no file names them ({tally}):{failed}"
    );
    Err(Failure { exit, report })
}
