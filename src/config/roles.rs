//! Finds the values that name images, and the `build.enabled` that must be false beside them.
//!
//! An image by digest cannot be the tag of a build: where the platform would also build it,
//! `build.enabled` becomes `false`. Absent means false. `services.ray.cpu` and `.gpu` without an image
//! or build of their own take those of `services.ray`.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use yaml_scalar_edit::{Document, Edit, Scalar, Value};

use super::{ConfigPath, Error};
use crate::reference::PinnedReference;
use crate::spec::{ConfigSpec, ImageName};

/// One place that names an image, as the file is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The file, relative to the project folder.
    pub file: Utf8PathBuf,
    /// Where in it.
    pub path: ConfigPath,
    /// The image that belongs there.
    pub image: ImageName,
    /// The present value: a reference, or nothing.
    pub value: Option<String>,
    /// Where a service with this image says whether it is built, and whether it is. A compose file has no switch: its
    /// `build` alone says so.
    pub builds: BTreeMap<ConfigPath, bool>,
}

/// The files that name images, by their names relative to the project folder.
pub type Files = BTreeMap<Utf8PathBuf, Vec<u8>>;

/// A service: the path of its image, and what says whether it is built.
struct Service {
    role: ConfigPath,
    image: ImageName,
    build: Option<(ConfigPath, bool)>,
    /// A `build` as compose files have it, without a switch.
    composed: Option<ConfigPath>,
}

impl Role {
    /// What in a compose file still builds an image in this place: `docker compose build` and `up --build` refuse
    /// to give it a digest for a name.
    pub fn composed(&self) -> impl Iterator<Item = &ConfigPath> {
        self.builds.keys().filter(|path| path.key() == BUILD)
    }
}

const BUILD: &str = "build";

/// The roles of these files, by file and path.
///
/// # Errors
/// [`Error`] when one cannot be read, or a role of the spec is no path in it.
pub fn current(files: &Files, spec: &ConfigSpec) -> Result<Vec<Role>, Error> {
    let mut roles: BTreeMap<(&Utf8Path, ConfigPath), Role> = BTreeMap::new();
    for (file, text) in files {
        let found = roles_in(file, text, spec).map_err(|error| error.in_file(file.as_str()))?;
        for (role, build) in found {
            let key = (file.as_path(), role.path.clone());
            roles.entry(key).or_insert(role).builds.extend(build);
        }
    }
    Ok(roles.into_values().collect())
}

type Builds = Vec<(ConfigPath, bool)>;

fn roles_in(file: &Utf8Path, text: &[u8], spec: &ConfigSpec) -> Result<Vec<(Role, Builds)>, Error> {
    let document = super::parse(text)?;
    let services = services(&document, file, spec)?.into_iter().map(|service| {
        let value = get(&document, &service.role)?.and_then(Scalar::from_value);
        let value = value.as_ref().and_then(Scalar::as_str).map(str::to_owned);
        let (file, path, image) = (file.to_owned(), service.role, service.image);
        let composed = service.composed.map(|path| (path, true));
        let builds = service.build.into_iter().chain(composed).collect();
        Ok((Role { file, path, image, value, builds: BTreeMap::new() }, builds))
    });
    services.collect()
}

/// The edits that put these images in their roles, by file. A role whose image is not among them is left alone.
///
/// # Errors
/// [`Error`] when a file cannot be read, an image has no role in any, or services that keep building share their
/// `build` with one that must not.
pub fn plan(
    files: &Files,
    spec: &ConfigSpec,
    images: &BTreeMap<ImageName, PinnedReference>,
) -> Result<BTreeMap<Utf8PathBuf, Vec<Edit>>, Error> {
    let mut edits = BTreeMap::new();
    let mut used = BTreeSet::new();
    for (file, text) in files {
        let planned = plan_in(file, text, spec, images, &mut used);
        edits.insert(file.clone(), planned.map_err(|error| error.in_file(file.as_str()))?);
    }
    let idle = images.keys().find(|image| !used.contains(image));
    // Roles that the spec names are all that the user asks for; an image they leave out is only a base.
    if let (Some(image), true, Some(text)) = (idle, spec.roles.is_empty(), files.get(&spec.path)) {
        let message = format!("no place for the image {image} in this file");
        let help = format!(
            "add services.ray or services.marimo, or say where it goes in envlock.toml:\n\
             [config.roles]\n\"services.NAME.image\" = \"{image}\""
        );
        let refused = Error::refused(&String::from_utf8_lossy(text), None, message, help);
        return Err(refused.in_file(spec.path.as_str()));
    }
    Ok(edits)
}

