//! The links of a page → the versions of a project: the best wheel of each, or why there is none.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::PackageName;
use url::Url;

use super::link::Link;
use super::place::{absolute, lasting_path};
use crate::built_for::Accelerator;
use crate::catalog::{Candidate, Project, Skip, Skipped, Target, WheelFile};
use crate::lock::Location;
use crate::login;
use crate::python::{Rank, WheelName, same_project, sdist_version, specifiers};
use crate::spec::SourceName;

/// The state of one version while the page is read.
#[derive(Default)]
struct Versioned<'a> {
    best: Option<Fit<'a>>,
    /// Wheels that do not run on the target.
    foreign: Vec<Cow<'a, str>>,
    excluded: Option<VersionSpecifiers>,
    unreadable: Option<String>,
    too_new: Option<Timestamp>,
}

struct Fit<'a> {
    rank: Rank,
    link: Link<'a>,
    requires_python: Option<VersionSpecifiers>,
}

impl Fit<'_> {
    /// A yanked file comes after all others: files are yanked one by one.
    fn order(&self) -> (bool, Rank, (Option<u64>, &str)) {
        let build = WheelName::parse(&self.link.file).map(|w| w.build_order());
        (!self.link.yanked, self.rank, build.unwrap_or_default())
    }
}

/// The versions of a project while the links of a page are read.
pub(super) struct Versions<'a, 't> {
    name: &'t PackageName,
    source: &'t SourceName,
    target: &'t Target,
    cut_off: Option<Timestamp>,
    versions: Vec<(String, Versioned<'a>)>,
    /// The index of each version.
    places: HashMap<String, usize>,
    sdists: Vec<Cow<'a, str>>,
    withdrawn: Vec<String>,
    /// Requires-Python texts repeat on a page.
    requires: HashMap<String, Result<VersionSpecifiers, String>>,
}

impl<'a, 't> Versions<'a, 't> {
    pub(super) fn new(name: &'t PackageName, source: &'t SourceName, target: &'t Target) -> Self {
        Self {
            name,
            source,
            target,
            cut_off: target.cut_offs.of(name, source),
            versions: Vec::new(),
            places: HashMap::new(),
            sdists: Vec::new(),
            withdrawn: Vec::new(),
            requires: HashMap::new(),
        }
    }

    /// Adds a link; files of other projects are ignored.
    pub(super) fn add(&mut self, link: Link<'a>) {
        let Some(wheel) = WheelName::split(&link.file) else {
            if sdist_version(&link.file, self.name).is_some() {
                self.sdists.push(link.file);
            }
            return;
        };
        if !same_project(wheel.distribution, self.name) {
            return;
        }
        let rank = self.target.tags.rank(&wheel);
        let place = self.place(wheel.version);
        let requires_python = match (&rank, link.requires_python.as_deref()) {
            (Some(_), Some(text)) => Some(self.requires_python(text)),
            _ => None,
        };
        let (_, version) = &mut self.versions[place];
        let Some(rank) = rank else {
            version.foreign.push(link.file);
            return;
        };
        if let Some(cut_off) = self.cut_off
            && let Some(at) = locked_time(self.target, &link).or_else(|| uploaded(&link))
            && at >= cut_off
        {
            version.too_new = Some(at);
            return;
        }
        let requires_python = match requires_python.transpose() {
            Ok(requires) => requires,
            Err(why) => {
                version.unreadable = Some(format!("{}: Requires-Python: {why}", link.file));
                return;
            }
        };
        if let Some(requires) = &requires_python
            && !requires.contains(&self.target.python)
        {
            version.excluded = requires_python;
            return;
        }
        if link.yanked {
            self.withdrawn.push(link.file.to_string());
        }
        let fit = Fit { rank, link, requires_python };
        // Among equals the first wins: indexes list the preferred host first.
        if version.best.as_ref().is_none_or(|best| fit.order() > best.order()) {
            version.best = Some(fit);
        }
    }

