//! Of all sets that satisfy the requirements, finds the one in which the requirement that is furthest behind its newest
//! version is least behind; of those, the one in which the next is, and so on. Transitive distributions give way first.
//!
//! One run of pubgrub finds some set: whichever requirement it decides first keeps its newest version, whatever that costs
//! the others. So the requirement that fell back is tried again from above: is there a set in which every requirement is at most
//! this far behind? The bound starts at zero, grows until there is a set, and is then bisected.

use std::collections::BTreeMap;

use pep508_rs::PackageName;

use super::error::Error;
use super::found::Found;
use super::lag::{Ladder, Lag};
use super::question::Floors;

/// Bounds that are tried one after another, in days; then the best known one.
const DAYS: [i64; 10] = [0, 7, 30, 91, 182, 365, 730, 1461, 2922, 5844];

/// Steps of the solver for one try: a fixed number, and some for each distribution of the set.
const STEPS: usize = 500;
const STEPS_EACH: usize = 20;

/// Where more requirements than this could be the one that is furthest behind, the choice among them is not tried.
const TIED: usize = 3;

impl Found<'_> {
    /// The distances of these, furthest first.
    fn sorted_lags(&self, names: &[&PackageName]) -> Vec<Lag> {
        let own = |name: &&PackageName| Some(self.provider.ladder(name).lag(self.version(name)?));
        let mut lags: Vec<_> = names.iter().filter_map(own).collect();
        lags.sort_unstable_by(|one, other| other.cmp(one));
        lags
    }

    /// The distance of each of these.
    fn lags<'n>(&self, ladders: &BTreeMap<&'n PackageName, Ladder>) -> Vec<(Lag, &'n PackageName)> {
        let own = |(name, ladder): (&&'n PackageName, &Ladder)| {
            (self.version(name).map_or_else(Lag::default, |version| ladder.lag(version)), *name)
        };
        ladders.iter().map(own).collect()
    }
}

/// Improves `first` as far as that goes for the requirements of these names. `solve` finds a set in which none is older than
/// its floor; `None`: there is none, or the search takes too long.
pub(super) fn least_behind<'a>(
    first: Found<'a>,
    names: &[&PackageName],
    solve: impl Fn(Floors, usize) -> Result<Option<Found<'a>>, Error>,
) -> Result<Found<'a>, Error> {
    improve(first, names, Floors::new(), &solve)
}

/// The same, where those of `fixed` cannot be younger, and must not be older.
fn improve<'a>(
    mut best: Found<'a>,
    names: &[&PackageName],
    mut fixed: Floors,
    solve: &impl Fn(Floors, usize) -> Result<Option<Found<'a>>, Error>,
) -> Result<Found<'a>, Error> {
    loop {
        let open = names.iter().filter(|name| !fixed.contains_key(**name));
        let ladders: BTreeMap<_, _> =
            open.map(|name| (*name, best.provider.ladder(name))).collect();
        let furthest = best.lags(&ladders).into_iter().max();
        let Some((worst, name)) = furthest.filter(|(lag, _)| *lag > Lag::default()) else {
            return Ok(best);
        };
        // All are at most this far behind, except `paying`.
        let bounded = |most: Lag, paying: Option<&PackageName>| {
            let own = |(name, ladder): (&&PackageName, &Ladder)| {
                let most = if paying == Some(name) { worst } else { most };
                Some(((*name).clone(), ladder.floor(most)?.clone()))
            };
            let mut floors: Floors = ladders.iter().filter_map(own).collect();
            floors.extend(fixed.clone());
            // A proof that there is no such set may take far too long.
            solve(floors, STEPS + STEPS_EACH * best.settled.len())
        };
        let levels = levels(&ladders, worst);
        if let Some(found) = least(&levels, &ladders, |most| bounded(most, None))? {
            best = found;
            continue;
        }
        // One of them must be this far behind. If it could be more than one, which?
        let payers: Vec<_> =
            ladders.iter().filter(|(_, l)| l.has(worst)).map(|(n, _)| *n).collect();
        let mut ends = Vec::new();
        if let (2..=TIED, Some(most)) = (payers.len(), levels.last()) {
            for payer in payers {
                let Some(found) = bounded(*most, Some(payer))? else { continue };
                let fixed = with(&fixed, payer, &found);
                let end = improve(found, names, fixed, solve)?;
                ends.push((end.sorted_lags(names), end));
            }
        }
        match ends.into_iter().min_by(|(one, _), (other, _)| one.cmp(other)) {
            Some((_, end)) => return Ok(end),
            None => fixed = with(&fixed, name, &best),
        }
    }
}

