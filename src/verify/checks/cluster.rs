//! Ray: whether tasks were done, and whether two images can connect.

use super::{Check, CheckName, Facts, OfCluster};

/// Four tasks were done, by the Ray that is locked.
pub fn tasks(name: CheckName, found: &OfCluster) -> Check {
    let amounts = found.resources.iter().map(|(kind, amount)| format!("{amount} {kind}"));
    let amounts = amounts.collect::<Vec<_>>().join(", ");
    Check::of(
        name,
        match found.squares == [0, 1, 4, 9] {
            true => Ok(format!("4 tasks by Ray {} on {amounts}", found.ray)),
            false => Err(format!("the squares of 0 to 3 came back as {:?}", found.squares)),
        },
    )
}

/// Ray's client works only between the same Ray and the same Python minor; a worker that joins needs the patch, too.
/// Each side is an image's name and its facts.
///
/// # Errors
/// What differs.
pub fn client_fits(here: (&str, &Facts), head: (&str, &Facts)) -> Result<(), String> {
    let ray = |facts: &Facts| {
        let own = facts.distributions.found.iter().find(|(name, _)| name == "ray");
        own.map_or_else(|| "none".to_owned(), |(_, version)| version.clone())
    };
    let (ours, theirs) = (ray(here.1), ray(head.1));
    let mut differ = Vec::new();
    if ours != theirs {
        differ.push(format!("Ray is {ours} in {} and {theirs} in {}", here.0, head.0));
    }
    if here.1.python != head.1.python {
        differ.push(format!(
            "Python is {} in {} and {} in {}",
            here.1.python, here.0, head.1.python, head.0
        ));
    }
    match differ.is_empty() {
        true => Ok(()),
        false => Err(format!("{}: not connected", differ.join("; "))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::super::contents::tests::facts;
    use super::*;

    #[test]
    fn another_ray_or_python_is_named_on_both_sides() {
        let with = |ray: &str, python: &str| {
            let mut found = facts();
            found.distributions.found.push(("ray".to_owned(), ray.to_owned()));
            Facts { python: python.to_owned(), ..found }
        };
        let head = with("2.60.0", "3.14.2");
        let against = |here: &Facts| client_fits(("marimo-runtime", here), ("ray-runtime", &head));
        assert_eq!(against(&head), Ok(()));
        assert_eq!(
            against(&with("2.59.1", "3.14.3")).unwrap_err(),
            "Ray is 2.59.1 in marimo-runtime and 2.60.0 in ray-runtime; \
             Python is 3.14.3 in marimo-runtime and 3.14.2 in ray-runtime: not connected"
        );
        assert!(against(&facts()).unwrap_err().contains("Ray is none in marimo-runtime"));
    }

    #[test]
    fn tasks_that_gave_something_else_are_a_failure() {
        let found = |squares: &[u64]| OfCluster {
            ray: "2.60.0".to_owned(),
            squares: squares.to_vec(),
            nodes: vec![],
            resources: [("CPU".to_owned(), 2.0)].into(),
        };
        let check = tasks(CheckName::Tasks, &found(&[0, 1, 4, 9]));
        assert_eq!(
            (check.result, check.detail.as_str()),
            (Outcome::Ok, "4 tasks by Ray 2.60.0 on 2 CPU")
        );
        assert_eq!(tasks(CheckName::Tasks, &found(&[0, 1, 4])).result, Outcome::Failed);
    }
}
