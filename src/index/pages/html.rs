//! Links of an HTML page, PEP 503 or a flat find-links list, in one pass over the text.

use std::borrow::Cow;
use std::ops::ControlFlow;

use memchr::{memchr, memmem};

use super::link::{Beside, Link};
use crate::catalog::file_of;
use crate::digest::HashAlgorithm;

/// Calls `each` for every anchor with an href; returns the page's `<base href>`. There are no errors: other markup
/// counts as text.
pub fn scan<'a>(page: &'a str, mut each: impl FnMut(Link<'a>)) -> Option<Cow<'a, str>> {
    scan_until(page, |link| {
        each(link);
        ControlFlow::Continue(())
    })
}

/// The same, until `each` breaks.
pub fn scan_until<'a>(
    page: &'a str,
    mut each: impl FnMut(Link<'a>) -> ControlFlow<()>,
) -> Option<Cow<'a, str>> {
    let (mut rest, mut base) = (page, None);
    while let Some(at) = memchr(b'<', rest.as_bytes()) {
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = memmem::find(comment.as_bytes(), b"-->").map_or("", |end| &comment[end + 3..]);
        } else if let Some(inside) = tag(rest, "a") {
            let (link, after) = anchor(inside);
            if link.is_some_and(|link| each(link).is_break()) {
                return base;
            }
            rest = after;
        } else if let Some(inside) = tag(rest, "base") {
            let mut attributes = Attributes(inside);
            while let Some((name, value)) = attributes.next() {
                if base.is_none() && name.eq_ignore_ascii_case("href") {
                    base = Some(decoded(value));
                }
            }
            rest = attributes.0;
        }
    }
    base
}

/// The status of the project and its reason (PEP 792).
pub fn status(page: &str) -> Option<(String, Option<String>)> {
    let meta = |expected: &str| {
        let mut rest = page;
        while let Some(at) = memchr(b'<', rest.as_bytes()) {
            rest = &rest[at + 1..];
            let Some(inside) = tag(rest, "meta") else { continue };
            let (mut attributes, mut name, mut content) = (Attributes(inside), None, None);
            while let Some((key, value)) = attributes.next() {
                match key.to_ascii_lowercase().as_str() {
                    "name" => name = Some(decoded(value)),
                    "content" => content = Some(decoded(value)),
                    _ => {}
                }
            }
            if name.as_deref() == Some(expected) {
                return content.map(Cow::into_owned);
            }
        }
        None
    };
    Some((meta("pypi:project-status")?, meta("pypi:project-status-reason")))
}

/// The text after the tag's name, where it starts with that tag.
fn tag<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (start, inside) = text.split_at_checked(name.len())?;
    let delimited = inside.starts_with(|c: char| c.is_ascii_whitespace() || c == '/' || c == '>');
    (delimited && start.eq_ignore_ascii_case(name)).then_some(inside)
}

/// Reads one anchor's attributes; returns its link, if it has one, and the text after them.
fn anchor(inside: &str) -> (Option<Link<'_>>, &str) {
    let (mut href, mut core_metadata, mut dist_info_metadata) = (None, None, None);
    let (mut requires_python, mut yanked, mut uploaded) = (None, false, None);
    let mut attributes = Attributes(inside);
    while let Some((name, value)) = attributes.next() {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("href") {
            href = href.or(Some(value));
        } else if is("data-requires-python") {
            requires_python = Some(decoded(value)).filter(|v| !v.trim().is_empty());
        } else if is("data-yanked") {
            yanked = true;
        } else if is("data-core-metadata") {
            core_metadata = Some(decoded(value));
        } else if is("data-dist-info-metadata") {
            dist_info_metadata = Some(decoded(value));
        } else if is("data-upload-time") {
            uploaded = Some(decoded(value));
        }
    }
    let link = href.map(|href| {
        let (href, fragment) = split_fragment(decoded(href.trim()));
        let (sha256, others) = match fragment {
            None => (None, Vec::new()),
            Some(Cow::Borrowed(text)) => hashes(text, Cow::Borrowed),
            Some(Cow::Owned(text)) => hashes(&text, |hex| Cow::Owned(hex.to_owned())),
        };
        Link {
            file: file_of(&href),
            href,
            sha256,
            others,
            size: None,
            requires_python,
            yanked,
            metadata: core_metadata.or(dist_info_metadata).map_or(Beside::None, Beside::from),
            uploaded,
        }
    });
    (link, attributes.0)
}

