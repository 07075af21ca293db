//! envlock.toml → [`Spec`]. Unknown keys and wrong values are errors that show their line.

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;

use camino::Utf8Path;
use miette::NamedSource;
use pep508_rs::{PackageName, Requirement, VerbatimUrl};
use toml::Spanned;
use url::Url;

use super::tables::{
    File, GroupTable, ImageTable, Ordered, PackageTable, SignTable, SourceTable, TargetPlaceTable,
};
use super::time::length;
use super::{
    BaseSpec, BuildSpec, ConfigSpec, Error, GroupSpec, ImageSpec, NetworkSpec, ProfileName,
    PythonSpec, RegistrySpec, ReleaseSpec, SignSpec, SignWith, SourceKind, SourceName, SourceSpec,
    Spec, TargetPlace, TargetSpec, WISH, Wish, cut_off,
};
use crate::config::BadPath;
use crate::cuda::CudaTag;
use crate::login::{self, Login};

/// The spec's file name in the project folder.
pub const FILE_NAME: &str = "envlock.toml";

const PYPI: &str = "pypi";

/// `folder/envlock.toml`, or the built-in stack when there is none; with the changes of a profile when one is named.
pub fn load(folder: &Utf8Path, profile: Option<&ProfileName>) -> Result<Spec, Error> {
    let path = folder.join(FILE_NAME);
    match fs_err::read_to_string(&path) {
        Ok(text) => parse_profile(FILE_NAME, &text, profile),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => match profile {
            None => super::builtin(),
            Some(profile) => Err(unknown_profile(profile, &[])),
        },
        Err(source) => Err(Error::Unreadable { path, source }),
    }
}

/// Reads a spec; `name` is shown in errors.
pub fn parse(name: &str, text: &str) -> Result<Spec, Error> {
    parse_profile(name, text, None)
}

/// The same, with the changes of `[profiles.PROFILE]`. Errors: also a profile that is not there.
pub fn parse_profile(name: &str, text: &str, profile: Option<&ProfileName>) -> Result<Spec, Error> {
    let place = Place { name, text };
    let defaults: File = toml::from_str(super::BUILTIN_TEXT).map_err(|e| place.toml(&e))?;
    let mut file: File = toml::from_str(text).map_err(|e| place.toml(&e))?;
    let mut profiles = std::mem::take(&mut file.profiles);
    if let Some((outer, _)) = profiles.iter().find(|(_, inner)| !inner.profiles.is_empty()) {
        let start = place.text.find(&format!("profiles.{outer}.profiles")).unwrap_or(0);
        let message = format!("the profile `{outer}` has profiles of its own");
        return Err(place.at(start..start, message, "write them as [profiles.NAME]"));
    }
    let mut file = file.over(defaults);
    if let Some(name) = profile {
        let Some(changes) = profiles.remove(name) else {
            return Err(unknown_profile(name, &profiles.into_keys().collect::<Vec<_>>()));
        };
        file = changes.in_place_of(file);
    }
    Ok(Spec { profile: profile.cloned(), ..build(file, &place)? })
}

fn unknown_profile(name: &ProfileName, known: &[ProfileName]) -> Error {
    let known: Vec<_> = known.iter().map(ProfileName::as_str).collect();
    let known = match known.as_slice() {
        [] => format!("{FILE_NAME} has none; write [profiles.{name}]"),
        known => format!("{FILE_NAME} has {}", known.join(", ")),
    };
    Error::Override(format!("--profile {name}: there is no such profile; {known}"))
}

/// The text being read, to point into.
struct Place<'a> {
    name: &'a str,
    text: &'a str,
}

impl Place<'_> {
    fn at(&self, span: Range<usize>, message: impl ToString, help: impl ToString) -> Error {
        // A span that came from the defaults does not fit this text; then only the words are shown.
        let span = (span.end <= self.text.len()).then(|| span.into());
        Error::File {
            // What is shown of the file may have a login in it.
            message: login::masked(&message.to_string()),
            help: help.to_string(),
            text: NamedSource::new(self.name, login::masked(self.text)).with_language("TOML"),
            span,
        }
    }

    fn toml(&self, error: &toml::de::Error) -> Error {
        let help = format!("every key is described in the README, section {FILE_NAME}");
        self.at(error.span().unwrap_or(0..0), error.message(), help)
    }

    fn name<T: FromStr>(&self, text: &str, what: &str) -> Result<T, Error>
    where
        T::Err: ToString,
    {
        let start = self.text.find(text).unwrap_or(0);
        text.parse().map_err(|e: T::Err| {
            self.at(start..start + text.len(), e.to_string(), format!("rename this {what}"))
        })
    }
}