fn plan_in<'i>(
    file: &Utf8Path,
    text: &[u8],
    spec: &ConfigSpec,
    images: &'i BTreeMap<ImageName, PinnedReference>,
    used: &mut BTreeSet<&'i ImageName>,
) -> Result<Vec<Edit>, Error> {
    let document = super::parse(text)?;
    let services = services(&document, file, spec)?;
    let mut edits = BTreeMap::new();
    for service in &services {
        let Some((name, reference)) = images.get_key_value(&service.image) else { continue };
        used.insert(name);
        edits.insert(service.role.clone(), Scalar::String(reference.to_string()));
        if let Some((path, true)) = &service.build {
            let keeps = services.iter().find(|other| {
                !images.contains_key(&other.image)
                    && other.build.as_ref().is_some_and(|(p, _)| p == path)
            });
            if let Some(other) = keeps {
                let message = format!(
                    "{path} must be false for {}, and {} is built by it too",
                    service.role, other.role
                );
                let help = "give each service a `build` of its own, then run again";
                return Err(Error::refused(document.text(), None, message, help));
            }
            edits.insert(path.clone(), Scalar::Bool(false));
        }
    }
    let edit = |(path, value)| Edit { path, value: Some(value), text: None };
    Ok(edits.into_iter().map(edit).collect())
}

fn services(
    document: &Document<'_>,
    file: &Utf8Path,
    spec: &ConfigSpec,
) -> Result<Vec<Service>, Error> {
    let mut found = Vec::new();
    if file == spec.path && spec.roles.is_empty() {
        found = platform(document.value());
    } else if file == spec.path {
        for (role, image) in &spec.roles {
            let role: ConfigPath = role.parse().map_err(|e| {
                let help = "write the keys down to the value, with dots between them";
                Error::refused(document.text(), None, format!("config.roles: {e}"), help)
            })?;
            found.push(service(document, role, image)?);
        }
    }
    for target in spec.targets.iter().filter(|target| target.file == file) {
        found.push(service(document, target.path.clone(), &target.image)?);
    }
    Ok(found)
}

fn service(document: &Document<'_>, role: ConfigPath, image: &ImageName) -> Result<Service, Error> {
    let (mut build, mut composed) = (None, None);
    if let Some(service) = role.parent() {
        let path = service.join(BUILD).join("enabled");
        build = get(document, &path)?.and_then(Scalar::from_value).map(|on| (path, on.is_true()));
        // `services.NAME.image`: a compose file has its services there and nowhere else.
        if build.is_none()
            && matches!(role.keys(), [top, _, image] if top == "services" && image == "image")
        {
            let path = service.join(BUILD);
            composed = get(document, &path)?.filter(|value| !value.is_null()).map(|_| path);
        }
    }
    Ok(Service { role, image: image.clone(), build, composed })
}

fn get<'d>(document: &'d Document<'_>, path: &ConfigPath) -> Result<Option<&'d Value>, Error> {
    document.get(path).map_err(|error| Error::of(document.text().as_bytes(), error))
}

/// The services of the platform's own schema that are in the file.
fn platform(value: &Value) -> Vec<Service> {
    let path = |text: &str| text.parse::<ConfigPath>().expect("a dotted path");
    let image = |text: &str| text.parse::<ImageName>().expect("a name");
    let is_there = |path: &ConfigPath| yaml_scalar_edit::lookup(value, path.keys()).is_some();
    let mut found = Vec::new();
    let ray = path("services.ray");
    let kinds: Vec<_> = ["cpu", "gpu"].iter().map(|k| ray.join(k)).filter(is_there).collect();
    let shared = ray.join("image");
    // Where no service names an image yet, the shared value serves all.
    let inherits = is_there(&shared) || !kinds.iter().any(|kind| is_there(&kind.join("image")));
    for kind in &kinds {
        let own = kind.join("image");
        let role = if is_there(&own) || !inherits { own } else { shared.clone() };
        let build = if is_there(&kind.join("build")) { kind } else { &ray };
        let build = build_of(value, build);
        found.push(Service { role, image: image("ray-runtime"), build, composed: None });
    }
    if kinds.is_empty() && is_there(&ray) {
        let build = build_of(value, &ray);
        found.push(Service { role: shared, image: image("ray-runtime"), build, composed: None });
    }
    let marimo = path("services.marimo");
    if is_there(&marimo) {
        let build = build_of(value, &marimo);
        let (role, image) = (marimo.join("image"), image("marimo-runtime"));
        found.push(Service { role, image, build, composed: None });
    }
    found
}

