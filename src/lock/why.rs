//! Why a distribution is in the set: the shortest paths to it from every requirement.

use std::collections::{BTreeMap, VecDeque};

use pep508_rs::PackageName;

use super::{Lock, Package};

/// From a requirement, step by step, to the distribution asked about.
pub type Path<'a> = Vec<&'a Package>;

/// Every shortest path from each requirement that needs `name`, shortest first. Empty: it is not locked.
pub fn why<'a>(lock: &'a Lock, name: &PackageName) -> Vec<Path<'a>> {
    let Some(end) = lock.package(name) else { return vec![] };
    let mut distance = BTreeMap::from([(&end.name, 0_usize)]);
    let mut open = VecDeque::from([end]);
    while let Some(package) = open.pop_front() {
        let next = distance[&package.name] + 1;
        for parent in package.required_by.iter().filter_map(|p| lock.package(p)) {
            if !distance.contains_key(&parent.name) {
                distance.insert(&parent.name, next);
                open.push_back(parent);
            }
        }
    }
    let mut paths = Vec::new();
    for requirement in lock.packages.iter().filter(|p| !p.requested.is_empty()) {
        if distance.contains_key(&requirement.name) {
            follow(lock, &distance, vec![requirement], &mut paths);
        }
    }
    paths.sort_by_key(|path| (path.len(), path.iter().map(|p| &p.name).collect::<Vec<_>>()));
    paths
}

fn follow<'a>(
    lock: &'a Lock,
    distance: &BTreeMap<&PackageName, usize>,
    path: Path<'a>,
    paths: &mut Vec<Path<'a>>,
) {
    let last = path[path.len() - 1];
    let Some(nearer) = distance[&last.name].checked_sub(1) else { return paths.push(path) };
    let is_next =
        |p: &&Package| distance.get(&p.name) == Some(&nearer) && p.required_by.contains(&last.name);
    for next in lock.packages.iter().filter(is_next) {
        let mut longer = path.clone();
        longer.push(next);
        follow(lock, distance, longer, paths);
    }
}

/// Locked names that look like `name`, most alike first.
pub fn near<'a>(lock: &'a Lock, name: &PackageName) -> Vec<&'a PackageName> {
    let alike = |other: &PackageName| {
        let ratio = similar::TextDiff::from_chars(name.as_ref(), other.as_ref()).ratio();
        let inside =
            other.as_ref().contains(name.as_ref()) || name.as_ref().contains(other.as_ref());
        if inside { ratio.max(0.8) } else { ratio }
    };
    let mut near: Vec<(f32, &PackageName)> =
        lock.packages.iter().map(|p| (alike(&p.name), &p.name)).collect();
    near.retain(|(ratio, _)| *ratio >= 0.7);
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.into_iter().map(|(_, name)| name).take(3).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::format::tests::sample;

    fn lock() -> Lock {
        let mut lock = sample();
        let model = lock.packages[0].clone();
        let package = |name: &str, requested: &[&str], by: &[&str]| Package {
            name: name.parse().unwrap(),
            requested: requested.iter().map(|r| (*r).to_owned()).collect(),
            required_by: by.iter().map(|r| r.parse().unwrap()).collect(),
            ..model.clone()
        };
        lock.packages = vec![
            package("a", &["a"], &[]),
            package("b", &["b[x]"], &[]),
            package("c", &[], &["b"]),
            package("d", &[], &["b", "e"]),
            package("e", &[], &["a", "n"]),
            package("n", &[], &["a", "c", "d"]),
            package("z", &["z"], &["n"]),
        ];
        lock
    }

    fn names(lock: &Lock, name: &str) -> Vec<String> {
        let join = |path: Path| path.iter().map(|p| p.name.as_ref()).collect::<Vec<_>>().join(" ");
        why(lock, &name.parse().unwrap()).into_iter().map(join).collect()
    }

    #[test]
    fn every_shortest_path_from_each_requirement_is_found_even_around_a_circle() {
        let lock = lock();
        assert_eq!(names(&lock, "n"), ["a n", "b c n", "b d n"]);
        assert_eq!(names(&lock, "z"), ["z", "a n z", "b c n z", "b d n z"]);
        assert_eq!(names(&lock, "numpy"), Vec::<String>::new());
    }

    #[test]
    fn near_names_are_suggested() {
        let lock = sample();
        let near =
            |name: &str| super::near(&lock, &name.parse().unwrap()).first().map(|n| n.to_string());
        assert_eq!(near("pytorch").as_deref(), Some("torch"));
        assert_eq!(near("marino").as_deref(), Some("marimo"));
        assert_eq!(near("zzzz"), None);
    }
}
