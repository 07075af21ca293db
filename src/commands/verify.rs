//! `envlock verify --supply`: lock, layers, bill of materials, provenance and signatures of images, held against each
//! other.

use serde_json::json;

use super::{Context, embedded, kept};
use crate::cli::Verify;
use crate::exit::{Classified, CommandResult, Exit, Failure};
use crate::proof::{self, Cosign, Finding, Verdict};
use crate::reference::PinnedReference;
use crate::release;
use crate::ui::Unit;

/// Runs `envlock verify`.
pub async fn run(args: Verify, context: &Context) -> CommandResult {
    let spec = context.spec()?;
    let client = context.registry(&spec, args.insecure)?;
    let (_, history) = release::read_history(&context.folder)?;
    let mut images: Vec<PinnedReference> = Vec::new();
    for image in &args.images {
        images.push(kept::find_image(context, &spec, &client, &history, image).await?);
    }
    if args.images.is_empty() {
        images.extend(history.current()?.images.into_values());
    }
    if images.is_empty() {
        let message =
            "no image is named, and nothing was released here: name one, HOST/NAME@sha256:…";
        return Err(Failure::message(Exit::Usage, message));
    }
    let hosts = images.iter().map(PinnedReference::registry);
    let _serving = embedded::hold_for(context, hosts).await?;
    let insecure = args.insecure || spec.registry.insecure;
    let cosign = match &spec.sign {
        Some(sign) => Some(Cosign::find(sign, &context.folder, insecure).await?),
        None => None,
    };
    let mut results: Vec<(PinnedReference, Vec<Finding>)> = Vec::new();
    for image in images {
        let findings = match proof::gather(&client, &image, cosign.as_ref()).await {
            Ok(evidence) => {
                let mut findings = proof::judge(&evidence);
                if args.deep {
                    let bar = context.ui.bar("layers", Some(0), Unit::Bytes);
                    findings.push(proof::deep(&client, &evidence, &bar).await?);
                }
                findings
            }
            // What cannot be read at all is a finding; a registry that does not answer is none.
            Err(proof::Error::Registry(error)) if !error.is_unreachable() => {
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
    if context.ui.wants_json() {
        let list: Vec<_> = results
            .iter()
            .map(|(image, findings)| json!({ "image": image, "findings": findings }))
            .collect();
        context
            .ui
            .json(&json!({ "version": 1, "sound": worst < Verdict::Missing, "images": list }));
    } else {
        let text: String =
            results.iter().map(|(image, findings)| render(image, findings)).collect();
        context.ui.result(text);
    }
    Ok(match worst {
        Verdict::Ok | Verdict::Unknown => Exit::Ok,
        Verdict::Missing => Exit::Registry,
        Verdict::Mismatch => Exit::Integrity,
    })
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