fn build(file: File, place: &Place) -> Result<Spec, Error> {
    let missing = |key: &str| Error::Override(format!("{key} has no value"));
    let cuda = file.target.cuda.ok_or_else(|| missing("target.cuda"))?;
    let platform = file.target.platform.ok_or_else(|| missing("target.platform"))?;
    if platform.get_ref() != "linux/amd64" {
        let message = format!("the platform `{}` is not supported", platform.get_ref());
        return Err(place.at(platform.span(), message, "use \"linux/amd64\""));
    }
    let mut logins = Vec::new();
    let sources = sources(file.sources, cuda, &mut logins, place)?;
    let mut mirror = file.python.mirror;
    let login = mirror.as_mut().and_then(login::take);
    logins.extend(mirror.clone().zip(login));
    mirrors(&file.registry.mirrors, place)?;
    let groups =
        groups(file.groups.ok_or_else(|| missing("groups"))?, &file.packages, &sources, place)?;
    let images = images(file.images.ok_or_else(|| missing("images"))?, &groups, place)?;
    if let Some(group) = groups.iter().find(|g| !images.iter().any(|i| i.groups.contains(&g.name)))
    {
        let start = place.text.find(group.name.as_str()).unwrap_or(0);
        let message = format!("the group `{}` is in no image", group.name);
        let help = format!("add it to the groups of one of the [images.*] ({})", FILE_NAME);
        return Err(place.at(start..start + group.name.as_str().len(), message, help));
    }
    for (role, image) in &file.config.roles {
        if !images.iter().any(|i| i.name == *image) {
            let start = place.text.find(role.as_str()).unwrap_or(0);
            let message =
                format!("the role `{role}` names the image `{image}`, which is not defined");
            return Err(place.at(start..start + role.len(), message, "name one of the [images.*]"));
        }
    }
    let targets = targets(file.config.targets, &images, place)?;
    let exclude_newer = file.exclude_newer.map(|text| {
        let help = "a day counts to its end, in UTC";
        cut_off(text.get_ref()).map_err(|why| place.at(text.span(), why, help))
    });
    let patience = file.network.patience.map(|text| {
        length(text.get_ref()).map_err(|why| place.at(text.span(), why, "write 15m, 1h 30m or 90s"))
    });
    Ok(Spec {
        profile: None,
        exclude_newer: exclude_newer.transpose()?,
        logins,
        keyring: file.keyring_provider,
        python: PythonSpec {
            version: file.python.version.ok_or_else(|| missing("python.version"))?,
            source: file.python.source.ok_or_else(|| missing("python.source"))?,
            mirror,
        },
        target: TargetSpec {
            platform: platform.into_inner(),
            glibc: file.target.glibc,
            cuda,
            gpus: file.target.gpus.unwrap_or_default(),
        },
        base: BaseSpec {
            runtime: image_reference(
                file.base.runtime.ok_or_else(|| missing("base.runtime"))?,
                place,
            )?,
            devel: image_reference(file.base.devel.ok_or_else(|| missing("base.devel"))?, place)?,
        },
        groups,
        sources,
        images,
        build: BuildSpec {
            engine: file.build.engine.unwrap_or_default(),
            compression: file.build.compression.unwrap_or_default(),
            bytecode: file.build.bytecode.unwrap_or_default(),
            compiler: file.build.compiler.unwrap_or_default(),
            verify: file.build.verify.unwrap_or(false),
        },
        registry: RegistrySpec {
            destination: file.registry.destination,
            insecure: file.registry.insecure.unwrap_or(false),
            port: file.registry.port,
            parallel: file.registry.parallel,
            mirrors: file.registry.mirrors,
        },
        network: NetworkSpec { patience: patience.transpose()? },
        config: ConfigSpec {
            path: file.config.path.ok_or_else(|| missing("config.path"))?,
            roles: file.config.roles,
            targets,
        },
        release: ReleaseSpec {
            after: file.release.after,
            keep: file.release.keep.unwrap_or_else(|| ReleaseSpec::default().keep),
            records: file.release.records.unwrap_or_default(),
        },
        sign: file.sign.map(|table| sign(table, place)).transpose()?,
    })
}

