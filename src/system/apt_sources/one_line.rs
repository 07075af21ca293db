//! One line a source: `deb [options] uri suite components…`.

use super::entry::{BadSources, Entry, SignedBy, yes_or_no};

/// The sources of binary packages in a `.list` file.
///
/// # Errors
/// A line that is none.
pub fn read_list(text: &str) -> Result<Vec<Entry>, BadSources> {
    let lines = (1..).zip(text.lines());
    let lines = lines.map(|(at, line)| (at, line.split('#').next().unwrap_or_default().trim()));
    let entries = lines.filter(|(_, line)| !line.is_empty()).map(|(at, line)| entry(at, line));
    entries.filter_map(Result::transpose).collect()
}

/// `None`: of source packages.
fn entry(line: usize, text: &str) -> Result<Option<Entry>, BadSources> {
    let bad = |why: &str| BadSources { line, why: why.to_owned() };
    let (kind, rest) = text.split_once([' ', '\t']).ok_or(bad("it is no source"))?;
    match kind {
        "deb" => {}
        "deb-src" => return Ok(None),
        other => return Err(bad(&format!("`{other}` is neither deb nor deb-src"))),
    }
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(inside) => inside.split_once(']').ok_or(bad("its options have no end"))?,
        None => ("", rest),
    };
    let rest = rest.trim_start();
    // The name of a disc has blanks, in brackets.
    let name = if rest.starts_with("cdrom:[") { rest.find(']').unwrap_or(rest.len()) } else { 0 };
    let end = rest[name..].find([' ', '\t']).ok_or(bad("it names no suite"))? + name;
    let (uri, rest) = rest.split_at(end);
    let mut words = rest.split_whitespace().map(str::to_owned);
    let suite = words.next().ok_or(bad("it names no suite"))?;
    let mut entry = Entry {
        line,
        uris: vec![uri.to_owned()],
        components: words.collect(),
        suites: vec![suite],
        ..Entry::default()
    };
    if entry.components.is_empty() != entry.suites[0].ends_with('/') {
        return Err(bad(
            "a suite has components, and the path of a flat archive ends with `/` and has none",
        ));
    }
    for option in options.split_whitespace() {
        let (name, value) = option.split_once('=').ok_or(bad("an option has no value"))?;
        match name {
            "arch" => entry.architectures = Some(value.split(',').map(str::to_owned).collect()),
            "signed-by" => entry.signed_by = Some(SignedBy::read(value, line)?),
            "trusted" => entry.trusted = yes_or_no(value),
            // What is fetched besides, and how often, is apt's own affair.
            _ => {}
        }
    }
    Ok(Some(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_options_comments_and_source_packages_are_read() {
        let text = "# a comment\n\ndeb http://a.example/debian trixie main contrib # here\n\
            deb-src http://a.example/debian trixie main\n\
            deb [ arch=amd64,arm64 signed-by=/usr/k.gpg,4D64FEC119C2029067D6E791F8D2585B8783D481! trusted=no lang=en ] \
            https://b.example/x ./\ndeb [trusted=yes] http://c.example/ trixie main\n";
        let all = read_list(text).unwrap();
        assert_eq!(all.len(), 3);
        assert_eq!(
            (all[0].line, &all[0].uris[..]),
            (3, &["http://a.example/debian".to_owned()][..])
        );
        assert_eq!(
            (&all[0].suites[0][..], &all[0].components[..]),
            ("trixie", &["main".to_owned(), "contrib".to_owned()][..])
        );
        assert_eq!(all[1].architectures.as_ref().unwrap(), &["amd64", "arm64"]);
        assert_eq!(
            (all[1].trusted, all[2].trusted, all[0].trusted),
            (Some(false), Some(true), None)
        );
        let signed_by = all[1].signed_by.as_ref().unwrap();
        assert_eq!(signed_by.files, ["/usr/k.gpg"]);
        assert!(signed_by.names[0].exactly && signed_by.keys.is_none());
        assert_eq!(all[1].suites, ["./"]);
    }

    #[test]
    fn a_disc_is_a_source_whose_name_has_blanks() {
        let all = read_list("deb cdrom:[Debian GNU/Linux 13 _Trixie_]/ trixie main\n").unwrap();
        assert_eq!(
            (&all[0].uris[0][..], &all[0].suites[0][..]),
            ("cdrom:[Debian GNU/Linux 13 _Trixie_]/", "trixie")
        );
    }

    #[test]
    fn lines_that_are_none_are_told() {
        for (text, why) in [
            ("\nrpm http://a.example x main", "line 2: `rpm` is neither deb nor deb-src"),
            ("deb", "line 1: it is no source"),
            ("deb http://a.example", "line 1: it names no suite"),
            ("deb [arch=x http://a.example x main", "line 1: its options have no end"),
            ("deb [arch] http://a.example x main", "line 1: an option has no value"),
            ("deb http://a.example x", "line 1: a suite has components"),
            ("deb http://a.example ./ main", "line 1: a suite has components"),
            ("deb [signed-by=ABC] http://a.example x main", "line 1: Signed-By: `ABC` is neither"),
        ] {
            let found = read_list(text).unwrap_err().to_string();
            assert!(found.starts_with(why), "{found}, not {why}");
        }
    }
}