    /// The index of a version among them; the wheels of one are mostly adjacent.
    fn place(&mut self, version: &str) -> usize {
        match self.versions.last() {
            Some((last, _)) if last == version => return self.versions.len() - 1,
            _ => {}
        }
        if let Some(place) = self.places.get(version) {
            return *place;
        }
        let place = self.versions.len();
        self.places.insert(version.to_owned(), place);
        self.versions.push((version.to_owned(), Versioned::default()));
        place
    }

    fn requires_python(&mut self, text: &str) -> Result<VersionSpecifiers, String> {
        if let Some(known) = self.requires.get(text) {
            return known.clone();
        }
        let read = specifiers(text);
        self.requires.insert(text.to_owned(), read.clone());
        read
    }

    /// The candidates; links are relative to `base`.
    pub(super) fn finish(self, base: &Url) -> Project {
        let Self { name, source, target, versions, sdists, withdrawn, .. } = self;
        let (mut candidates, mut skipped) = (Vec::new(), Vec::new());
        let mut skip =
            |version: Version, why: Skip| skipped.push(Skipped { version, why: why.into() });
        for (text, found) in versions {
            let Ok(version) = text.parse::<Version>() else { continue };
            if let Some(built) = target.foreign(name, &version) {
                skip(version, foreign_build(name, built));
                continue;
            }
            let page = base;
            let candidate = found.best.map(|fit| candidate(name, source, &version, page, fit));
            if let (None, Some(at)) = (&candidate, found.too_new) {
                skip(version, Skip::TooNew(at));
                continue;
            }
            match (candidate, found.excluded, found.unreadable) {
                (Some(Ok(candidate)), ..) => candidates.push(candidate),
                (Some(Err(why)), ..) => skip(version, Skip::Unreadable(why)),
                (None, Some(requires), _) => skip(version, Skip::RequiresPython(requires)),
                (None, None, Some(why)) => skip(version, Skip::Unreadable(why)),
                (None, None, None) => {
                    skip(version, Skip::NoMatchingWheel(foreign(&found.foreign, target)))
                }
            }
        }
        // Of one version in two spellings, `1.0` and `1.0.0`, the same is always taken.
        candidates.sort_by(|a, b| b.version.cmp(&a.version).then_with(|| a.file.cmp(&b.file)));
        candidates.dedup_by(|later, first| later.version == first.version);
        let mut known: BTreeSet<Version> = candidates.iter().map(|c| c.version.clone()).collect();
        skipped.retain(|s| known.insert(s.version.clone()));
        for file in &sdists {
            if let Some(Ok(version)) = sdist_version(file, name).map(str::parse::<Version>)
                && known.insert(version.clone())
            {
                skipped.push(Skipped { version, why: Skip::NoWheel.into() });
            }
        }
        skipped.sort_by(|a, b| b.version.cmp(&a.version));
        let (name, source) = (name.clone(), source.clone());
        Project { name, source, candidates, skipped, quarantined: None, withdrawn }
    }
}

/// When a locked file with the same bytes was uploaded, as the lock has it.
fn locked_time(target: &Target, link: &Link) -> Option<Timestamp> {
    let hex = link.sha256.as_deref().filter(|_| !target.times.is_empty())?;
    target.times.get(&hex.parse().ok()?).map(|upload| upload.at)
}

fn uploaded(link: &Link) -> Option<Timestamp> {
    let text = link.uploaded.as_deref()?;
    // A time without a zone is in UTC.
    let plain = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    text.parse().ok().or_else(|| plain().map(|zoned| zoned.timestamp()))
}

fn candidate(
    name: &PackageName,
    source: &SourceName,
    version: &Version,
    base: &Url,
    fit: Fit,
) -> Result<Candidate, String> {
    let link = fit.link;
    let unreadable =
        || format!("{}: its address `{}` cannot be used", link.file, login::masked(&link.href));
    let url = absolute(base, &link.href).ok_or_else(unreadable)?;
    let path = lasting_path(base, &url);
    let location = Location { source: source.clone(), path };
    let (yanked, uploaded) = (link.yanked, uploaded(&link));
    let wheel = WheelFile {
        location,
        sha256: link.sha256.as_deref().and_then(|hex| hex.parse().ok()),
        stated: link.stated(),
        size: link.size,
        requires_python: fit.requires_python,
        sidecar: link.sidecar(),
        file: link.file.into_owned(),
        url,
    };
    Ok(Candidate::new(name.clone(), version.clone(), yanked, uploaded, wheel))
}

/// Why a build for another accelerator is skipped.
fn foreign_build(name: &PackageName, built: Accelerator) -> Skip {
    match built {
        Accelerator::Unclear(text) => Skip::Unreadable(format!(
            "`+{text}` begins like a CUDA tag but names no CUDA line; [cuda] allow = [\"{name}\"] takes it as it is"
        )),
        built => Skip::NoMatchingWheel(vec![built.to_string()]),
    }
}

/// Which wheels exist instead: the Pythons that have one for this platform, or else the platforms.
fn foreign(files: &[Cow<str>], target: &Target) -> Vec<String> {
    let wheels: Vec<_> = files.iter().filter_map(|f| WheelName::parse(f).ok()).collect();
    let here: BTreeSet<&str> = wheels
        .iter()
        .filter(|w| target.tags.has_platform(w))
        .map(|w| if w.abi == "none" || w.abi == "abi3" { w.python } else { w.abi })
        .collect();
    let there = || wheels.iter().map(|w| w.platform).collect::<BTreeSet<_>>();
    let tags = if here.is_empty() { there() } else { here };
    let mut tags: Vec<_> = tags.into_iter().map(str::to_owned).collect();
    // `cp39` before `cp310`.
    tags.sort_by_key(String::len);
    tags
}

#[cfg(test)]
mod tests {
    use super::super::page::{Format, Page};
    use super::*;
    use crate::python::GlibcVersion;