fn targets(
    tables: Vec<TargetPlaceTable>,
    images: &[ImageSpec],
    place: &Place,
) -> Result<Vec<TargetPlace>, Error> {
    let target = |table: TargetPlaceTable| {
        let path = table.path.get_ref().parse();
        let path = path.map_err(|e: BadPath| {
            let help = "write the keys down to the value with dots between them; [0] or [name=…] for an item of a list";
            place.at(table.path.span(), e, help)
        })?;
        let image = table.image.get_ref().clone();
        match images.iter().any(|known| known.name == image) {
            true => Ok(TargetPlace { file: table.file, path, image }),
            false => {
                let message = format!("the image `{image}` is not defined");
                Err(place.at(table.image.span(), message, "name one of the [images.*]"))
            }
        }
    };
    tables.into_iter().map(target).collect()
}

fn sign(table: SignTable, place: &Place) -> Result<SignSpec, Error> {
    let start = place.text.find("[sign]").unwrap_or(0);
    let wrong = |message: &str, help: &str| Err(place.at(start..start + 6, message, help));
    let SignTable { key, public_key, keyless, identity, issuer, transparency_log } = table;
    let with = match (key, keyless) {
        (Some(key), false) if identity.is_none() && issuer.is_none() => {
            SignWith::Key { key, public_key }
        }
        (None, true) if public_key.is_none() => SignWith::Keyless { identity, issuer },
        (None, false) => {
            return wrong("[sign] names no key", "set key = \"cosign.key\", or keyless = true");
        }
        _ => {
            let help = "public-key belongs to key; identity and issuer to keyless = true";
            return wrong("[sign] mixes a key with keyless signing", help);
        }
    };
    Ok(SignSpec { with, log: transparency_log.unwrap_or(true) })
}

fn image_reference(text: Spanned<String>, place: &Place) -> Result<String, Error> {
    crate::reference::parse(text.get_ref())
        .map(|_| text.get_ref().clone())
        .map_err(|e| place.at(text.span(), e, "write HOST/NAME:TAG or HOST/NAME@sha256:…"))
}

fn sources(
    tables: BTreeMap<SourceName, SourceTable>,
    cuda: CudaTag,
    logins: &mut Vec<(Url, Login)>,
    place: &Place,
) -> Result<BTreeMap<SourceName, SourceSpec>, Error> {
    let source = |(name, table): (SourceName, SourceTable)| {
        if name.as_str() == WISH {
            let start = place.text.find(WISH).unwrap_or(0);
            let message = format!("`{WISH}` is what a lock calls an address in the spec itself");
            return Err(place.at(start..start + WISH.len(), message, "rename this source"));
        }
        let url = match table.url {
            None if name.as_str() == PYPI => None,
            None => {
                let start = place.text.find(name.as_str()).unwrap_or(0);
                let message = format!("the source `{name}` has no url");
                return Err(place.at(
                    start..start + name.as_str().len(),
                    message,
                    "add url = \"https://…\"",
                ));
            }
            Some(text) => {
                let full = text.get_ref().replace("{cuda}", &cuda.to_string());
                let (url, login) = login::parse(&full).map_err(|e| {
                    place.at(
                        text.span(),
                        format!("this is not a URL: {e}"),
                        "write https://HOST/PATH/",
                    )
                })?;
                logins.extend(login.map(|login| (url.clone(), login)));
                Some(url)
            }
        };
        Ok((name, SourceSpec { kind: table.kind.unwrap_or(SourceKind::Simple), url }))
    };
    tables.into_iter().map(source).collect()
}

/// Mirrors are `HOST[:PORT][/PREFIX]`, and who we are to them the docker config says.
fn mirrors(mirrors: &BTreeMap<String, String>, place: &Place) -> Result<(), Error> {
    let wrong = |mirror: &&String| mirror.contains('@') || mirror.contains("://");
    let Some(mirror) = mirrors.values().find(wrong) else { return Ok(()) };
    let start = place.text.find(mirror.as_str()).unwrap_or(0);
    let message = "a mirror is a host, without a scheme and a login";
    let help = "write HOST[:PORT][/PREFIX]; `docker login HOST` keeps the login";
    Err(place.at(start..start + mirror.len(), message, help))
}