fn with(fixed: &Floors, name: &PackageName, found: &Found) -> Floors {
    let mut fixed = fixed.clone();
    fixed.extend(found.version(name).map(|version| (name.clone(), version.clone())));
    fixed
}

/// All distances below `than` that a version can have, in order.
fn levels(ladders: &BTreeMap<&PackageName, Ladder>, than: Lag) -> Vec<Lag> {
    let mut levels: Vec<_> = ladders.values().flat_map(|ladder| ladder.less(than)).collect();
    levels.sort_unstable();
    levels.dedup();
    levels
}

/// The set with the smallest bound of `levels` for which there is one.
fn least<'a>(
    levels: &[Lag],
    ladders: &BTreeMap<&PackageName, Ladder>,
    bounded: impl Fn(Lag) -> Result<Option<Found<'a>>, Error>,
) -> Result<Option<Found<'a>>, Error> {
    // Below `low` there is no set; `found` is one.
    let (mut low, mut found) = (0, None);
    let within = |days: &i64| levels.partition_point(|lag| lag.days <= *days);
    for end in DAYS.iter().map(within).chain([levels.len()]) {
        if end <= low {
            continue;
        }
        found = bounded(levels[end - 1])?;
        if found.is_some() {
            break;
        }
        low = end;
    }
    let Some(mut found) = found else { return Ok(None) };
    loop {
        let worst = found.lags(ladders).into_iter().map(|(lag, _)| lag).max();
        let high = levels.partition_point(|lag| Some(*lag) < worst);
        if low >= high {
            return Ok(Some(found));
        }
        let middle = low.midpoint(high);
        match bounded(levels[middle])? {
            Some(better) => found = better,
            None => low = middle + 1,
        }
    }
}