    fn target(cuda: &str) -> Target {
        let glibc = GlibcVersion { major: 2, minor: 39 };
        Target::new(
            crate::platform::Platform::LINUX_AMD64,
            "3.14.1".parse().unwrap(),
            glibc,
            cuda.parse().unwrap(),
        )
    }

    fn page_of(text: &str) -> Page {
        let url = "https://index.example/whl/cu130/x/".parse().unwrap();
        Page { url, format: Format::Html, text: text.to_owned() }
    }

    fn project(page: &str, name: &str, cuda: &str) -> Project {
        let (name, source) = (name.parse().unwrap(), "main".parse().unwrap());
        page_of(page).project(&name, &source, &target(cuda)).unwrap()
    }

    fn versions(project: &Project) -> Vec<String> {
        project.candidates.iter().map(|c| c.version.to_string()).collect()
    }

    #[test]
    fn the_best_wheel_of_each_version_is_kept_newest_first() {
        let page = "<a href=a-1.9-py3-none-any.whl>1</a><a href=a-1.10-py3-none-any.whl>2</a>\
            <a href=a-1.10-cp314-cp314-manylinux_2_17_x86_64.manylinux2014_x86_64.whl>3</a>\
            <a href=a-1.10-1-cp314-cp314-manylinux2014_x86_64.manylinux_2_17_x86_64.whl>4</a>\
            <a href=a-1.10-cp314-cp314t-manylinux_2_17_x86_64.whl>5</a><a href=b-3-py3-none-any.whl>6</a>";
        let project = project(page, "a", "cu130");
        assert_eq!(versions(&project), ["1.10", "1.9"]);
        assert!(project.candidates[0].file.starts_with("a-1.10-1-"));
        assert_eq!(
            project.candidates[1].url.as_str(),
            "https://index.example/whl/cu130/x/a-1.9-py3-none-any.whl"
        );
        assert_eq!(project.candidates[1].location.path, "/whl/cu130/x/a-1.9-py3-none-any.whl");
    }