fn groups(
    tables: Ordered<GroupTable>,
    packages: &BTreeMap<PackageName, PackageTable>,
    known: &BTreeMap<SourceName, SourceSpec>,
    place: &Place,
) -> Result<Vec<GroupSpec>, Error> {
    let check = |list: &[Spanned<SourceName>]| -> Result<Vec<SourceName>, Error> {
        list.iter()
            .map(|name| {
                if known.contains_key(name.get_ref()) {
                    return Ok(name.get_ref().clone());
                }
                let message = format!("the source `{}` is not defined", name.get_ref());
                Err(place.at(
                    name.span(),
                    message,
                    format!("add [sources.{}] with its url", name.get_ref()),
                ))
            })
            .collect()
    };
    let pypi: SourceName = place.name(PYPI, "source")?;
    let mut groups = Vec::new();
    for (name, table) in tables.0 {
        let default = table.index.as_deref().map_or_else(|| Ok(vec![pypi.clone()]), check)?;
        let mut requirements = Vec::new();
        for text in table.packages {
            // PEP 508 is ASCII, and its parser may cut other characters in the middle.
            if !text.get_ref().is_ascii() {
                let message = format!("`{}` is not a requirement", text.get_ref());
                return Err(place.at(text.span(), message, "use ASCII letters, digits and signs"));
            }
            let requirement =
                Requirement::<VerbatimUrl>::from_str(text.get_ref()).map_err(|e| {
                    place.at(
                        text.span(),
                        format!("`{}` is not a requirement: {}", text.get_ref(), e.message),
                        "write it as in requirements.txt, for example \"ray[default]>=2.60\"",
                    )
                })?;
            let direct = super::direct::direct(&requirement).transpose();
            let direct = direct.map_err(|(message, help)| place.at(text.span(), message, help))?;
            let package = packages.get(&requirement.name);
            let sources = match package.and_then(|p| p.index.as_deref()) {
                _ if direct.is_some() => vec![SourceName::wish()],
                Some(index) => check(index)?,
                None => default.clone(),
            };
            let strength = package.and_then(|p| p.wish).unwrap_or_default();
            requirements.push(Wish { requirement, sources, strength });
        }
        groups.push(GroupSpec { name: place.name(&name, "group")?, requirements });
    }
    Ok(groups)
}

