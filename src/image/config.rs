//! The documents of an image that the `layers` engine makes: its base's config and manifest with our layers and
//! settings, in the form of the OCI image spec 1.1. The same input gives the same bytes.

use serde_json::{Map, Value, json};

use super::{Error, ImagePlan, Plan, Stages};
use crate::digest::Digest;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// The PATH that BuildKit sets where a base has none.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A base image's documents, as its registry has them.
#[derive(Debug, Clone, Copy)]
pub struct BaseDocuments<'a> {
    /// The manifest's bytes.
    pub manifest: &'a [u8],
    /// The config's bytes.
    pub config: &'a [u8],
}

/// A layer that envlock made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedLayer {
    /// Its name for people.
    pub name: String,
    /// `application/vnd.oci.image.layer.v1.tar+gzip`
    pub media_type: String,
    /// Of its bytes as they are stored.
    pub digest: Digest,
    /// Bytes, as they are stored.
    pub size: u64,
    /// Of its tar file.
    pub diff_id: Digest,
}

/// The documents that are pushed beside the layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// The image's config.
    pub config: Vec<u8>,
    /// The image's manifest: its digest is the image's.
    pub manifest: Vec<u8>,
}

/// The documents of `image` on its base, with these layers from the lowest on.
///
/// # Errors
///
/// [`Error::Foreign`] for stages that only BuildKit can carry out, [`Error::Base`] for documents that cannot be
/// continued.
pub fn documents(
    plan: &Plan,
    image: &ImagePlan,
    stages: &Stages,
    base: BaseDocuments,
    layers: &[AddedLayer],
) -> Result<Documents, Error> {
    let unusable = |cause: String| Error::Base { base: image.base.to_string(), cause };
    let below = base_layers(base.manifest).map_err(unusable)?;
    let mut config: Map<String, Value> =
        serde_json::from_slice(base.config).map_err(|e| unusable(format!("its config: {e}")))?;
    continue_root(&mut config, below.len(), layers).map_err(unusable)?;

    let run = config.entry("config").or_insert_with(|| json!({}));
    if run.is_null() {
        *run = json!({});
    }
    let run =
        run.as_object_mut().ok_or_else(|| unusable("its config is not an object".to_owned()))?;
    if run.get("OnBuild").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
        return Err(unusable("it has ONBUILD instructions, which are steps of a build".to_owned()));
    }
    let env = run.get("Env").and_then(Value::as_array).into_iter().flatten();
    let mut env: Vec<(String, String)> = env
        .filter_map(|e| e.as_str()?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    if !env.iter().any(|(name, _)| name == "PATH") {
        env.push(("PATH".to_owned(), PATH.to_owned()));
    }
    let settings = stages.settings(plan, image, &env).map_err(|instructions| Error::Foreign {
        dockerfile: stages.dockerfile.clone(),
        image: image.name.clone(),
        instructions,
    })?;

    let env: Vec<_> = settings.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    run.insert("Env".to_owned(), json!(env));
    let mut set = |key: &str, value: Option<Value>| {
        value.map(|value| run.insert(key.to_owned(), value));
    };
    set("User", settings.user.map(Value::from));
    set("WorkingDir", settings.folder.map(Value::from));
    set("Entrypoint", settings.entrypoint.map(|command| json!(command)));
    set("Cmd", settings.cmd.map(|command| json!(command)));
    set("StopSignal", settings.stop_signal.map(Value::from));
    let ports = settings.ports.into_iter().map(|port| (port, json!({}))).collect();
    merge(run, "ExposedPorts", ports);
    let labels = settings.labels.into_iter().map(|(name, value)| (name, json!(value))).collect();
    merge(run, "Labels", labels);

    let created = jiff::Timestamp::from_second(plan.source_date_epoch).unwrap_or_default();
    let created = created.to_string();
    let steps = layers.iter().map(|layer| (format!("envlock layer {}", layer.name), false));
    let steps = steps.chain(settings.history.into_iter().map(|line| (line, true)));
    continue_history(&mut config, below.len(), &created, steps);
    config.insert("created".to_owned(), json!(created));
    let config = to_bytes(&Value::Object(config));

    let own = layers.iter().map(|layer| {
        json!({ "mediaType": layer.media_type, "digest": layer.digest, "size": layer.size })
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": { "mediaType": CONFIG, "digest": Digest::of(&config), "size": config.len() },
        "layers": below.into_iter().chain(own).collect::<Vec<_>>(),
    });
    Ok(Documents { manifest: to_bytes(&manifest), config })
}

