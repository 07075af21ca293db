//! envlock.toml as users write it, right and wrong.

use super::*;
use crate::spec::{Records, SourceName};

fn shown(text: &str) -> String {
    let report = miette::Report::new(parse(FILE_NAME, text).unwrap_err());
    let handler =
        miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::none()).with_width(100);
    let mut out = String::new();
    handler.render_report(&mut out, report.as_ref()).unwrap();
    out
}

#[test]
fn an_empty_file_is_the_built_in_stack() {
    let spec = parse(FILE_NAME, "").unwrap();
    assert_eq!(spec, crate::spec::builtin().unwrap());
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
    let (_, lib) = spec.requirements().find(|(_, r)| r.pep508.name.as_ref() == "pyg-lib").unwrap();
    assert_eq!(lib.sources[0].as_str(), "pyg");
}

#[test]
fn an_optional_package_keeps_its_built_in_index() {
    let spec = parse(FILE_NAME, "[packages]\npyg_lib = { optional = true }\n").unwrap();
    let (_, lib) = spec.requirements().find(|(_, r)| r.pep508.name.as_ref() == "pyg-lib").unwrap();
    assert_eq!((lib.sources[0].as_str(), lib.optional), ("pyg", true));
    assert_ne!(spec.sha256(), parse(FILE_NAME, "").unwrap().sha256());
    assert!(parse(FILE_NAME, "[packages]\npyg_lib = { optional = \"maybe\" }\n").is_err());
}

#[test]
fn optional_is_also_read_under_its_earlier_name() {
    let hash = |keys: &str| {
        Ok::<_, Error>(parse(FILE_NAME, &format!("[packages]\npyg_lib = {{ {keys} }}\n"))?.sha256())
    };
    for (earlier, now) in [("preferred", true), ("required", false)] {
        let earlier = hash(&format!("wish = \"{earlier}\"")).unwrap();
        assert_eq!(earlier, hash(&format!("optional = {now}")).unwrap());
    }
    assert!(hash("wish = \"maybe\"").is_err());
    assert!(hash("wish = \"preferred\", optional = true").is_err());
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
    let requirements: Vec<_> = cpu.requirements().map(|(_, r)| r.pep508.to_string()).collect();
    assert_eq!(requirements, ["torch>=2.9", "ray"]);
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
    assert!(unknown.contains("`other` is not defined") && unknown.contains("toml:4"), "{unknown}");
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