    #[test]
    fn only_builds_for_the_targets_cuda_are_candidates() {
        let wheel = |version: &str| {
            format!(
                "<a href='https://r2.example/whl/torch-{}-cp314-cp314-manylinux_2_28_x86_64.whl'>x</a>",
                version.replace('+', "%2B")
            )
        };
        let page: String = ["2.14.0+cu130", "2.14.0+cu132", "2.14.0+cpu", "2.13.0", "2.12.0+cu130"]
            .map(wheel)
            .concat();
        assert_eq!(
            versions(&project(&page, "torch", "cu130")),
            ["2.14.0+cu130", "2.13.0", "2.12.0+cu130"]
        );
        assert_eq!(versions(&project(&page, "torch", "cpu")), ["2.14.0+cpu", "2.13.0"]);
        let other = project(&page, "torch", "cu130").skipped;
        assert_eq!(*other[0].why, Skip::NoMatchingWheel(vec!["cu132".into()]));
        let pyg = "<a href='t/pyg_lib-0.9.0%2Bpt214cu130-cp310-abi3-linux_x86_64.whl'>x</a>\
            <a href='t/pyg_lib-0.9.0%2Bpt214cu128-cp310-abi3-linux_x86_64.whl'>x</a>";
        assert_eq!(versions(&project(pyg, "pyg-lib", "cu130")), ["0.9.0+pt214cu130"]);
    }

    #[test]
    fn versions_that_cannot_be_used_say_why() {
        let page = "<a href=a-5.tar.gz>x</a><a href=a-4-cp313-cp313-manylinux_2_17_x86_64.whl>x</a>\
            <a href=a-4-cp314-cp314t-manylinux_2_17_x86_64.whl>x</a><a href=a-4.tar.gz>x</a>\
            <a href=a-3-py3-none-any.whl data-requires-python='!=3.14.1,&gt;=3.10'>x</a>\
            <a href=a-2-py3-none-any.whl data-requires-python='about three'>x</a>\
            <a href=a-1-cp314-cp314-win_amd64.whl>x</a><a href=a-0-py3-none-any.whl data-yanked=x>x</a>";
        let project = project(page, "a", "cu130");
        assert_eq!(versions(&project), ["0"]);
        assert!(project.candidates[0].yanked);
        let why: Vec<_> =
            project.skipped.iter().map(|s| (s.version.to_string(), &*s.why)).collect();
        assert_eq!(why[0], ("5".into(), &Skip::NoWheel));
        assert_eq!(why[1].1, &Skip::NoMatchingWheel(vec!["cp313".into(), "cp314t".into()]));
        assert!(matches!(why[2].1, Skip::RequiresPython(_)));
        assert!(matches!(why[3].1, Skip::Unreadable(text) if text.contains("about three")));
        assert_eq!(why[4].1, &Skip::NoMatchingWheel(vec!["win_amd64".into()]));
        assert_eq!(why.len(), 5);
    }

    #[test]
    fn files_are_withdrawn_one_by_one() {
        let page = "<a href=a-2-cp314-cp314-manylinux_2_17_x86_64.whl data-yanked>1</a>\
            <a href=a-2-py3-none-any.whl>2</a><a href=a-1-py3-none-any.whl data-yanked=>3</a>\
            <a href=a-1-cp314-cp314-win_amd64.whl>4</a>";
        let project = project(page, "a", "cu130");
        let best: Vec<_> = project.candidates.iter().map(|c| (c.file.as_str(), c.yanked)).collect();
        assert_eq!(best, [("a-2-py3-none-any.whl", false), ("a-1-py3-none-any.whl", true)]);
        let withdrawn = ["a-2-cp314-cp314-manylinux_2_17_x86_64.whl", "a-1-py3-none-any.whl"];
        assert_eq!(project.withdrawn, withdrawn);
    }

    #[test]
    fn a_local_version_that_begins_like_a_cuda_tag_and_is_none_is_refused_by_name() {
        let page = "<a href=a-2%2Bcufoo-py3-none-any.whl>1</a><a href=a-2%2Bcu13-py3-none-any.whl>2</a>\
            <a href=a-2%2Bcu12-py3-none-any.whl>3</a>";
        let a = project(page, "a", "cu132");
        assert_eq!(versions(&a), ["2+cu13"]);
        let why = format!("{:?}", a.skipped);
        assert!(
            why.contains("`+cufoo` begins like a CUDA tag") && why.contains("[\\\"a\\\"]"),
            "{why}"
        );
        let target = target("cu132").allowing(&["a".parse().unwrap()].into());
        let page = page_of(page);
        let all = page.project(&"a".parse().unwrap(), &"main".parse().unwrap(), &target).unwrap();
        assert_eq!(all.candidates.len(), 3);
    }
}
