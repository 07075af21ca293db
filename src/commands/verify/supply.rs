//! `envlock verify --supply`: lock, layers, bill of materials, provenance and signatures of images, compared with
//! each other.

use crate::attestation::{self, Cosign, Finding, Verdict};
use crate::cli::Verify;
use crate::commands::Context;
use crate::exit::{Classified, CommandResult, Exit};
use crate::reference::PinnedReference;
use crate::registry::Client;
use crate::release::{self, History, Record};
use crate::reports::{self, SupplyImage, Version};
use crate::spec::{Records, Spec};
use crate::ui::Unit;

/// Checks where the images came from; nothing is started.
pub(super) async fn check(
    args: &Verify,
    context: &Context,
    spec: &Spec,
    client: &Client,
    images: Vec<PinnedReference>,
) -> CommandResult {
    let insecure = args.insecure || spec.registry.insecure;
    let cosign = match &spec.sign {
        Some(sign) => Some(Cosign::find(sign, &context.folder, insecure).await?),
        None => None,
    };
    let (_, history) = release::read_history(&context.folder)?;
    let mut results: Vec<(PinnedReference, Vec<Finding>)> = Vec::new();
    for image in images {
        let findings = match attestation::gather(client, &image, cosign.as_ref()).await {
            Ok(evidence) => {
                let mut findings = attestation::check(&evidence);
                if let Some(why) = excuse(spec.release.records, &history, &image) {
                    attestation::excuse(&mut findings, why);
                }
                if args.deep {
                    let bar = context.ui.bar("layers", None, Unit::Bytes);
                    findings.push(attestation::deep(client, &evidence, &bar).await?);
                }
                findings
            }
            // A document that cannot be read is a finding; a registry that does not answer is an error.
            Err(attestation::Error::Registry(error)) if !error.is_unreachable() => {
                let verdict = match error.exit() {
                    Exit::Integrity => Verdict::Mismatch,
                    _ => Verdict::Missing,
                };
                vec![Finding { part: "image", verdict, found: error.to_string() }]
            }
            Err(error) => return Err(error.into()),
        };
        results.push((image, findings));
    }
    if !args.deep {
        context.ui.note("the layers were asked for, not downloaded: --deep hashes their bytes");
    }
    let worst = results.iter().flat_map(|(_, f)| f).map(|f| f.verdict).max().unwrap_or(Verdict::Ok);
    let of_each = results.iter().map(|(image, findings)| SupplyImage { image, findings });
    let images = of_each.collect();
    let report =
        reports::Verify::Supply { version: Version, sound: worst < Verdict::Missing, images };
    context.result(&report, || {
        results.iter().map(|(image, findings)| render(image, findings)).collect()
    });
    Ok(match worst {
        Verdict::Ok | Verdict::Unknown => Exit::Ok,
        Verdict::Missing => Exit::Registry,
        Verdict::Mismatch => Exit::Integrity,
    })
}

/// Why the artifacts beside an image may be missing; `None`: they are required.
fn excuse(records: Records, history: &History, image: &PinnedReference) -> Option<&'static str> {
    let is_told = |record: &Record| {
        let mut names = record.images.iter().filter(|(_, known)| *known == image);
        names.any(|(name, _)| record.not_kept.contains(name))
    };
    match records {
        Records::Required => None,
        Records::None => Some("records = \"none\" puts nothing there"),
        Records::Auto => history.records.iter().any(is_told).then_some("not kept by this registry"),
    }
}

fn render(image: &PinnedReference, findings: &[Finding]) -> String {
    let mut text = format!("{image}\n");
    for Finding { part, verdict, found } in findings {
        let verdict = match verdict {
            Verdict::Ok => "ok",
            Verdict::Unknown => "?",
            Verdict::Missing => "MISSING",
            Verdict::Mismatch => "MISMATCH",
        };
        text += &format!("  {verdict:<8}  {part:<17}  {found}\n");
    }
    text
}
