//! The order in which packages are configured: what a package depends on comes before it (Debian Policy 7.2).

use crate::control::Control;
use crate::error::Flaw;
use crate::relation::{self, Relation};

/// Places of the packages in an order in which each comes after what it depends on, essential and required ones first, as in a
/// system that debootstrap begins; beyond that they stay in the order in which they are given. A circle is opened where it is met first.
/// What is not among them is taken for configured.
///
/// # Errors
///
/// [`Flaw::Field`] for a field that is no list of relations.
pub fn configure_order(packages: &[&Control]) -> Result<Vec<usize>, Flaw> {
    let names: Vec<Vec<(&str, &str)>> = packages.iter().map(|package| names(package)).collect();
    let meets = |relation: &Relation<'_>| {
        let by = |all: &Vec<(&str, &str)>| {
            all.iter().any(|(name, version)| relation.names(name, version))
        };
        names.iter().position(by)
    };
    let mut needs = Vec::new();
    for package in packages {
        let mut of = Vec::new();
        for field in ["Pre-Depends", "Depends"] {
            let value = package.stanza.get(field).unwrap_or_default();
            for group in relation::parse(field, value)? {
                of.extend(group.iter().find_map(meets));
            }
        }
        needs.push(of);
    }
    let rank = |place: &usize| -> u8 {
        let field = |name| packages[*place].stanza.get(name).unwrap_or_default().trim();
        match (field("Essential"), field("Priority")) {
            ("yes", _) => 0,
            (_, "required") => 1,
            _ => 2,
        }
    };
    let mut roots: Vec<usize> = (0..packages.len()).collect();
    roots.sort_by_key(rank);
    let mut order = Vec::new();
    let mut seen = vec![false; packages.len()];
    // Each with how many of its needs were looked at: no recursion, so that a long chain needs no stack.
    let mut open: Vec<(usize, usize)> = Vec::new();
    for root in roots {
        if !std::mem::replace(&mut seen[root], true) {
            open.push((root, 0));
        }
        while let Some((place, at)) = open.last_mut() {
            match needs[*place].get(*at) {
                Some(&need) => {
                    *at += 1;
                    if !std::mem::replace(&mut seen[need], true) {
                        open.push((need, 0));
                    }
                }
                None => {
                    order.push(*place);
                    open.pop();
                }
            }
        }
    }
    Ok(order)
}

/// What a package is, and what it provides: names and versions.
fn names(package: &Control) -> Vec<(&str, &str)> {
    let provides = package.stanza.get("Provides").unwrap_or_default();
    let provided = provides.split(',').map(|one| {
        let (name, rest) = one.trim().split_once([' ', '(']).unwrap_or((one.trim(), ""));
        (name, rest.trim_matches([' ', '(', ')', '=']))
    });
    std::iter::once((package.name.as_str(), package.version.as_str())).chain(provided).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stanza::Stanza;

    fn control(name: &str, fields: &str) -> Control {
        Control {
            name: name.into(),
            version: "1.0".into(),
            architecture: "amd64".into(),
            multi_arch_same: false,
            stanza: Stanza::parse(&format!("Package: {name}\n{fields}")).unwrap(),
            conffiles: Vec::new(),
            members: Default::default(),
        }
    }

    fn order(packages: &[(&str, &str)]) -> Vec<String> {
        let controls: Vec<Control> =
            packages.iter().map(|(name, fields)| control(name, fields)).collect();
        let places = configure_order(&controls.iter().collect::<Vec<_>>()).unwrap();
        places.into_iter().map(|place| controls[place].name.clone()).collect()
    }

    #[test]
    fn what_is_needed_comes_first_and_the_rest_stays_in_order() {
        let packages = [
            ("curl", "Depends: libcurl4 (= 1.0), ca-certificates | nothing\n"),
            ("zlib", ""),
            ("libcurl4", "Depends: missing, ssl-library (>= 3)\n"),
            ("libssl3", "Provides: ssl-library (= 3.5), other\n"),
            ("ca-certificates", ""),
            ("passwd", "Priority: required\nPre-Depends: zlib\n"),
            ("bash", "Essential: yes\n"),
        ];
        let expected = ["bash", "zlib", "passwd", "libssl3", "libcurl4", "ca-certificates", "curl"];
        assert_eq!(order(&packages), expected);
    }

    #[test]
    fn a_circle_is_opened_and_a_long_chain_needs_no_stack() {
        let circle = [("libc6", "Depends: libgcc-s1\n"), ("libgcc-s1", "Depends: libc6\n")];
        assert_eq!(order(&circle), ["libgcc-s1", "libc6"]);
        let names: Vec<String> = (0..1000).map(|at| format!("p{at}")).collect();
        let fields: Vec<String> = (1..=1000).map(|at| format!("Depends: p{at}\n")).collect();
        let chain: Vec<(&str, &str)> =
            names.iter().map(String::as_str).zip(fields.iter().map(String::as_str)).collect();
        assert_eq!(order(&chain)[0], "p999");
    }
}
