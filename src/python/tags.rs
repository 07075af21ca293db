//! Which wheels run on the target, and which of them is preferred.

use super::GlibcVersion;
use super::WheelName;
use crate::platform::Platform;

/// What CPython of one minor version on one platform with one glibc accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetTags {
    platform: Platform,
    major: u64,
    minor: u64,
    glibc: GlibcVersion,
}

/// The preference of a wheel; greater is more specific. The order is that of the tag lists of pip and uv.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    form: Form,
    python: u64,
    platform: u32,
}

/// Python and ABI tags, least specific first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// `py3-none-any`
    PureAnyPython,
    /// `cp314-none-any`
    Pure,
    /// `py3-none-PLATFORM`
    NativeAnyPython,
    /// `cp310-abi3-PLATFORM`
    StableAbiOlder,
    /// `cp314-none-PLATFORM`
    NoAbi,
    /// `cp314-abi3-PLATFORM`
    StableAbi,
    /// `cp314-cp314-PLATFORM`
    OwnAbi,
}

impl TargetTags {
    /// For CPython `major.minor` and this glibc. Never the free-threaded build (`cp314t`).
    pub fn new(platform: Platform, major: u64, minor: u64, glibc: GlibcVersion) -> Self {
        Self { platform, major, minor, glibc }
    }

    /// The rank of the best of the wheel's tags; `None`: it does not run on the target.
    pub fn rank(&self, wheel: &WheelName) -> Option<Rank> {
        let platform = wheel.platform.split('.').filter_map(|p| self.platform(p)).max()?;
        let pairs = wheel.python.split('.').flat_map(|p| wheel.abi.split('.').map(move |a| (p, a)));
        let (form, python) = pairs.filter_map(|(p, a)| self.form(p, a, platform > 0)).max()?;
        Some(Rank { form, python, platform })
    }

    /// Whether any of the wheel's platforms is the target's; its Python may be another.
    pub fn has_platform(&self, wheel: &WheelName) -> bool {
        wheel.platform.split('.').any(|p| self.platform(p).is_some())
    }

    fn form(&self, python: &str, abi: &str, native: bool) -> Option<(Form, u64)> {
        if let Some(version) = python.strip_prefix("py") {
            let order = self.generic_order(version)?;
            let form = if native { Form::NativeAnyPython } else { Form::PureAnyPython };
            return (abi == "none").then_some((form, order));
        }
        let minor = self.minor_of(python.strip_prefix("cp")?)?;
        let own = minor == self.minor;
        let form = match abi {
            "none" if own && native => Form::NoAbi,
            "none" if own => Form::Pure,
            "abi3" if own && native => Form::StableAbi,
            "abi3" if native && (2..self.minor).contains(&minor) => Form::StableAbiOlder,
            // The ABI must be exactly this interpreter's: `cp314t` is a different one.
            _ if own && native && abi == python => Form::OwnAbi,
            _ => return None,
        };
        Some((form, minor))
    }

    /// `py314` before `py3` before `py313`, `py312`, …
    fn generic_order(&self, version: &str) -> Option<u64> {
        if version.parse() == Ok(self.major) {
            return Some(1000);
        }
        let minor = self.minor_of(version)?;
        (minor <= self.minor).then_some(if minor == self.minor { 1001 } else { minor })
    }

    /// `14` of `314`.
    fn minor_of(&self, version: &str) -> Option<u64> {
        let (major, minor) = version.split_at_checked(1)?;
        if major.parse() != Ok(self.major) || minor.is_empty() {
            return None;
        }
        minor.bytes().all(|b| b.is_ascii_digit()).then(|| minor.parse().ok())?
    }

    /// 0 for `any`, greater for a newer glibc; `None` for other platforms.
    fn platform(&self, tag: &str) -> Option<u32> {
        if tag == "any" {
            return Some(0);
        }
        let prefix = self.platform.wheel_tag_prefix(tag)?;
        if prefix == self.platform.markers().sys_platform {
            return Some(1);
        }
        let (needs, numbered) = match self.platform.legacy_manylinux(prefix) {
            Some(glibc) => (glibc, 0),
            None => (perennial(prefix)?, 1),
        };
        let order = u32::from(needs.0) * 10_000 + u32::from(needs.1) * 2 + numbered;
        (needs <= (self.glibc.major, self.glibc.minor)).then_some(order)
    }
}

/// The glibc of `manylinux_2_28` (PEP 600).
fn perennial(prefix: &str) -> Option<(u16, u16)> {
    let version = prefix.strip_prefix("manylinux_")?;
    let (major, minor) = version.split_once('_')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags() -> TargetTags {
        TargetTags::new(Platform::LINUX_AMD64, 3, 14, GlibcVersion { major: 2, minor: 39 })
    }

    fn rank(tail: &str) -> Option<Rank> {
        let file = format!("demo-1.0-{tail}.whl");
        tags().rank(&WheelName::parse(&file).unwrap())
    }

    #[test]
    fn the_order_is_that_of_pip() {
        let best_first = [
            "cp314-cp314-manylinux_2_39_x86_64",
            "cp314-cp314-manylinux_2_17_x86_64.manylinux2014_x86_64",
            "cp314-cp314-manylinux2014_x86_64",
            "cp314-cp314-manylinux1_x86_64",
            "cp314-cp314-linux_x86_64",
            "cp314-abi3-manylinux_2_17_x86_64",
            "cp314-none-manylinux_2_17_x86_64",
            "cp312-abi3-manylinux_2_28_x86_64",
            "cp39.cp310-abi3-manylinux_2_28_x86_64",
            "py314-none-linux_x86_64",
            "py2.py3-none-manylinux1_x86_64",
            "cp314-none-any",
            "py314-none-any",
            "py2.py3-none-any",
            "py313-none-any",
        ];
        let ranks: Vec<_> = best_first.iter().map(|t| rank(t).expect(t)).collect();
        assert!(ranks.is_sorted_by(|a, b| a > b), "{ranks:#?}");
    }

    #[test]
    fn what_does_not_run_here_has_no_rank() {
        for tail in [
            "cp314-cp314t-manylinux_2_28_x86_64",
            "cp314t-cp314t-manylinux_2_28_x86_64",
            "cp313-cp313-manylinux_2_28_x86_64",
            "cp315-abi3-manylinux_2_28_x86_64",
            "cp313-none-any",
            "cp27-abi3-manylinux1_x86_64",
            "pp311-pypy311_pp73-manylinux_2_28_x86_64",
            "cp314-cp314-manylinux_2_40_x86_64",
            "cp314-cp314-manylinux_2_28_aarch64",
            "cp314-cp314-musllinux_1_2_x86_64",
            "cp314-cp314-macosx_11_0_arm64",
            "cp314-cp314-any",
            "py315-none-any",
            "py2-none-any",
            "py3-abi3-any",
        ] {
            assert_eq!(rank(tail), None, "{tail}");
        }
    }

    #[test]
    fn another_platform_has_its_own_tags() {
        let tags = TargetTags { platform: Platform::LINUX_ARM64, ..tags() };
        let runs = |platform: &str| {
            let file = format!("demo-1.0-cp314-cp314-{platform}.whl");
            tags.rank(&WheelName::parse(&file).unwrap()).is_some()
        };
        let own = ["manylinux_2_28_aarch64", "manylinux2014_aarch64", "linux_aarch64"];
        assert!(own.into_iter().all(runs));
        let foreign = ["manylinux_2_28_x86_64", "manylinux1_aarch64", "linux_x86_64"];
        assert!(!foreign.into_iter().any(runs));
    }
}