fn images(
    tables: Ordered<ImageTable>,
    groups: &[GroupSpec],
    place: &Place,
) -> Result<Vec<ImageSpec>, Error> {
    let mut images: Vec<ImageSpec> = Vec::new();
    for (name, table) in tables.0 {
        if let Some(from) = &table.from
            && !images.iter().any(|i| i.name == *from.get_ref())
        {
            let message = format!("the image `{}` is not defined before `{name}`", from.get_ref());
            return Err(place.at(from.span(), message, "define it above, with its own groups"));
        }
        for group in &table.groups {
            if !groups.iter().any(|g| g.name == *group.get_ref()) {
                let message = format!("the group `{}` is not defined", group.get_ref());
                return Err(place.at(
                    group.span(),
                    message,
                    format!("add [groups.{}] with its packages", group.get_ref()),
                ));
            }
        }
        images.push(ImageSpec {
            name: place.name(&name, "image")?,
            from: table.from.map(Spanned::into_inner),
            groups: table.groups.into_iter().map(Spanned::into_inner).collect(),
            max_size: table.max_size,
        });
    }
    Ok(images)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Records;
    use crate::spec::Strength;

    fn shown(text: &str) -> String {
        let report = miette::Report::new(parse(FILE_NAME, text).unwrap_err());
        let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::none())
            .with_width(100);
        let mut out = String::new();
        handler.render_report(&mut out, report.as_ref()).unwrap();
        out
    }

    #[test]
    fn an_empty_file_is_the_built_in_stack() {
        let spec = parse(FILE_NAME, "").unwrap();
        assert_eq!(spec, super::super::builtin().unwrap());
        let groups: Vec<_> = spec.groups.iter().map(|g| g.name.as_str()).collect();
        assert_eq!(groups, ["python", "torch", "pyg", "ray", "marimo"]);
        assert_eq!(
            spec.sources["pytorch".parse::<SourceName>().as_ref().unwrap()]
                .url
                .as_ref()
                .unwrap()
                .as_str(),
            "https://download.pytorch.org/whl/cu130/"
        );
        let (_, lib) =
            spec.wishes().find(|(_, w)| w.requirement.name.as_ref() == "pyg-lib").unwrap();
        assert_eq!(lib.sources[0].as_str(), "pyg");
    }

    #[test]
    fn a_preferred_package_keeps_its_built_in_index() {
        let spec = parse(FILE_NAME, "[packages]\npyg_lib = { wish = \"preferred\" }\n").unwrap();
        let (_, lib) =
            spec.wishes().find(|(_, w)| w.requirement.name.as_ref() == "pyg-lib").unwrap();
        assert_eq!((lib.sources[0].as_str(), lib.strength), ("pyg", Strength::Preferred));
        assert_ne!(spec.sha256(), parse(FILE_NAME, "").unwrap().sha256());
        assert!(parse(FILE_NAME, "[packages]\npyg_lib = { wish = \"maybe\" }\n").is_err());
    }

    #[test]
    fn a_wrong_key_is_shown_with_its_line() {
        let text = "[python]\nversion = \"3.14\"\nsauce = \"base\"\n";
        insta::assert_snapshot!(shown(text));
    }

    #[test]
    fn an_unknown_source_is_shown_with_its_line() {
        let text = "[groups.torch]\npackages = [\"torch\"]\nindex = [\"corp\"]\n";
        insta::assert_snapshot!(shown(text));
    }

    #[test]
    fn a_broken_requirement_is_shown_with_its_line() {
        insta::assert_snapshot!(shown("[groups.ray]\npackages = [\"ray[default\"]\n"));
    }

    #[test]
    fn a_requirement_in_another_alphabet_is_an_error_and_no_crash() {
        let text = "[groups.ray]\npackages = [\"ray; (b == 'c' and日日日 d)\"]\n";
        assert!(shown(text).contains("use ASCII letters"), "{}", shown(text));
    }

    #[test]
    fn own_groups_shrink_the_built_in_images() {
        let spec = parse(FILE_NAME, "[groups.ray]\npackages = [\"ray\"]\n").unwrap();
        let names: Vec<_> = spec.images.iter().map(|i| (i.name.as_str(), i.groups.len())).collect();
        assert_eq!(names, [("ray-runtime", 1)]);
        insta::assert_snapshot!(shown("[groups.extra]\npackages = [\"numpy\"]\n"));
    }

    const PROFILES: &str = "[target]\ncuda = \"cu130\"\n[groups.torch]\npackages = [\"torch\"]\nindex = [\"pytorch\"]\n\
        [groups.ray]\npackages = [\"ray\"]\n[images.ray-runtime]\ngroups = [\"torch\", \"ray\"]\n\
        [profiles.cpu.target]\ncuda = \"cpu\"\n[profiles.cpu.python]\nversion = \"3.13\"\n\
        [profiles.cpu.groups.torch]\npackages = [\"torch>=2.9\"]\nindex = [\"pytorch\"]\n\
        [profiles.cpu.config.roles]\n\"services.ray.cpu.image\" = \"ray-runtime\"\n";

    #[test]
    fn a_profile_changes_what_it_names_and_keeps_the_rest_in_order() {
        let profile = |name: &str| parse_profile(FILE_NAME, PROFILES, name.parse().ok().as_ref());
        let (plain, cpu) = (parse(FILE_NAME, PROFILES).unwrap(), profile("cpu").unwrap());
        assert_eq!((plain.target.cuda.to_string(), plain.profile), ("cu130".to_owned(), None));
        assert_eq!(cpu.target.cuda.to_string(), "cpu");
        assert_eq!(cpu.python.version.to_string(), "3.13");
        let wishes: Vec<_> = cpu.wishes().map(|(_, w)| w.requirement.to_string()).collect();
        assert_eq!(wishes, ["torch>=2.9", "ray"]);
        assert_eq!(cpu.images, plain.images);
        assert_eq!(cpu.config.roles.len(), 1);
        // {cuda} in an address is the profile's tag.
        let pytorch = cpu.sources[&"pytorch".parse().unwrap()].url.clone().unwrap();
        assert!(pytorch.path().ends_with("/cpu/"), "{pytorch}");
        let unknown = profile("cu128").unwrap_err().to_string();
        assert_eq!(unknown, "--profile cu128: there is no such profile; envlock.toml has cpu");
    }

    #[test]
    fn a_mistake_in_a_profile_is_shown_with_its_line() {
        insta::assert_snapshot!(shown("[profiles.cpu.python]\nsauce = \"base\"\n"));
        let nested = shown("[profiles.a.profiles.b.python]\nversion = \"3.13\"\n");
        assert!(nested.contains("the profile `a` has profiles of its own"), "{nested}");
    }

    #[test]
    fn places_in_other_files_are_read_and_their_mistakes_are_shown_in_their_line() {
        let target = |path: &str, image: &str| {
            format!(
                "[[config.targets]]\nfile = \"k8s/ray.yaml\"\npath = '{path}'\nimage = \"{image}\"\n"
            )
        };
        let sound = target("spec.containers[name=ray].image", "ray-runtime");
        let config = parse(FILE_NAME, &sound).unwrap().config;
        assert_eq!(config.files(), ["config.yaml", "k8s/ray.yaml"]);
        assert_eq!(config.targets[0].path.to_string(), "spec.containers[name=ray].image");
        let bad = shown(&target("spec.containers[].image", "ray-runtime"));
        assert!(bad.contains("is not a path") && bad.contains("[envlock.toml:3"), "{bad}");
        let unknown = shown(&target("spec.image", "other"));
        assert!(
            unknown.contains("`other` is not defined") && unknown.contains("toml:4"),
            "{unknown}"
        );
    }

    #[test]
    fn uploads_at_the_same_time_are_one_or_more() {
        let parallel = |n: u32| parse(FILE_NAME, &format!("[registry]\nparallel = {n}\n"));
        assert_eq!(parallel(2).unwrap().registry.parallel.unwrap().get(), 2);
        assert!(parallel(0).is_err());
        assert_eq!(parse(FILE_NAME, "").unwrap().registry.parallel, None);
    }

    #[test]
    fn signing_is_with_a_key_or_without_and_never_both() {
        let sign = |text: &str| parse(FILE_NAME, &format!("[sign]\n{text}\n"));
        let key = sign("key = \"cosign.key\"\ntransparency-log = false").unwrap().sign.unwrap();
        assert!(!key.log && matches!(key.with, SignWith::Key { public_key: None, .. }));
        let keyless = sign("keyless = true\nidentity = \"a@b.example\"").unwrap().sign.unwrap();
        assert!(keyless.log && matches!(keyless.with, SignWith::Keyless { .. }));
        assert!(sign("").unwrap_err().to_string().contains("no key"));
        assert!(sign("key = \"k\"\nkeyless = true").is_err());
        assert!(sign("key = \"k\"\nissuer = \"i\"").is_err());
        assert_eq!(parse(FILE_NAME, "").unwrap().release.keep.get(), 10);
        assert!(parse(FILE_NAME, "[release]\nkeep = 0\n").is_err());
    }

    #[test]
    fn records_are_kept_where_they_can_be_unless_something_else_is_said() {
        let records = |text: &str| parse(FILE_NAME, text).map(|spec| spec.release.records);
        assert_eq!(records("").unwrap(), Records::Auto);
        assert_eq!(records("[release]\nrecords = \"required\"\n").unwrap(), Records::Required);
        assert_eq!(records("[release]\nrecords = \"none\"\n").unwrap(), Records::None);
        let error = records("[release]\nrecords = \"some\"\n").unwrap_err().to_string();
        assert!(error.contains("some"), "{error}");
    }

    #[test]
    fn where_images_go_is_not_part_of_the_identity() {
        let one = parse(FILE_NAME, "[registry]\ndestination = \"ghcr.io/a\"\n").unwrap();
        let two = parse(FILE_NAME, "").unwrap();
        let three = parse(FILE_NAME, "[target]\ncuda = \"cu128\"\n").unwrap();
        assert_eq!(one.sha256(), two.sha256());
        assert_ne!(two.sha256(), three.sha256());
    }
}
