//! Versions of other programs, as these print them, and whether one is too old.

use semver::Version;

/// The version that a program states of itself, where it is older than `oldest`, by major, minor and patch number
/// (<https://semver.org>, what distributions append does not count). A program that states none, such as a development build,
/// counts as new enough.
pub fn too_old(text: &str, oldest: &Version) -> Option<Version> {
    let numbers = |version: &Version| (version.major, version.minor, version.patch);
    stated(text).filter(|found| numbers(found) < numbers(oldest))
}

/// The first word that is a version, with a `v` before it or without.
fn stated(text: &str) -> Option<Version> {
    let words = text.split(|sign: char| sign.is_whitespace() || sign == ',');
    words.map(|word| word.strip_prefix('v').unwrap_or(word)).find_map(|word| word.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_programs_print_of_themselves() {
        for (text, version) in [
            ("github.com/docker/buildx v0.11.2 9872040b6626fb7d87ef7296fd5b832e8cc2ad17", "0.11.2"),
            ("github.com/docker/buildx 0.29.1+ds1 0.29.1+ds1-4", "0.29.1+ds1"),
            ("Docker version 28.5.2+dfsg4, build 9cc6dea", "28.5.2+dfsg4"),
            ("podman version 5.4.2", "5.4.2"),
            ("GitVersion:    v3.0.2\nGitCommit:     unknown\nGoVersion: go1.27.3", "3.0.2"),
        ] {
            assert_eq!(stated(text), Some(version.parse().unwrap()), "{text}");
        }
        assert_eq!(stated("GitVersion:    devel\nGoVersion:     go1.27.3"), None);
    }

    #[test]
    fn what_a_distribution_appends_makes_no_version_older() {
        let oldest = Version::new(0, 12, 0);
        for text in
            ["buildx v0.12.0-desktop.2", "buildx 0.12.0+ds1", "buildx v1.0.0", "buildx devel"]
        {
            assert_eq!(too_old(text, &oldest), None, "{text}");
        }
        assert_eq!(too_old("buildx v0.11.2", &oldest), Some(Version::new(0, 11, 2)));
    }
}
