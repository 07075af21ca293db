//! The names of kept releases in a registry: tags and artifact types. Pure.

/// The artifact that records a release.
pub const RELEASE: &str = "application/vnd.dev.envlock.release.v1+json";
/// The blob with its line of env.releases.jsonl.
pub const RECORD: &str = "application/vnd.dev.envlock.record.v1+json";
/// The blob with env.releases.jsonl up to that line.
pub const HISTORY: &str = "application/vnd.dev.envlock.history.v1+jsonl";
/// The blob with env.lock: part of a release, and an artifact of its own.
pub const LOCK: &str = "application/vnd.dev.envlock.lock.v1+toml";

/// A tag that envlock sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// On an image of this release.
    Image(u64),
    /// On its record, which would else be an untagged manifest too.
    Record(u64),
}

impl Name {
    /// Reads a tag; `None`: it is not one of envlock's.
    pub fn parse(tag: &str) -> Option<Self> {
        let rest = tag.strip_prefix("envlock-r")?;
        let (digits, kind): (&str, fn(u64) -> Name) = match rest.strip_suffix(".record") {
            Some(digits) => (digits, Name::Record),
            None => (rest, Name::Image),
        };
        let number: u64 = digits.parse().ok().filter(|n: &u64| n.to_string() == digits)?;
        Some(kind(number))
    }

    /// The release.
    pub fn number(self) -> u64 {
        match self {
            Name::Image(number) | Name::Record(number) => number,
        }
    }
}

/// The tag of a release's images.
pub fn tag(number: u64) -> String {
    format!("envlock-r{number}")
}

/// The tag of its record.
pub fn record_tag(number: u64) -> String {
    format!("envlock-r{number}.record")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_they_are_written_and_others_are_not_ours() {
        assert_eq!(Name::parse(&tag(12)), Some(Name::Image(12)));
        assert_eq!(Name::parse(&record_tag(3)), Some(Name::Record(3)));
        for other in ["v1", "envlock-r", "envlock-r01", "envlock-rx", "envlock-r1.lock", "r1"] {
            assert_eq!(Name::parse(other), None, "{other}");
        }
    }
}
