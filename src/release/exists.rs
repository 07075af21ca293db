//! Checks before a rollback that the images it goes back to still exist.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::{Error, ImageCheck, Plan};
use crate::config::{ConfigPath, Scalar};
use crate::reference;

/// Asks about every image of the plan's target at once: those of its record and those its edits
/// write, with manifest, config and all layers. Returns warnings about tags whose registry does not answer.
///
/// # Errors
/// [`Error::ImagesGone`]; [`Error::RegistrySilent`] for an image by digest.
pub async fn prove(check: &impl ImageCheck, plan: &Plan) -> Result<Vec<String>, Error> {
    let questions = questions(plan);
    let (mut gone, mut warnings) = (Vec::new(), Vec::new());
    let mut images = Vec::new();
    for text in &questions {
        match reference::parse(text) {
            Ok(image) => images.push((text, image)),
            // A variable or template: what it expands to is not known here, and envlock never checked it.
            Err(_) => warnings.push(format!(
                "`{text}` is not an image reference: it is written back unchanged, and was not checked"
            )),
        }
    }
    let answers = images.iter().map(async |(_, image)| check.missing(image).await);
    for ((image, _), answer) in images.iter().zip(join_all(answers).await) {
        match answer {
            Ok(None) => {}
            Ok(Some(missing)) => gone.push(format!("{missing} of {image}")),
            Err(reason) if image.contains('@') => {
                return Err(Error::RegistrySilent { image: (*image).clone(), reason });
            }
            // A tag from before the first release was never checked by envlock.
            Err(reason) => {
                warnings.push(format!("whether {image} exists is not known: {reason}"));
            }
        }
    }
    if gone.is_empty() { Ok(warnings) } else { Err(Error::ImagesGone(gone.join(", "))) }
}

fn questions(plan: &Plan) -> BTreeSet<String> {
    let recorded = plan.target.images.values().map(ToString::to_string);
    let edits = plan.edits.iter().flat_map(|(file, edits)| edits.iter().map(move |e| (file, e)));
    let written = edits.filter_map(|(file, edit)| {
        let image = edit.value.as_ref()?.as_str()?;
        let built = edit.path.parent().is_some_and(|service| {
            let is_on = |service: &ConfigPath| {
                let place = (file.clone(), service.join("build").join("enabled"));
                plan.target.values.get(&place).and_then(Option::as_ref).is_some_and(Scalar::is_true)
            };
            is_on(&service) || service.parent().is_some_and(|parent| is_on(&parent))
        });
        // A tag that the compose file builds itself need not be in a registry.
        (!built && edit.path.key() != "enabled").then(|| image.to_owned())
    });
    recorded.chain(written).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Edit;
    use crate::release::State;
    use oci_spec::distribution::Reference;

    struct Fake(&'static [(&'static str, bool)]);

    impl ImageCheck for Fake {
        async fn missing(&self, image: &Reference) -> Result<Option<String>, String> {
            let known = self.0.iter().find(|(name, _)| image.repository().ends_with(name));
            let missing = |there: &bool| (!there).then(|| "a layer".to_owned());
            known.map(|(_, there)| missing(there)).ok_or_else(|| "no answer".to_owned())
        }
    }

    fn plan(image: &str, builds: bool) -> Plan {
        let path: ConfigPath = "s.image".parse().unwrap();
        let value = Some(Scalar::String(image.to_owned()));
        let file = camino::Utf8PathBuf::from("config.yaml");
        let mut target = State::default();
        let enabled = (file.clone(), "s.build.enabled".parse().unwrap());
        target.values.insert(enabled, Some(Scalar::Bool(builds)));
        let edits = [(file, vec![Edit { path, value, text: None }])].into();
        Plan { target, edits, files: Default::default(), conflicts: vec![] }
    }

    #[tokio::test]
    async fn a_digest_must_be_there_and_a_tag_may_stay_unknown() {
        let fake = Fake(&[("there", true), ("gone", false)]);
        let pinned = |name: &str| format!("r.example/{name}@sha256:{}", "0".repeat(64));
        assert_eq!(prove(&fake, &plan(&pinned("there"), false)).await.unwrap(), [""; 0]);
        let gone = prove(&fake, &plan(&pinned("gone"), false)).await;
        assert!(matches!(gone, Err(Error::ImagesGone(_))));
        let silent = prove(&fake, &plan(&pinned("other"), false)).await;
        assert!(matches!(silent, Err(Error::RegistrySilent { .. })));
        assert!(prove(&fake, &plan("r.example/gone:latest", false)).await.is_err());
        assert_eq!(prove(&fake, &plan("r.example/other:latest", false)).await.unwrap().len(), 1);
        assert_eq!(prove(&fake, &plan("r.example/gone:latest", true)).await.unwrap(), [""; 0]);
    }

    #[tokio::test]
    async fn a_value_that_is_no_reference_comes_back_with_a_warning() {
        let default = format!("${{RAY_IMAGE:-x:v1@sha256:{}}}", "0".repeat(64));
        for text in [&default, "${REG}/a:b", "{{ image }}", "", "Ray Latest"] {
            let warnings = prove(&Fake(&[]), &plan(text, false)).await.unwrap();
            assert!(
                matches!(&*warnings, [one] if one.contains("is not an image reference")),
                "{text}"
            );
        }
    }
}