fn to_bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// The layers of a base's manifest, named as OCI names them.
fn base_layers(manifest: &[u8]) -> Result<Vec<Value>, String> {
    let manifest: Value =
        serde_json::from_slice(manifest).map_err(|e| format!("its manifest: {e}"))?;
    let layers = manifest["layers"].as_array().ok_or("its manifest has no layers")?;
    let layer = |layer: &Value| {
        let said = layer["mediaType"].as_str().unwrap_or_default();
        let oci = "application/vnd.oci.image.layer.";
        let media_type = match said {
            "application/vnd.docker.image.rootfs.diff.tar" => format!("{oci}v1.tar"),
            "application/vnd.docker.image.rootfs.diff.tar.gzip" => format!("{oci}v1.tar+gzip"),
            "application/vnd.docker.image.rootfs.diff.tar.zstd" => format!("{oci}v1.tar+zstd"),
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" => {
                format!("{oci}nondistributable.v1.tar+gzip")
            }
            other if other.starts_with(oci) => other.to_owned(),
            other => return Err(format!("its manifest has a layer of the type `{other}`")),
        };
        let mut layer = layer.clone();
        layer["mediaType"] = json!(media_type);
        Ok(layer)
    };
    layers.iter().map(layer).collect()
}

/// `rootfs`: the digests of the unpacked layers.
fn continue_root(
    config: &mut Map<String, Value>,
    base_layers: usize,
    layers: &[AddedLayer],
) -> Result<(), String> {
    let known = config.get_mut("rootfs").and_then(|root| root.get_mut("diff_ids"));
    let known = known.and_then(Value::as_array_mut).ok_or("its config has no rootfs.diff_ids")?;
    if known.len() != base_layers {
        let count = known.len();
        return Err(format!("its config has {count} layers, its manifest has {base_layers}"));
    }
    known.extend(layers.iter().map(|layer| json!(layer.diff_id)));
    Ok(())
}

/// A step for every layer and instruction. A history must have all layers or be left out, so what the
/// base left out is filled in.
fn continue_history(
    config: &mut Map<String, Value>,
    base_layers: usize,
    created: &str,
    steps: impl Iterator<Item = (String, bool)>,
) {
    let known = config.remove("history").and_then(|known| known.as_array().cloned());
    let mut history = known.unwrap_or_default();
    let told = history.iter().filter(|step| step["empty_layer"] != json!(true)).count();
    if told != base_layers {
        let step = json!({ "created": created, "created_by": "the base image" });
        history = vec![step; base_layers];
    }
    history.extend(steps.map(|(what, empty)| {
        let mut step = json!({ "created": created, "created_by": what, "comment": "envlock" });
        if empty {
            step["empty_layer"] = json!(true);
        }
        step
    }));
    config.insert("history".to_owned(), json!(history));
}

fn merge(run: &mut Map<String, Value>, key: &str, more: Map<String, Value>) {
    if more.is_empty() {
        return;
    }
    let known = run.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
    let mut all: Vec<_> = known.into_iter().filter(|(k, _)| !more.contains_key(k)).collect();
    all.extend(more);
    all.sort_by(|a, b| a.0.cmp(&b.0));
    run.insert(key.to_owned(), Value::Object(all.into_iter().collect()));
}