/// Hex digits by their algorithm.
type Others<'a> = Vec<(HashAlgorithm, Cow<'a, str>)>;

/// The hashes in a fragment: the first sha256, and all others.
fn hashes<'t, 'a>(
    fragment: &'t str,
    own: impl Fn(&'t str) -> Cow<'a, str>,
) -> (Option<Cow<'a, str>>, Others<'a>) {
    let (mut sha256, mut others) = (None, Vec::new());
    for (name, hex) in fragment.split('&').filter_map(|pair| pair.split_once('=')) {
        if name == "sha256" {
            sha256 = sha256.or_else(|| Some(own(hex)));
        } else if let Some(algorithm) = HashAlgorithm::named(name) {
            others.push((algorithm, own(hex)));
        }
    }
    (sha256, others)
}

/// The text before the `#`, and that after it.
fn split_fragment(href: Cow<'_, str>) -> (Cow<'_, str>, Option<Cow<'_, str>>) {
    let Some(at) = href.find('#') else { return (href, None) };
    match href {
        Cow::Borrowed(text) => (Cow::Borrowed(&text[..at]), Some(Cow::Borrowed(&text[at + 1..]))),
        Cow::Owned(text) => {
            (Cow::Owned(text[..at].to_owned()), Some(Cow::Owned(text[at + 1..].to_owned())))
        }
    }
}

/// The attributes of a tag, and then the text after its `>`.
struct Attributes<'a>(&'a str);

impl<'a> Attributes<'a> {
    /// The next attribute, its value raw; empty when it has none.
    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        let text = self.0.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/');
        // A stray `=` at the start is part of a name, or the loop would not advance.
        let length =
            text.char_indices().skip(1).find(|(_, c)| ends(*c)).map_or(text.len(), |x| x.0);
        if text.is_empty() || text.starts_with('>') {
            self.0 = text.strip_prefix('>').unwrap_or_default();
            return None;
        }
        let (name, rest) = text.split_at(length);
        let Some(value) = rest.trim_start().strip_prefix('=') else {
            self.0 = rest;
            return Some((name, ""));
        };
        let value = value.trim_start();
        let (value, rest) = match value.as_bytes().first() {
            Some(&quote @ (b'"' | b'\'')) => {
                let inside = &value[1..];
                match memchr(quote, inside.as_bytes()) {
                    Some(end) => (&inside[..end], &inside[end + 1..]),
                    None => (inside, ""),
                }
            }
            _ => {
                let end = value.find(|c: char| c.is_ascii_whitespace() || c == '>');
                value.split_at(end.unwrap_or(value.len()))
            }
        };
        self.0 = rest;
        Some((name, value))
    }
}

