//! Whether an image has the content of its lock: interpreter, distributions, files.

use std::collections::BTreeMap;

use pep440_rs::Version;

use super::{Check, CheckName, Expected, Facts};

/// How many items of a kind a sentence lists.
const NAMED: usize = 10;

/// The interpreter's version, to the patch.
pub fn python(expected: &Expected, facts: &Facts) -> Check {
    let (found, locked) = (&facts.python, expected.python.to_string());
    Check::of(
        CheckName::Python,
        match *found == locked {
            true => Ok(locked),
            false => Err(format!("the image has Python {found}, the lock {locked}")),
        },
    )
}

/// Every distribution, in the locked version; no other, and none twice.
pub fn packages(expected: &Expected, facts: &Facts) -> Check {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, version) in &facts.distributions.found {
        found.entry(name).or_default().push(version);
    }
    let mut wrong = Vec::new();
    for (name, locked) in &expected.packages {
        match found.remove(name.as_ref()).as_deref() {
            None => wrong.push(format!("{name} {locked} is missing")),
            Some([one]) if is(one, locked) => {}
            Some([one]) => wrong.push(format!("{name} is {one}, the lock has {locked}")),
            Some(several) => wrong.push(format!(
                "{name} is there {} times ({}), the lock has {locked}",
                several.len(),
                several.join(", ")
            )),
        }
    }
    let extra = found.iter().map(|(name, versions)| {
        let name = if name.is_empty() { "a distribution without a name" } else { name };
        format!("{name} {} is not in the lock", versions.join(", "))
    });
    wrong.extend(extra);
    let seconds = facts.distributions.seconds;
    Check::of(
        CheckName::Packages,
        match wrong.is_empty() {
            true => Ok(format!("all {}, as locked", expected.packages.len())),
            false => Err(listed(&wrong, wrong.len())),
        },
    )
    .after(seconds)
}

/// By PEP 440, so that `2.0` is `2.0.0`; text that is not a version is compared as text.
fn is(found: &str, locked: &Version) -> bool {
    match found.parse::<Version>() {
        Ok(found) => found == *locked,
        Err(_) => found == locked.to_string(),
    }
}

/// Every file that an installed distribution brought.
pub fn files(facts: &Facts) -> Check {
    let files = &facts.files;
    let mut wrong = Vec::new();
    if files.missing > 0 {
        let named = listed(&files.missing_named, files.missing);
        wrong.push(format!("{} missing: {named}", files.missing));
    }
    if files.changed > 0 {
        let named = listed(&files.changed_named, files.changed);
        wrong.push(format!("{} of another size: {named}", files.changed));
    }
    Check::of(
        CheckName::Files,
        match wrong.is_empty() {
            true => Ok(format!("all {} are there", files.count)),
            false => Err(wrong.join("; ")),
        },
    )
    .after(files.seconds)
}

fn listed(named: &[String], all: usize) -> String {
    let shown = named.len().min(NAMED);
    let more = match all - shown {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    named[..shown].join("; ") + &more
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::Outcome;
    use super::super::expected::tests::expected;
    use super::*;

    /// The facts of a complete image; the tests change them.
    pub(in super::super) fn facts() -> Facts {
        serde_json::from_value(serde_json::json!({
            "python": "3.14.2",
            "distributions": { "found": [["pip", "26.1"], ["torch", "2.14.1+cu130"]], "seconds": 0.1 },
            "files": { "count": 900, "missing": 0, "missing_named": [], "changed": 0, "changed_named": [], "seconds": 0.2 },
            "user": { "uid": 1000, "gid": 1000, "name": "ray", "home": "/home/ray", "home_is_writable": true },
            "layout": { "ways": ["user ray", "bash -lc"], "broken": [], "seconds": 1.0 },
            "imports": {
                "found": [{ "name": "torch", "version": "2.14.1", "error": null, "seconds": 2.0 }],
                "torch": { "cuda": "13.0", "archs": ["sm_80", "sm_90"], "product": [[5.0, 14.0], [14.0, 50.0]], "seconds": 0.3 },
                "layer": { "shape": [3, 2], "finite": true, "seconds": 0.4 },
            },
        }))
        .unwrap()
    }

    #[test]
    fn every_distribution_that_differs_is_named() {
        let locked = expected(&["pip 26.1.0", "torch 2.14.1+cu130"]);
        let check = packages(&locked, &facts());
        assert_eq!((check.result, check.detail.as_str()), (Outcome::Ok, "all 2, as locked"));
        let locked = expected(&["pip 26.2", "torch 2.14.1+cu130", "ray 2.60.0"]);
        let mut found = facts();
        found.distributions.found.push(("evil".to_owned(), "1.0".to_owned()));
        found.distributions.found.push(("torch".to_owned(), "2.13.0".to_owned()));
        let check = packages(&locked, &found);
        assert_eq!(check.result, Outcome::Failed);
        assert_eq!(
            check.detail,
            "pip is 26.1, the lock has 26.2; ray 2.60.0 is missing; torch is there 2 times (2.14.1+cu130, 2.13.0), \
             the lock has 2.14.1+cu130; evil 1.0 is not in the lock"
        );
        // Another local version is another file.
        let check = packages(&expected(&["pip 26.1", "torch 2.14.1"]), &facts());
        assert_eq!(check.detail, "torch is 2.14.1+cu130, the lock has 2.14.1");
    }

    #[test]
    fn many_that_differ_are_counted() {
        let names: Vec<String> = (0..30).map(|n| format!("p{n} 1")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut found = facts();
        found.distributions.found.clear();
        let detail = packages(&expected(&names), &found).detail;
        assert!(
            detail.starts_with("p0 1 is missing; ") && detail.ends_with(" and 20 more"),
            "{detail}"
        );
    }

    #[test]
    fn another_patch_of_python_is_another_python() {
        assert_eq!(python(&expected(&[]), &facts()).result, Outcome::Ok);
        let found = Facts { python: "3.14.3".to_owned(), ..facts() };
        let check = python(&expected(&[]), &found);
        assert_eq!(check.result, Outcome::Failed);
        assert_eq!(check.detail, "the image has Python 3.14.3, the lock 3.14.2");
    }

    #[test]
    fn missing_and_changed_files_are_named() {
        assert_eq!(files(&facts()).detail, "all 900 are there");
        let mut found = facts();
        found.files.missing = 21;
        found.files.missing_named = vec!["torch/lib/libtorch.so".to_owned()];
        found.files.changed = 1;
        found.files.changed_named = vec!["torch/version.py".to_owned()];
        let check = files(&found);
        assert_eq!(check.result, Outcome::Failed);
        assert_eq!(
            check.detail,
            "21 missing: torch/lib/libtorch.so and 20 more; 1 of another size: torch/version.py"
        );
    }
}
