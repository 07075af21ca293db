//! Plan → input of BuildKit: a bake file with all images in one graph, or the line for a manual build.

use serde_json::{Map, Value, json};

use super::{ImagePlan, Plan};

/// The paths of a build's inputs, relative to the folder that `docker` is started in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The folder that holds the Dockerfile and `docker/`.
    pub context: String,
    /// The folder with one folder for each group.
    pub envlock: String,
}

/// Where the images go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// To the repository of the plan, by digest, without a tag. Plain http when `insecure`.
    Push {
        /// Plain http is allowed.
        insecure: bool,
    },
    /// Into the local Docker, as `NAME:lock-…`.
    Load,
}

/// Proxies of the user's docker config become build arguments, and may hold credentials: none of them
/// enters a build.
const PROXIES: [&str; 10] = [
    "ALL_PROXY",
    "FTP_PROXY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "all_proxy",
    "ftp_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Several times faster than BuildKit's gzip. It is the same for both uses: BuildKit keeps the compression of
/// a layer it already has, and the digest must not depend on what was built first.
const COMPRESSION: &str = "compression=zstd,compression-level=3";

/// The bake file: one target an image. Attestations stay outside: inside an image they change its digest.
pub fn bake(plan: &Plan, places: &Places, r#use: Use) -> Value {
    let mut args: Map<String, Value> =
        PROXIES.iter().map(|p| ((*p).to_owned(), json!(""))).collect();
    args.extend(plan.args.iter().map(|(name, value)| (name.clone(), json!(value))));
    let target = |image: &ImagePlan| {
        let mut target = json!({
            "context": places.context,
            "contexts": { "envlock": places.envlock },
            "target": image.name.as_str(),
            "platforms": [plan.platform],
            "args": args,
            "attest": ["type=provenance,disabled=true", "type=sbom,disabled=true"],
            "output": [output(image, r#use)],
        });
        if r#use == Use::Load {
            target["tags"] = json!([format!("{}:{}", image.name, plan.tag())]);
        }
        (image.name.to_string(), target)
    };
    let targets: Map<String, Value> = plan.images.iter().map(target).collect();
    let names: Vec<&String> = targets.keys().collect();
    json!({ "group": { "default": { "targets": names } }, "target": targets })
}

fn output(image: &ImagePlan, r#use: Use) -> String {
    match (r#use, &image.repository) {
        (Use::Push { insecure }, Some(repository)) => {
            let http = if insecure { ",registry.insecure=true" } else { "" };
            format!(
                "type=image,name={repository},push=true,push-by-digest=true,name-canonical=true,store=false,\
                 oci-mediatypes=true,{COMPRESSION}{http}"
            )
        }
        _ => format!("type=docker,{COMPRESSION}"),
    }
}

/// The text of `build.args`: the arguments of `docker build`, one a line.
pub fn build_args(plan: &Plan) -> String {
    plan.args.iter().map(|(name, value)| format!("--build-arg {name}={value}\n")).collect()
}

/// The command line that builds `image` without envlock.
pub fn command_line(plan: &Plan, places: &Places, image: &ImagePlan, args_file: &str) -> String {
    format!(
        "docker build --target {name} -t {name}:{tag} --build-context envlock={envlock} $(cat {args_file}) {context}",
        name = image.name,
        tag = plan.tag(),
        envlock = places.envlock,
        context = places.context,
    )
}

#[cfg(test)]
mod tests {
    use super::super::planning::tests::sample_plan;
    use super::*;

    fn places() -> Places {
        Places { context: ".".to_owned(), envlock: ".envlock/context".to_owned() }
    }

    #[test]
    fn both_images_are_pushed_by_digest_in_one_graph() {
        let plan = sample_plan(&[], Some("127.0.0.1:5000/team")).unwrap();
        let file = bake(&plan, &places(), Use::Push { insecure: false });
        insta::assert_snapshot!(serde_json::to_string_pretty(&file).unwrap());
        let http = bake(&plan, &places(), Use::Push { insecure: true });
        let output = &http["target"]["ray-runtime"]["output"][0];
        assert!(output.as_str().unwrap().ends_with(",registry.insecure=true"), "{output}");
    }

    #[test]
    fn without_a_push_the_images_are_loaded_under_the_locks_tag() {
        let plan = sample_plan(&["ray-runtime"], None).unwrap();
        let target = &bake(&plan, &places(), Use::Load)["target"]["ray-runtime"];
        assert_eq!(target["output"], json!(["type=docker,compression=zstd,compression-level=3"]));
        assert_eq!(target["tags"], json!([format!("ray-runtime:{}", plan.tag())]));
    }

    #[test]
    fn the_arguments_survive_the_shells_word_splitting() {
        let plan = sample_plan(&[], None).unwrap();
        let text = build_args(&plan);
        assert_eq!(text.split_whitespace().count(), 2 * plan.args.len(), "{text}");
        assert!(!text.contains(['*', '?', '[', '"', '\'', '$', '`', '\\']), "{text}");
        let line = command_line(&plan, &places(), &plan.images[0], ".envlock/build.args");
        assert_eq!(
            line,
            format!(
                "docker build --target ray-runtime -t ray-runtime:{} --build-context envlock=.envlock/context \
                 $(cat .envlock/build.args) .",
                plan.tag()
            )
        );
    }
}