/// For every one of these names that is far behind in `best`: which others would be older with its newest version.
pub(super) fn what_gives_way<'a>(
    best: &Found<'a>,
    names: &[&PackageName],
    solve: impl Fn(Floors, usize) -> Result<Option<Found<'a>>, Error>,
) -> Result<BTreeMap<PackageName, String>, Error> {
    let mut sentences = BTreeMap::new();
    for name in names {
        let ladder = best.provider.ladder(name);
        let far = best.version(name).filter(|version| ladder.lag(version).is_far());
        let (Some(_), Some(newest)) = (far, ladder.newest()) else { continue };
        let floors = Floors::from([((*name).clone(), newest.clone())]);
        let Some(other) = solve(floors, STEPS + STEPS_EACH * best.settled.len())? else { continue };
        let older = names.iter().filter_map(|name| {
            let version = other.version(name)?;
            (version < best.version(name)?).then(|| format!("{name} {version}"))
        });
        let older: Vec<_> = older.collect();
        if !older.is_empty() {
            let others = super::explain::and(&older);
            sentences.insert((*name).clone(), format!("{name} {newest} would take {others}"));
        }
    }
    Ok(sentences)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::solve::fixture::{MapCatalog, environment, spec};
    use crate::solve::solve;

    /// The versions and the report, for requirements in every order: always the same.
    fn chosen(requirements: &[&str], catalog: &str) -> (String, Vec<String>) {
        let catalog = MapCatalog::new(catalog);
        let answers = permutations(requirements).into_iter().map(|requirements| {
            let spec = spec(&format!("g: {}", requirements.join("; ")));
            let solution = solve(&spec, &environment(), &catalog, &BTreeMap::new()).unwrap();
            let asked = solution.chosen.iter().filter(|c| !c.requested.is_empty());
            let set: Vec<_> =
                asked.map(|c| format!("{} {}", c.candidate.name, c.candidate.version)).collect();
            let mut report = solution.held_back;
            report.sort();
            (set.join(", "), report)
        });
        let answers: std::collections::BTreeSet<_> = answers.collect();
        assert_eq!(answers.len(), 1, "{answers:#?}");
        answers.into_iter().next().unwrap()
    }

    fn permutations<'t>(items: &[&'t str]) -> Vec<Vec<&'t str>> {
        if items.len() < 2 {
            return vec![items.to_vec()];
        }
        let with_first = |i: usize| {
            let mut rest = items.to_vec();
            rest.remove(i);
            permutations(&rest).into_iter().map(move |others| [vec![items[i]], others].concat())
        };
        (0..items.len()).flat_map(with_first).collect()
    }

    #[test]
    fn the_order_of_requirements_does_not_matter_and_nobody_falls_back_years() {
        let (set, report) = chosen(
            &["pillow", "moviepy"],
            "pillow 13.0!at=2026-10-01:\npillow 11.3!at=2025-07-01:\npillow 9.0!at=2022-01-01:\n\
             moviepy 2.2.1!at=2025-05-01: pillow<12\nmoviepy 0.2.3!at=2017-01-01:",
        );
        assert_eq!(set, "moviepy 2.2.1, pillow 11.3");
        assert_eq!(
            report,
            [
                "pillow 11.3 instead of 13.0: moviepy 2.2.1 needs pillow<12; pillow 13.0 would take moviepy 0.2.3"
            ]
        );
    }

    #[test]
    fn the_requirement_that_would_be_furthest_behind_decides_not_the_first_by_name() {
        // By name alone `a` would keep its newest version, and `z` fall back seven years.
        let catalog = "a 3.0!at=2026-10-01: z<2\na 2.9!at=2026-08-01:\na 2.8!at=2026-06-01:\n\
             z 2.0!at=2026-09-01:\nz 1.0!at=2019-01-01:\nz 1.9!at=2019-06-01:";
        assert_eq!(chosen(&["a", "z"], catalog).0, "a 2.9, z 2.0");
        let all = "b 5.0!at=2026-01-01: a>=3\nb 4.0!at=2020-01-01:\n".to_owned() + catalog;
        // With `b`, which falls further still without the newest `a`, `z` pays after all, and the reason is reported.
        let (set, report) = chosen(&["a", "b", "z"], &all);
        assert_eq!(set, "a 2.9, b 4.0, z 2.0");
        assert!(report.iter().any(|t| t.contains("b 5.0 would take z 1.9")), "{report:?}");
    }

    #[test]
    fn what_a_requirement_needs_gives_way_before_it() {
        let catalog = "app 2.0!at=2026-01-01: lib<2\napp 1.0!at=2025-12-01:\nlib 2.0!at=2026-01-01:\nlib 1.0!at=2016-01-01:";
        assert_eq!(chosen(&["app"], catalog).0, "app 2.0");
        assert_eq!(chosen(&["app", "lib"], catalog).0, "app 1.0, lib 2.0");
    }

    #[test]
    fn of_many_versions_the_newest_that_fits_is_found() {
        let mut catalog = String::from("base 2.0!at=2026-11-01:\nbase 1.0!at=2026-10-01:\n");
        for (n, day) in (0..300).map(|n| (n, 20000 + n * 8)) {
            let day = jiff::civil::date(1970, 1, 1) + jiff::Span::new().days(day);
            let needs = if n > 200 { "base<2" } else { "" };
            catalog += &format!("often 1.{n}!at={day}: {needs}\n");
        }
        // `often` 1.200 was superseded two years before its newest; `base` 1.0 by the newest itself.
        assert_eq!(chosen(&["often", "base"], &catalog).0, "base 1.0, often 1.299");
    }

    /// A number below `end`, from a linear congruential generator.
    fn random(state: &mut u64, end: u64) -> u64 {
        *state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % end
    }

    /// Up to five versions each of four requirements and two others, which need each other in ranges.
    fn random_catalog(seed: u64) -> String {
        let state = &mut (seed * 7919 + 1);
        let names = ["a", "b", "c", "d", "s", "t"];
        let mut text = String::new();
        for (index, name) in names.iter().enumerate() {
            for version in 1..=2 + random(state, 4) {
                let year = 2010 + version * 3 + random(state, 3);
                let mut needs = Vec::new();
                for other in names.iter().skip(if index < 4 { 0 } else { 4 }) {
                    if other != name && random(state, 4) == 0 {
                        let sign = ["<", ">=", "==", "!="][random(state, 4) as usize];
                        needs.push(format!("{other}{sign}{}", 1 + random(state, 5)));
                    }
                }
                let needs = needs.join("; ");
                text += &format!("{name} {version}!at={year}-01-0{}: {needs}\n", 1 + index);
            }
        }
        text
    }

    /// The distances of the best set, furthest first, by trying all sets; `None`: there is no set.
    fn by_trying_all(catalog: &MapCatalog) -> Option<Vec<Lag>> {
        let names: Vec<PackageName> =
            "abcdst".chars().map(|c| c.to_string().parse().unwrap()).collect();
        let projects: Vec<_> = names.iter().map(|n| catalog.project(n).unwrap()).collect();
        let ladders: Vec<_> = projects.iter().map(|p| Ladder::of(p.candidates.iter())).collect();
        // Of the last two the choice may be "none".
        let options = |i: usize| projects[i].candidates.len() + usize::from(i >= 4);
        let total: usize = (0..6).map(options).product();
        let sets = (0..total).filter_map(|mut number| {
            let set: Vec<_> = (0..6)
                .map(|i| {
                    let own = number % options(i);
                    number /= options(i);
                    projects[i].candidates.get(own)
                })
                .collect();
            let fits = set.iter().flatten().all(|candidate| {
                catalog.metadata(candidate).unwrap().requires.iter().all(|r| {
                    let i = names.iter().position(|n| *n == r.name).unwrap();
                    let Some(pep508_rs::VersionOrUrl::VersionSpecifier(s)) = &r.version_or_url
                    else {
                        return set[i].is_some();
                    };
                    set[i].is_some_and(|c| s.contains(&c.version))
                })
            });
            let lags = || (0..4).map(|i| ladders[i].lag(&set[i].unwrap().version));
            fits.then(|| sorted(lags().collect()))
        });
        sets.min()
    }

    fn sorted(mut lags: Vec<Lag>) -> Vec<Lag> {
        lags.sort_unstable_by(|a, b| b.cmp(a));
        lags
    }

    #[test]
    fn no_set_of_random_catalogs_has_its_requirements_less_behind() {
        let (mut solved, mut behind) = (0, 0);
        for seed in 0..300 {
            let text = random_catalog(seed);
            let catalog = MapCatalog::new(&text);
            let spec = spec("g: a; b; c; d");
            let ours = solve(&spec, &environment(), &catalog, &BTreeMap::new());
            let best = by_trying_all(&catalog);
            let Ok(ours) = ours else {
                assert_eq!(best, None, "{text}");
                continue;
            };
            let lag = |c: &crate::catalog::Chosen| {
                let project = catalog.project(&c.candidate.name).unwrap();
                Ladder::of(project.candidates.iter()).lag(&c.candidate.version)
            };
            let ours = ours.chosen.iter().filter(|c| !c.requested.is_empty()).map(lag);
            let ours = sorted(ours.collect());
            assert_eq!(Some(&ours), best.as_ref(), "seed {seed}:\n{text}");
            solved += 1;
            behind += usize::from(ours[0] > Lag::default());
        }
        assert!(solved > 100 && behind > 50, "{solved} {behind}");
    }
}
