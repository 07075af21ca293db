//! Sources as paragraphs of fields: `Types:`, `URIs:`, ….

use debian_archive::deb822::{Paragraph, paragraphs};

use super::entry::{BadSources, Entry, SignedBy, yes_or_no};

/// The sources of binary packages in a `.sources` file, but for those with `Enabled: no`.
///
/// # Errors
/// A paragraph that is none.
pub fn read_sources(text: &str) -> Result<Vec<Entry>, BadSources> {
    let all = paragraphs(text);
    let all = all.map_err(|bad| BadSources { line: bad.line, why: bad.what.to_owned() })?;
    all.iter().map(entry).filter_map(Result::transpose).collect()
}

fn entry(of: &Paragraph) -> Result<Option<Entry>, BadSources> {
    let words = |name| -> Vec<String> {
        of.get(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    let list = |name| -> Result<Vec<String>, BadSources> {
        match words(name) {
            none if none.is_empty() => {
                Err(BadSources { line: of.line, why: format!("there is no `{name}`") })
            }
            some => Ok(some),
        }
    };
    let is_off = of.get("Enabled").and_then(yes_or_no) == Some(false);
    if !list("Types")?.iter().any(|kind| kind == "deb") || is_off {
        return Ok(None);
    }
    let architectures = words("Architectures");
    Ok(Some(Entry {
        line: of.line,
        uris: list("URIs")?,
        suites: list("Suites")?,
        components: words("Components"),
        architectures: Some(architectures).filter(|list| !list.is_empty()),
        signed_by: of.get("Signed-By").map(|value| signed_by(value, of.line)).transpose()?,
        trusted: of.get("Trusted").and_then(yes_or_no),
    }))
}

/// Paths, fingerprints, or the keys themselves, whose empty lines are a dot.
fn signed_by(value: &str, line: usize) -> Result<SignedBy, BadSources> {
    if !value.contains("-----BEGIN") {
        return SignedBy::read(value, line);
    }
    let lines = value.trim_start().lines().map(|line| if line == "." { "" } else { line });
    let keys = lines.flat_map(|line| [line, "\n"]).collect();
    Ok(SignedBy { keys: Some(keys), ..SignedBy::default() })
}

#[cfg(test)]
mod tests {
    use debian_archive::Keyring;

    use super::*;

    #[test]
    fn paragraphs_are_read_as_apt_reads_them() {
        let text = "# Debian\nTypes: deb deb-src\nURIs: http://a.example/debian http://b.example/debian\n\
            Suites: trixie trixie-updates\nComponents: main\nArchitectures: amd64\n\
            Signed-By: /usr/share/keyrings/debian-archive-keyring.pgp\n\n\
            Types: deb-src\nURIs: http://c.example\nSuites: x\nComponents: main\n\n\
            Enabled: no\nTypes: deb\nURIs: http://d.example\nSuites: x\nComponents: main\n\n\
            Types: deb\nURIs: http://e.example\nSuites: ./\nTrusted: yes\n";
        let all = read_sources(text).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].line, all[0].uris.len(), all[0].suites.len()), (2, 2, 2));
        assert_eq!(all[0].architectures.as_ref().unwrap(), &["amd64"]);
        assert_eq!((all[1].trusted, all[1].signed_by.clone()), (Some(true), None));
    }

    #[test]
    fn embedded_keys_are_a_keyring() {
        let armored = include_str!("../../../fuzz/seeds/keyring/armored");
        let folded: String = armored
            .lines()
            .map(|line| format!(" {}\n", if line.is_empty() { "." } else { line }))
            .collect();
        let text = format!(
            "Types: deb\nURIs: http://a.example\nSuites: x\nComponents: main\nSigned-By:\n{folded}"
        );
        let all = read_sources(&text).unwrap();
        let keys = all[0].signed_by.as_ref().unwrap().keys.as_ref().unwrap();
        assert_eq!(Keyring::parse(keys.as_bytes()).unwrap().keys().count(), 1);
    }

    #[test]
    fn paragraphs_that_are_none_are_told() {
        for (text, why) in [
            ("URIs: x", "line 1: there is no `Types`"),
            ("\nTypes: deb\nSuites: x", "line 2: there is no `URIs`"),
            ("Types: deb\nURIs: x", "line 1: there is no `Suites`"),
            ("Types: deb\nhello", "line 2: it is no `Name: value`"),
            (
                "Types: deb\nURIs: x\nSuites: x\nSigned-By: k.gpg",
                "line 1: Signed-By: `k.gpg` is neither",
            ),
        ] {
            let found = read_sources(text).unwrap_err().to_string();
            assert!(found.starts_with(why), "{found}, not {why}");
        }
    }
}