/// Text with its character references resolved: the named ones of XML, and numbers.
fn decoded(text: &str) -> Cow<'_, str> {
    if memchr(b'&', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let reference = &rest[at + 1..];
        let end = reference.bytes().take(10).position(|b| b == b';');
        let character = end.and_then(|end| character(&reference[..end]));
        match (end, character) {
            (Some(end), Some(character)) => {
                out.push(character);
                rest = &reference[end + 1..];
            }
            _ => {
                out.push('&');
                rest = reference;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn character(reference: &str) -> Option<char> {
    Some(match reference {
        "gt" => '>',
        "lt" => '<',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "plus" => '+',
        _ => {
            let number = reference.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(page: &str) -> Vec<Link<'_>> {
        let mut links = Vec::new();
        scan(page, |link| links.push(link));
        links
    }

    #[test]
    fn a_page_of_the_pytorch_index_is_read() {
        let hash = "a".repeat(64);
        let page = format!(
            "<!DOCTYPE html>\n<html><body><h1>Links for torch</h1>\n\
             <a href=\"https://r2.example/whl/cu130/torch-2.14.0%2Bcu130-cp314-cp314-manylinux_2_28_x86_64.whl#sha256={hash}\" \
             data-dist-info-metadata=\"sha256={hash}\" data-core-metadata=\"sha256={hash}\" \
             data-upload-time=\"2026-10-01T12:00:00Z\">torch-2.14.0+cu130-cp314-cp314-manylinux_2_28_x86_64.whl</a><br/>\n\
             <a href=\"/whl/typing_extensions-4.1-py3-none-any.whl\">x</a><br/></body></html>"
        );
        let links = links(&page);
        assert_eq!(links.len(), 2);
        assert_eq!(links[0].file, "torch-2.14.0+cu130-cp314-cp314-manylinux_2_28_x86_64.whl");
        assert!(links[0].href.ends_with("x86_64.whl") && links[0].href.contains("%2Bcu130"));
        assert_eq!(links[0].sha256.as_deref(), Some(hash.as_str()));
        assert_eq!(links[0].metadata, Beside::Hashed(hash.as_str().into()));
        assert_eq!(links[0].uploaded.as_deref(), Some("2026-10-01T12:00:00Z"));
        assert_eq!(
            (links[1].href.as_ref(), &links[1].sha256),
            ("/whl/typing_extensions-4.1-py3-none-any.whl", &None)
        );
    }

    #[test]
    fn a_flat_page_of_pyg_is_read() {
        let page = "<html>\n<head></head>\n<body>\n<a href=\"torch-2.12.0%2Bcu130/pyg_lib-0.7.0%2Bpt212cu130-cp314-cp314-linux_x86_64.whl\">pyg_lib-0.7.0+pt212cu130-cp314-cp314-linux_x86_64.whl</a><br/>\n</body>";
        let links = links(page);
        assert_eq!(links[0].file, "pyg_lib-0.7.0+pt212cu130-cp314-cp314-linux_x86_64.whl");
        assert_eq!(links.len(), 1);
    }

    #[test]
    fn any_way_to_write_an_anchor_is_understood() {
        let page = "<BASE HREF='https://cdn.example/x/'><A\n Data-Requires-Python = '&gt;=3.9&#44;&lt;4' \
            DATA-YANKED HREF = a-1.whl class=>t</A><a href='b-2.whl' data-yanked=\"bad > worse\" \
            data-core-metadata=false /><!-- <a href=\"c-3.whl\"> --><abbr href=d-4.whl><a name=x>\
            <a href=e-5.whl#egg=e&sha256=00 data-dist-info-metadata=true>e</a";
        let mut found = Vec::new();
        let base = scan(page, |link| found.push(link));
        assert_eq!(base.as_deref(), Some("https://cdn.example/x/"));
        let files: Vec<_> = found.iter().map(|l| l.file.as_ref()).collect();
        assert_eq!(files, ["a-1.whl", "b-2.whl", "e-5.whl"]);
        assert_eq!(found[0].requires_python.as_deref(), Some(">=3.9,<4"));
        assert!(found[0].yanked && found[1].yanked && !found[2].yanked);
        assert_eq!(found[1].metadata, Beside::None);
        assert_eq!(found[2].sha256.as_deref(), Some("00"));
        assert_eq!(found[2].metadata, Beside::Unhashed);
    }

    #[test]
    fn entities_stand_anywhere_in_an_address() {
        for href in [
            "a-1&#43;cu130.whl#sha256=00",
            "a-1&#x2B;cu130.whl#sha256=00&amp;egg=a",
            "a-1&plus;cu130.whl&#35;sha256=00",
            "a-1%2Bcu130.whl#egg=a&amp;sha256=00",
            " a-1+cu130.whl#sha256&#61;00 ",
        ] {
            let page = format!("<a href=\"{href}\">x</a>");
            let links = links(&page);
            assert_eq!(links[0].file, "a-1+cu130.whl", "{href}");
            assert_eq!(links[0].sha256.as_deref(), Some("00"), "{href}");
        }
    }

    #[test]
    fn broken_pages_end_and_never_panic() {
        for page in [
            "<",
            "<a",
            "<a ",
            "<a href",
            "<a href=",
            "<a href='",
            "<a =",
            "<a ==>",
            "<a href=é'é>",
            "<!--",
            "<base",
            "&#x;",
        ] {
            links(page);
        }
        let whole = "<!-- a --><base href='é'><a href=\"a%2B-1.whl#sha256=00\" data-yanked=x>a</a>";
        for at in (0..whole.len()).filter(|at| whole.is_char_boundary(*at)) {
            for piece in ["", "<", ">", "\"", "'", "&", "=", "#", "%", "/", " ", "<a", "<!--", "é"]
            {
                links(&format!("{}{piece}{}", &whole[..at], &whole[at..]));
                links(&format!("{}{piece}", &whole[..at]));
            }
        }
        assert_eq!(decoded("a&b&amp;&#xZZ;&nope;&"), "a&b&&#xZZ;&nope;&");
    }
}
