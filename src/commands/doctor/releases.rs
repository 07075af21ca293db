//! Whether the kept releases still have their images: what a rollback needs.

use super::check::{Check, Level};
use crate::commands::{Context, embedded, kept};
use crate::net;
use crate::registry;
use crate::release;
use crate::retention::{self, Alive, Retention};
use crate::spec::{ImageName, Records, Spec};

const NAME: &str = "releases";

/// Asks for all images of the kept releases.
pub(super) async fn check(net: net::Client, context: &Context, spec: &Spec) -> Check {
    let history = match release::read_history(&context.folder) {
        Ok((None, _)) => return Check::ok(NAME, "none yet"),
        Ok((_, history)) => history,
        Err(error) => return Check::error(NAME, Level::Fail, &error),
    };
    let mentioned = match kept::mentioned(context, spec, &history) {
        Ok(mentioned) => mentioned,
        Err(error) => return Check::error(NAME, Level::Fail, &error),
    };
    let retention = Retention::of(&history, spec.release.keep.get(), &mentioned);
    let images = history.records.iter().flat_map(|record| record.images.values());
    let hosts: Vec<_> = images.map(|image| image.registry().to_owned()).collect();
    let _serving = embedded::hold_for(context, hosts.iter().map(String::as_str)).await;
    let client = registry::client(net, &spec.registry, false);
    let found = retention::look(&client, &history, &retention).await;
    let of = |is_listed: fn(&Alive) -> bool| -> Vec<String> {
        let list = found.iter().filter(|(.., alive)| is_listed(alive));
        list.map(|(number, name, image, _)| format!("{name} of release {number} ({image})"))
            .collect()
    };
    let unknown = found.iter().find_map(|(_, _, image, alive)| match alive {
        Alive::Unknown(why) => Some(format!("whether {image} is kept is not known: {why}")),
        _ => None,
    });
    let gone = of(|alive| *alive == Alive::Gone);
    let loose = of(|alive| matches!(alive, Alive::Untagged | Alive::Elsewhere));
    let is_told = |number: u64, name: &ImageName| {
        let record = history.records.iter().find(|record| record.number == number);
        record.is_some_and(|record| record.not_kept.contains(name))
    };
    let is_reported = spec.release.records == Records::Auto
        && found
            .iter()
            .all(|(number, name, _, alive)| *alive == Alive::Kept || is_told(*number, name));
    if !gone.is_empty() {
        let todo = "a rollback to it is refused; the env.lock of its commit and `envlock build --push` make it again";
        return Check::fail(NAME, format!("no longer in the registry: {}", gone.join(", ")), todo);
    }
    if let Some(unknown) = unknown {
        return Check::warn(NAME, unknown, "check the registry and the login");
    }
    let builds: std::collections::BTreeSet<_> = found.iter().map(|(number, ..)| number).collect();
    let there = format!("the images of {} releases are there", builds.len());
    if !loose.is_empty() && spec.release.records == Records::None {
        return Check::ok(NAME, format!("{there}; records = \"none\" gives them no tags"));
    }
    if !loose.is_empty() && is_reported {
        let todo = "its own cleaning may remove them: make an exception for them there";
        return Check::warn(
            NAME,
            format!("{there}; not kept by this registry: {}", loose.join(", ")),
            todo,
        );
    }
    if !loose.is_empty() {
        let todo =
            "jobs that delete untagged manifests may take it; the next `build --push` tags it";
        return Check::warn(NAME, format!("not kept by a tag: {}", loose.join(", ")), todo);
    }
    Check::ok(NAME, format!("{there}, and kept by tags"))
}
