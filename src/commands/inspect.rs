//! `envlock inspect`: what is known of an image, and the lock it was built from.

use super::{Context, embedded, kept};
use crate::attestation::{self, Evidence, LockFound};
use crate::cli::Inspect;
use crate::digest::Sha256;
use crate::exit::{CommandResult, Exit};
use crate::lock::Package;
use crate::registry::Referrer;
use crate::release;
use crate::reports;

pub async fn run(args: Inspect, context: &Context) -> CommandResult {
    let spec = context.spec()?;
    let client = context.registry(&spec, args.insecure)?;
    let (_, history) = release::read_history(&context.folder)?;
    let image = kept::find_image(context, &spec, &client, &history, &args.image).await?;
    let _serving = embedded::hold_for(context, [image.registry()]).await?;
    let evidence = attestation::gather(&client, &image, None).await?;
    let lock = attestation::lock_of(&evidence, &context.folder, &history);
    if args.lock {
        // Byte for byte: a lock always ends with a line break.
        context.ui.result(lock?.text);
        return Ok(Exit::Ok);
    }
    // An image without its lock can still be shown.
    let lock = match lock {
        Ok(found) => Some(found),
        Err(error @ attestation::Error::OtherLock { .. }) => return Err(error.into()),
        Err(error) => {
            context.ui.warn(error.to_string());
            None
        }
    };
    context.result(&report(&evidence, lock.as_ref()), || render(&evidence, lock.as_ref()));
    Ok(Exit::Ok)
}

fn labels(evidence: &Evidence) -> Vec<(&str, &str)> {
    let labels = evidence.config["config"]["Labels"].as_object();
    let pairs = labels
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));
    pairs.collect()
}

fn report<'a>(evidence: &'a Evidence, lock: Option<&'a LockFound>) -> reports::Inspect<'a> {
    let pins = lock.map(|found| found.lock.layers.as_slice()).unwrap_or_default();
    let layers = evidence.manifest.layers.iter().map(|layer| {
        let pin = pins.iter().find(|pin| pin.digest == layer.digest);
        let name = pin.map(|pin| pin.name.as_str());
        reports::Layer { digest: layer.digest, size: layer.size, name }
    });
    let package = |package: &'a Package| reports::Package {
        name: &package.name,
        version: package.version.to_string(),
    };
    reports::Inspect {
        version: reports::Version,
        image: &evidence.image,
        digest: evidence.image.digest(),
        base: evidence.base(),
        created: evidence.config["created"].as_str(),
        labels: labels(evidence).into_iter().collect(),
        releases: &evidence.releases,
        lock: lock.map(|found| reports::Lock {
            sha256: Sha256::of(&found.text),
            from: &found.from,
            packages: found.lock.packages.iter().map(package).collect(),
        }),
        layers: layers.collect(),
        referrers: evidence.referrers.iter().map(referrer).collect(),
    }
}

fn referrer(referrer: &Referrer) -> reports::Referrer<'_> {
    let Referrer { media_type, digest, size, artifact_type, annotations } = referrer;
    let (digest, size) = (*digest, *size);
    reports::Referrer { media_type, digest, size, artifact_type, annotations }
}

fn render(evidence: &Evidence, lock: Option<&LockFound>) -> String {
    let size: u64 = evidence.manifest.layers.iter().map(|layer| layer.size).sum();
    let count = evidence.manifest.layers.len();
    let mut text = format!("{}\n", evidence.image);
    let mut line = |name: &str, value: String| text += &format!("  {name:<10} {value}\n");
    line("layers", format!("{count}, {}", indicatif::DecimalBytes(size)));
    if let Some(base) = evidence.base() {
        line("base", base.to_string());
    }
    let releases: Vec<_> = evidence.releases.iter().map(u64::to_string).collect();
    if !releases.is_empty() {
        line("releases", releases.join(", "));
    }
    if let Some(found) = lock {
        let (sha256, packages) = (Sha256::of(&found.text), found.lock.packages.len());
        line("lock", format!("sha256 {sha256}, {packages} packages, {}", found.from));
    }
    for (name, value) in labels(evidence) {
        if let Some(short) =
            name.strip_prefix("dev.envlock.").and_then(|n| n.strip_suffix(".version"))
        {
            line(short, value.to_owned());
        }
    }
    for referrer in &evidence.referrers {
        let kind =
            if referrer.artifact_type.is_empty() { "(no type)" } else { &referrer.artifact_type };
        line("beside it", format!("{kind} {}", referrer.digest));
    }
    text
}
