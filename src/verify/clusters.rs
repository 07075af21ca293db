//! Ray in the checked images: a cluster in every image that is for Ray; from those with marimo, clients of the
//! first one.

use super::checks::CheckName::{self, Client, Dashboard, Ray, Tasks};
use super::checks::{Check, Expected};
use super::known::Known;
use super::sandbox::Sandbox;
use super::{Error, Selection, cluster};

/// The role of each image in the checks of Ray, by index.
#[derive(Debug, Default, PartialEq)]
struct Roles {
    /// A cluster is started in each.
    heads: Vec<usize>,
    /// These connect to the first head.
    clients: Vec<usize>,
    /// What is not checked, and why.
    untried: Vec<(usize, Check)>,
}

/// Pure. `images`: the name and expected content of each.
fn decide(images: &[(&str, &Expected)]) -> Roles {
    let mut roles = Roles::default();
    let has = |index: usize, name: &str| images[index].1.has(name);
    let all = 0..images.len();
    roles.heads = all.clone().filter(|i| has(*i, "ray") && !has(*i, "marimo")).collect();
    if roles.heads.is_empty() {
        roles.heads = all.clone().find(|i| has(*i, "ray")).into_iter().collect();
    }
    for index in all {
        if !roles.heads.contains(&index) {
            let untried = |check| match roles.heads.first() {
                Some(head) => {
                    Check::skipped(check, format!("the head runs in {}", images[*head].0))
                }
                None => Check::not_locked(check, "ray"),
            };
            roles.untried.extend([Ray, Tasks, Dashboard].map(|check| (index, untried(check))));
        }
        if !has(index, "marimo") {
            roles.untried.push((index, Check::not_locked(Client, "marimo")));
        } else if !images[index].1.has_client() {
            roles.untried.push((index, Check::not_locked(Client, "ray[client]")));
        } else if roles.heads.is_empty() {
            roles.untried.push((index, Check::skipped(Client, "no image here has Ray")));
        } else {
            roles.clients.push(index);
        }
    }
    roles
}

/// Checks Ray in these images; each check comes with [`Known::index`].
///
/// # Errors
/// Containers cannot be run.
pub(super) async fn run(
    sandbox: &Sandbox,
    here: &[Known<'_>],
    selection: &Selection,
) -> Result<Vec<(usize, Check)>, Error> {
    if ![Ray, Tasks, Dashboard, Client].iter().any(|check| selection.wants(*check)) {
        return Ok(vec![]);
    }
    let images: Vec<_> = here.iter().map(|k| (k.target.name.as_str(), k.expected)).collect();
    let Roles { heads, clients, untried } = decide(&images);
    let mut checks = untried;
    for (order, head) in heads.into_iter().enumerate() {
        let clients = if order == 0 { clients.as_slice() } else { &[] };
        checks.extend(one(sandbox, here, head, clients).await?);
    }
    Ok(checks.into_iter().map(|(place, check)| (here[place].index, check)).collect())
}

/// A cluster in one image, with clients from these others.
async fn one(
    sandbox: &Sandbox,
    here: &[Known<'_>],
    place: usize,
    clients: &[usize],
) -> Result<Vec<(usize, Check)>, Error> {
    let known = &here[place];
    let what = format!("ray-{}", known.index);
    let (check, head) = cluster::head(sandbox, &what, &known.target.image, known.expected).await?;
    let mut checks = vec![(place, check)];
    let Some(head) = head else {
        let skipped = |check: CheckName| Check::skipped(check, "no head runs");
        checks.extend([Tasks, Dashboard].map(|check| (place, skipped(check))));
        checks.extend(clients.iter().map(|client| (*client, skipped(Client))));
        return Ok(checks);
    };
    checks.push((place, head.tasks().await?));
    let dashboard = match known.expected.has_dashboard() {
        true => head.dashboard().await?,
        false => Check::not_locked(Dashboard, "ray[default]"),
    };
    checks.push((place, dashboard));
    for place in clients {
        let client = &here[*place];
        let check = match (&client.facts, &known.facts) {
            (Some(here), Some(there)) => {
                let what = format!("client-{}", client.index);
                let sides = ((&*client.target.name, here), (&*known.target.name, there));
                head.client(sandbox, &what, &client.target.image, sides).await?
            }
            _ => Check::skipped(Client, "one of the two gave no report of its versions"),
        };
        checks.push((*place, check));
    }
    head.remove().await?;
    Ok(checks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(packages: &[&str]) -> Expected {
        let package = |name: &&str| (name.parse().unwrap(), "1".parse().unwrap());
        Expected {
            python: "3.14.2".parse().unwrap(),
            packages: packages.iter().map(package).collect(),
            cuda_line: None,
            arch_list: vec![],
            gpus: vec![],
            max_size: None,
        }
    }

    fn decided(images: &[(&str, &[&str])]) -> (Vec<usize>, Vec<usize>, Vec<String>) {
        let expected: Vec<_> = images.iter().map(|(_, packages)| expected(packages)).collect();
        let images: Vec<_> =
            images.iter().zip(&expected).map(|((name, _), expected)| (*name, expected)).collect();
        let Roles { heads, clients, untried } = decide(&images);
        let untried = untried
            .into_iter()
            .map(|(place, check)| format!("{place} {}: {}", check.check, check.detail));
        (heads, clients, untried.collect())
    }

    const RAY: &[&str] = &["ray", "grpcio"];
    const BOTH: &[&str] = &["ray", "grpcio", "marimo"];

    #[test]
    fn a_head_runs_where_ray_is_alone_and_marimo_connects_to_it() {
        let (heads, clients, untried) = decided(&[("ray", RAY), ("marimo", BOTH)]);
        assert_eq!((heads, clients), (vec![0], vec![1]));
        assert!(untried.contains(&"1 tasks: the head runs in ray".to_owned()), "{untried:?}");
        assert!(untried.iter().any(|line| line.starts_with("0 client")), "{untried:?}");
    }

    #[test]
    fn an_image_with_both_has_the_head_where_no_other_can_have_it() {
        assert_eq!(decided(&[("marimo", BOTH)]).0, [0]);
        assert_eq!(decided(&[("marimo", BOTH)]).1, [0]);
    }

    #[test]
    fn without_ray_nothing_of_it_is_tried() {
        let (heads, clients, untried) = decided(&[("torch", &["torch"])]);
        assert_eq!((heads.len(), clients.len(), untried.len()), (0, 0, 4));
    }
}