#[cfg(test)]
mod tests {
    use super::super::planning::tests::sample_plan;
    use super::*;

    const DOCKERFILE: &str = include_str!("../../Dockerfile");
    const BASE: &str = r#"{"architecture":"amd64","os":"linux","variant":"v1","config":{"Env":["PATH=/bin","LANG=C"],
        "Entrypoint":["/start"],"Labels":{"maintainer":"them"},"Healthcheck":{"Test":["NONE"]}},
        "rootfs":{"type":"layers","diff_ids":["sha256:aa"]},"history":[{"created_by":"ADD x /"},
        {"created_by":"CMD","empty_layer":true}],"docker_version":"20"}"#;

    fn manifest(media_type: &str) -> String {
        let digest = Digest::of("base");
        format!(
            r#"{{"schemaVersion":2,"layers":[{{"mediaType":"{media_type}","size":7,"digest":"{digest}"}}]}}"#
        )
    }

    fn made(image: usize, manifest: &str, config: &str) -> Result<Documents, Error> {
        let plan = sample_plan(&[], None).unwrap();
        let stages = Stages::read("Dockerfile", DOCKERFILE);
        let layer = |name: &str| AddedLayer {
            name: name.to_owned(),
            media_type: "application/vnd.oci.image.layer.v1.tar+gzip".to_owned(),
            digest: Digest::of(name),
            size: 5,
            diff_id: Digest::of(format!("{name}.tar")),
        };
        let layers = ["system", "python", "torch"].map(layer);
        let base = BaseDocuments { manifest: manifest.as_bytes(), config: config.as_bytes() };
        documents(&plan, &plan.images[image], &stages, base, &layers)
    }

    #[test]
    fn a_base_is_continued_and_what_is_not_ours_stays() {
        let manifest = manifest("application/vnd.docker.image.rootfs.diff.tar.gzip");
        let made = made(1, &manifest, BASE).unwrap();
        let pretty = |bytes: &[u8]| {
            let value: Value = serde_json::from_slice(bytes).unwrap();
            serde_json::to_string_pretty(&value).unwrap()
        };
        insta::assert_snapshot!(pretty(&made.config) + "\n" + &pretty(&made.manifest));
    }

    #[test]
    fn the_same_input_gives_the_same_bytes_and_a_base_without_settings_gets_ours() {
        let manifest = manifest("application/vnd.oci.image.layer.v1.tar+zstd");
        let bare = r#"{"os":"linux","config":null,"rootfs":{"diff_ids":["sha256:aa"]}}"#;
        let one = made(0, &manifest, bare).unwrap();
        assert_eq!(one, made(0, &manifest, bare).unwrap());
        let config: Value = serde_json::from_slice(&one.config).unwrap();
        assert_eq!(config["config"]["User"], "ray");
        let path = format!("PATH=/opt/conda/envs/py/bin:/opt/conda/bin:{PATH}");
        assert_eq!(config["config"]["Env"][0], path);
        let layers = config["history"].as_array().unwrap();
        let layers = layers.iter().filter(|step| step["empty_layer"] != true).count();
        assert_eq!(layers, 4, "as many steps with a layer as layers");
    }

    #[test]
    fn a_base_that_cannot_be_continued_is_refused() {
        let good = manifest("application/vnd.oci.image.layer.v1.tar+gzip");
        let trigger = BASE.replace("\"Entrypoint\"", "\"OnBuild\":[\"RUN x\"],\"Entrypoint\"");
        let more = BASE.replace("\"sha256:aa\"", "\"sha256:aa\",\"sha256:bb\"");
        for (manifest, config, why) in [
            (good.as_str(), "{}", "diff_ids"),
            (&good, &trigger, "ONBUILD"),
            (&good, &more, "2 layers"),
            (&manifest("text/plain"), BASE, "text/plain"),
            ("{}", BASE, "no layers"),
        ] {
            let error = made(0, manifest, config).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
