//! Version specifiers as ranges, as PyPI's `packaging` understands them (26 and later); `ci/agree-with-packaging.sh` compares
//! the two. A version with a local part satisfies what its public part does: `==2.15.0`, `<=2.15.0` take
//! `2.15.0+cu130`, `!=2.15.0` does not (PEP 440, "Local version identifiers").

use pep440_rs::{Operator, Version, VersionSpecifier, VersionSpecifiers};
use pep508_rs::{Requirement, VerbatimUrl, VersionOrUrl};
use pubgrub::Ranges;

/// The versions that satisfy all `specifiers`.
pub fn range(specifiers: &VersionSpecifiers) -> Ranges<Version> {
    specifiers.iter().fold(Ranges::full(), |all, one| all.intersection(&one_range(one)))
}

/// Exactly this public version, with any local part.
pub fn exactly(version: &Version) -> Ranges<Version> {
    Ranges::from_range_bounds(version.clone()..past_locals(version))
}

/// Whether these specifiers name a pre-release, and so allow them: `!=2.0b3` and `==2.*` do not.
pub fn licenses_prereleases(specifiers: &VersionSpecifiers) -> bool {
    let names = |s: &VersionSpecifier| match s.operator() {
        Operator::NotEqual | Operator::NotEqualStar | Operator::EqualStar => false,
        _ => s.version().any_prerelease(),
    };
    specifiers.iter().any(names)
}

/// Whether it names a pre-release, or one file, which may be one.
pub(super) fn names_prerelease(requirement: &Requirement<VerbatimUrl>) -> bool {
    match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => licenses_prereleases(specifiers),
        Some(VersionOrUrl::Url(_)) => true,
        None => false,
    }
}

/// Whether two versions differ in their local parts at most.
pub(super) fn is_same_public(one: &Version, other: &Version) -> bool {
    one.release() == other.release() && one.clone().without_local() == other.clone().without_local()
}

fn one_range(specifier: &VersionSpecifier) -> Ranges<Version> {
    let version = specifier.version();
    match specifier.operator() {
        Operator::Equal if !version.is_local() => exactly(version),
        Operator::NotEqual if !version.is_local() => exactly(version).complement(),
        Operator::LessThanEqual => Ranges::strictly_lower_than(past_locals(version)),
        // `<1.0.post1` takes 1.0, and no pre-release of 1.0.post1.
        Operator::LessThan if version.is_post() && !version.any_prerelease() => {
            Ranges::strictly_lower_than(version.clone().with_dev(Some(0)))
        }
        // `>1.0.post1` takes 1.0.post2.dev0.
        Operator::GreaterThan => match (version.dev(), version.post()) {
            (None, Some(post)) => {
                let next = version.clone().without_local().with_post(Some(post + 1));
                Ranges::higher_than(next.with_dev(Some(0)))
            }
            _ => Ranges::from(specifier.clone()),
        },
        _ => Ranges::from(specifier.clone()),
    }
}

/// The smallest version that sorts after every `version+local`.
fn past_locals(version: &Version) -> Version {
    let public = version.clone().without_local();
    match (public.dev(), public.post()) {
        (Some(dev), _) => public.with_dev(Some(dev + 1)),
        (None, Some(post)) => public.with_post(Some(post + 1)).with_dev(Some(0)),
        (None, None) => public.with_post(Some(0)).with_dev(Some(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn around_post_releases_the_boundaries_are_packagings() {
        let takes = |specifiers: &str, version: &str| {
            range(&specifiers.parse().unwrap()).contains(&version.parse().unwrap())
        };
        for version in ["1.0", "1.0rc1", "1.0.post0", "1.0+cu130", "1.0.post0.dev1"] {
            assert!(takes("<1.0.post1", version), "{version}");
        }
        for version in ["1.0.post1.dev0", "1.0.post1", "1.0.post1+x"] {
            assert!(!takes("<1.0.post1", version) && !takes(">1.0.post1", version), "{version}");
        }
        assert!(takes(">1.0.post1", "1.0.post2.dev0") && takes(">1.0.post1", "1.1"));
    }

    #[test]
    fn what_is_excluded_licenses_no_pre_release() {
        let licenses = |text: &str| licenses_prereleases(&text.parse().unwrap());
        assert!(licenses(">=2.0b1") && licenses("==2.0.dev1") && licenses("<2,>1.0rc1"));
        assert!(!licenses("!=2.0b3") && !licenses("==2.*") && !licenses(">=2.0"));
    }

    #[test]
    fn ranges_agree_with_pep_440_on_every_kind_of_version() {
        let versions = [
            "0.9",
            "1.0.dev1",
            "1.0a1",
            "1.0rc1.dev2",
            "1.0rc1",
            "1.0",
            "1.0+cu130",
            "1.0.post1",
            "1.0.post1+x",
            "1.0.1",
            "1.1.dev0",
            "1.1",
            "1.2.0",
            "2.0",
            "1!1.0",
            "13.0.3.0",
            "13.0.3",
        ];
        let specifiers = [
            "==1.0",
            "!=1.0",
            "<=1.0",
            ">=1.0",
            ">1.0",
            "<1.0",
            "~=1.0",
            "==1.*",
            "!=1.0.*",
            "==1.0+cu130",
            "<=1.0rc1",
            ">=1.0rc1",
            "==1.0.post1",
            "<=1.0.post1",
            "==1.0.dev1",
            "==13.0.3",
            "<2,>=1.0,!=1.1",
            "===1.0",
            ">1.0.post1",
        ];
        for text in specifiers {
            let specifiers: VersionSpecifiers = text.parse().unwrap();
            let range = range(&specifiers);
            for version in versions {
                let version: Version = version.parse().unwrap();
                // `===` compares what is written (PEP 440, "Arbitrary equality").
                let expected = if let Some(exact) = text.strip_prefix("===") {
                    version.to_string() == exact
                } else {
                    specifiers.contains(&version)
                };
                assert_eq!(range.contains(&version), expected, "{version} in {text}");
            }
        }
    }
}
