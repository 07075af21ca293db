//! The registry that images go to, and the ones that bases come from.

use super::check::{Check, Level};
use crate::base_image;
use crate::commands::{Context, embedded};
use crate::net;
use crate::reference;
use crate::registry::{self, Client, Credentials};
use crate::spec::{EngineChoice, Spec};

/// A base image and the destination, asked at the same time.
pub(super) async fn checks(
    context: &Context,
    net: net::Client,
    spec: &Spec,
    asked: Option<&str>,
) -> Vec<Check> {
    let host = spec.base.runtime.split_once('/').map(|(host, _)| host);
    // A base image may be in the project's own registry; where that cannot be served, the check says so.
    let _serving = embedded::hold_for(context, host).await;
    let client = registry::client(net, &spec.registry, false);
    let destination = asked.or(spec.registry.destination.as_deref());
    let (base, destination) =
        tokio::join!(base(&client, spec), registry(context, &client, spec, destination));
    vec![base, destination]
}

async fn base(client: &Client, spec: &Spec) -> Check {
    let name = "base image";
    match base_image::pin(client, &spec.base.runtime, spec.target.platform).await {
        Ok(_) => Check::ok(name, format!("{} is there", spec.base.runtime)),
        Err(error) if error.is_unreachable() => Check::error(name, Level::Warn, &error),
        Err(error) => Check::error(name, Level::Fail, &error),
    }
}

async fn registry(
    context: &Context,
    client: &Client,
    spec: &Spec,
    destination: Option<&str>,
) -> Check {
    let name = "registry";
    let Some(destination) = destination else {
        let todo = "set [registry] destination in envlock.toml, or use --registry HOST[/PREFIX]";
        if spec.build.engine == EngineChoice::Dockerfile {
            return Check::warn(name, "no destination is set", todo);
        }
        let own = embedded::destination(context);
        return match embedded::probe(context).await {
            Ok(()) => {
                let found = format!("none is set: the layers engine fills your own, {own}");
                Check::ok(name, found)
            }
            Err(failure) => Check::error(name, Level::Warn, &*failure.report),
        };
    };
    let image = spec.images.first().map_or("envlock", |image| image.name.as_str());
    let text = format!("{}/{image}", destination.trim_end_matches('/'));
    let parsed = match reference::parse(&text) {
        Ok(parsed) => parsed,
        Err(error) => {
            return Check::fail(name, error.to_string(), "write it as HOST[:PORT][/PREFIX]");
        }
    };
    match client.ping(parsed.registry(), parsed.repository()).await {
        Ok(Credentials::Anonymous) => {
            Check::ok(name, format!("{destination} answers, no credentials are set for it"))
        }
        Ok(_) => Check::ok(name, format!("{destination} answers and takes our credentials")),
        Err(error) => Check::error(name, Level::Fail, &registry::Advised(error)),
    }
}