fn build_of(value: &Value, service: &ConfigPath) -> Option<(ConfigPath, bool)> {
    let path = service.join("build").join("enabled");
    let enabled = Scalar::from_value(yaml_scalar_edit::lookup(value, path.keys())?)?;
    Some((path, enabled.is_true()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::spec::TargetPlace;

    const PLATFORM: &str = include_str!("../../config.yaml");

    fn spec(roles: &[(&str, &str)]) -> ConfigSpec {
        ConfigSpec {
            path: "config.yaml".into(),
            roles: roles.iter().map(|(p, i)| ((*p).to_owned(), i.parse().unwrap())).collect(),
            targets: vec![],
        }
    }
    fn file(yaml: &str) -> Files {
        Files::from([("config.yaml".into(), yaml.as_bytes().to_vec())])
    }
    fn images(names: &[&str]) -> BTreeMap<ImageName, PinnedReference> {
        let pin = |n: &str| PinnedReference::new("r.example", n, Digest::of(n));
        names.iter().map(|n| (n.parse().unwrap(), pin(n))).collect()
    }
    fn planned(yaml: &str, roles: &[(&str, &str)], names: &[&str]) -> Vec<String> {
        let mut edits = plan(&file(yaml), &spec(roles), &images(names)).unwrap();
        let edits = edits.remove(Utf8Path::new("config.yaml")).unwrap();
        let short = |e: &Edit| match &e.value {
            Some(Scalar::Bool(b)) => format!("{}={b}", e.path),
            Some(Scalar::String(s)) => {
                format!("{}={}", e.path, s.split(['/', '@']).nth(1).unwrap())
            }
            other => panic!("{other:?}"),
        };
        edits.iter().map(short).collect()
    }
    const BOTH: &[&str] = &["ray-runtime", "marimo-runtime"];

    #[test]
    fn the_platforms_file_gets_three_images_and_no_builds() {
        let expected = [
            "services.marimo.build.enabled=false",
            "services.marimo.image=marimo-runtime",
            "services.ray.cpu.build.enabled=false",
            "services.ray.cpu.image=ray-runtime",
            "services.ray.gpu.build.enabled=false",
            "services.ray.gpu.image=ray-runtime",
        ];
        assert_eq!(planned(PLATFORM, &[], BOTH), expected);
    }

    #[test]
    fn cpu_and_gpu_take_image_and_build_from_ray_where_they_have_none() {
        let ray = &["ray-runtime"];
        for (yaml, expected) in [
            (
                "image: a, build: {enabled: true}, cpu: {n: 1}, gpu: {n: 1}",
                "ray.build.enabled=false ray.image=ray-runtime",
            ),
            (
                "image: a, build: {enabled: false}, cpu: {image: b}, gpu: ~",
                "ray.cpu.image=ray-runtime ray.image=ray-runtime",
            ),
            (
                "cpu: {image: b, build: {enabled: yes}}",
                "ray.cpu.build.enabled=false ray.cpu.image=ray-runtime",
            ),
            ("cpu: {image: b}, gpu: {n: 1}", "ray.cpu.image=ray-runtime ray.gpu.image=ray-runtime"),
            (
                "image: a, cpu: {build: {enabled: true}}",
                "ray.cpu.build.enabled=false ray.image=ray-runtime",
            ),
            ("image: a, build: {enabled: true}", "ray.build.enabled=false ray.image=ray-runtime"),
            (
                "image: a, build: {enabled: true}, cpu: {build: {target: x}}",
                "ray.image=ray-runtime",
            ),
            ("cpu: {n: 1}, gpu: {n: 1}", "ray.image=ray-runtime"),
        ] {
            let found = planned(&format!("services: {{ray: {{{yaml}}}}}"), &[], ray).join(" ");
            assert_eq!(found.replace("services.", ""), expected, "{yaml}");
        }
    }

    #[test]
    fn roles_of_the_spec_take_the_place_of_the_built_in_ones() {
        let yaml = "a: {image: x, build: {enabled: true}}\nb: {tag: y}\n";
        let roles = &[("a.image", "ray-runtime"), ("b.tag", "marimo-runtime")];
        let expected = ["a.build.enabled=false", "a.image=ray-runtime", "b.tag=marimo-runtime"];
        assert_eq!(planned(yaml, roles, BOTH), expected);
        assert_eq!(planned(yaml, roles, &["marimo-runtime"]), ["b.tag=marimo-runtime"]);
    }

    #[test]
    fn an_image_without_a_place_is_an_error_that_says_how_to_give_it_one() {
        let error =
            plan(&file("services: {ray: {image: a}}"), &spec(&[]), &images(BOTH)).unwrap_err();
        assert!(error.to_string().contains("marimo-runtime"), "{error}");
        assert!(plan(&file("x: 1"), &spec(&[("a..b", "ray-runtime")]), &images(BOTH)).is_err());
    }

    #[test]
    fn the_roles_of_a_file_are_told_as_they_are() {
        let roles = current(&file(PLATFORM), &spec(&[])).unwrap();
        assert_eq!(roles.len(), 3);
        assert_eq!(roles[1].value.as_deref(), Some("cslr-exp-platform:ray-runtime"));
        assert_eq!(roles[1].builds.values().collect::<Vec<_>>(), [&true]);
    }

    #[test]
    fn a_compose_service_that_is_built_beside_its_image_is_told_and_left_alone() {
        let place = |path: &str| TargetPlace {
            file: "compose.yaml".into(),
            path: path.parse().unwrap(),
            image: "ray-runtime".parse().unwrap(),
        };
        let paths = ["services.a.image", "services.b.image", "services.c.image", "x.d.image"];
        let spec = ConfigSpec { targets: paths.map(place).to_vec(), ..spec(&[]) };
        let compose = "services:\n  a: {image: x, build: .}\n  b: {image: x, build: {context: .}}\n  \
                       c: {image: x, build: {enabled: true}}\nx:\n  d: {image: x, build: .}\n";
        let files = Files::from([("compose.yaml".into(), compose.as_bytes().to_vec())]);
        let roles = current(&files, &spec).unwrap();
        let composed: Vec<_> =
            roles.iter().flat_map(Role::composed).map(|p| p.to_string()).collect();
        assert_eq!(composed, ["services.a.build", "services.b.build"]);
        let edits = plan(&files, &spec, &images(&["ray-runtime"])).unwrap();
        let edited: Vec<_> = edits.values().flatten().map(|edit| edit.path.to_string()).collect();
        let mut expected = paths.map(str::to_owned).to_vec();
        expected.push("services.c.build.enabled".to_owned());
        expected.sort();
        assert_eq!(edited, expected);
    }

    #[test]
    fn places_in_other_files_get_their_images_too() {
        let place = |path: &str, image: &str| TargetPlace {
            file: "k8s/ray.yaml".into(),
            path: path.parse().unwrap(),
            image: image.parse().unwrap(),
        };
        let targets = vec![
            place("spec.containers[name=ray].image", "ray-runtime"),
            place("spec.containers[name=notebook].image", "marimo-runtime"),
        ];
        let spec = ConfigSpec { targets, ..spec(&[]) };
        let pod =
            "spec:\n  containers:\n  - {name: ray, image: x}\n  - {name: notebook, image: y}\n";
        let mut files = file("services: {ray: {image: a}}");
        files.insert("k8s/ray.yaml".into(), pod.as_bytes().to_vec());
        let roles = current(&files, &spec).unwrap();
        let shown = |r: &Role| format!("{} {} {}", r.file, r.path, r.value.as_deref().unwrap());
        let shown: Vec<_> = roles.iter().map(shown).collect();
        assert_eq!(
            shown,
            [
                "config.yaml services.ray.image a",
                "k8s/ray.yaml spec.containers[name=notebook].image y",
                "k8s/ray.yaml spec.containers[name=ray].image x",
            ]
        );
        // marimo-runtime has a place, though not in config.yaml.
        let edits = plan(&files, &spec, &images(BOTH)).unwrap();
        let counts: Vec<_> = edits.values().map(Vec::len).collect();
        assert_eq!(counts, [1, 2]);
        // A mistake names its file.
        files.insert("k8s/ray.yaml".into(), b"spec: {containers: 1}".to_vec());
        let error = format!("{:?}", plan(&files, &spec, &images(BOTH)).unwrap_err());
        assert!(error.contains("k8s/ray.yaml") && error.contains("not a list"), "{error}");
    }
}
