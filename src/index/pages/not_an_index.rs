//! Responses with 200 that are no index pages: the login page of a proxy, an empty body, the end of a redirect. They do not
//! show whether the source has a project, so the next source must not be used instead.

use std::ops::ControlFlow;

use url::Url;

use super::html;
use super::page::{Format, Page};

/// The extensions of files that an index may list: wheels, and those that are never taken.
const FILES: [&str; 10] =
    [".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".tar.Z", ".egg", ".exe", ".rpm"];

/// Elements of pages for people that index pages do not have.
const FOR_PEOPLE: [(&str, &str); 5] = [
    ("<form", "a form"),
    ("<input", "a form"),
    ("<script", "a script"),
    ("<iframe", "a frame"),
    ("http-equiv=\"refresh\"", "a jump to another page"),
];

/// Why this response to a request for `asked` is no index page; `None`: it may be one. A page without files may be one if
/// it has no other content either: PEP 503 allows projects without files.
pub fn why_not(asked: &Url, page: &Page) -> Option<String> {
    if page.format == Format::Json || has_file(&page.text) {
        return None;
    }
    let text = page.text.to_ascii_lowercase();
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        return Some("it is empty".to_owned());
    }
    if text.contains("pypi:repository-version") {
        return None;
    }
    if let Some((_, what)) = FOR_PEOPLE.iter().find(|(mark, _)| text.contains(mark)) {
        return Some(format!("it lists no file and has {what}: a login page?"));
    }
    if last(asked) != last(&page.url) {
        let host = page.url.host_str().unwrap_or_default();
        return Some(format!("it lists no file, and came from {host}{}", page.url.path()));
    }
    let is_html = ["<html", "<!doctype", "<body", "<h1", "<title", "<a "];
    (!is_html.iter().any(|tag| text.contains(tag))).then(|| "it lists no file".to_owned())
}

fn has_file(page: &str) -> bool {
    let mut found = false;
    html::scan_until(page, |link| {
        found = FILES.iter().any(|ending| link.file.ends_with(ending));
        if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found
}

/// The last segment of its path: a redirect may change everything before it.
fn last(url: &Url) -> String {
    let part = url.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    part.replace(['_', '.'], "-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(at: &str, text: &str) -> Option<String> {
        let asked = "https://i.example/simple/my-tool/".parse().unwrap();
        let url = format!("https://i.example{at}").parse().unwrap();
        why_not(&asked, &Page { url, format: Format::Html, text: text.to_owned() })
    }

    #[test]
    fn logins_and_empty_answers_are_no_index_pages() {
        let here = "/simple/my-tool/";
        for (at, text, said) in [
            (here, "", "empty"),
            (here, "\u{feff} \n", "empty"),
            (here, "<html><FORM action=/login><a href=/help>help</a></form></html>", "a form"),
            (here, "<html><script src=app.js></script></html>", "a script"),
            (here, "<html><meta HTTP-EQUIV=\"Refresh\" content='0;url=/sso'></html>", "a jump"),
            (here, "Access denied", "no file"),
            ("/sign-in", "<html><body>Who are you?</body></html>", "came from i.example/sign-in"),
        ] {
            let found = why(at, text).unwrap_or_default();
            assert!(found.contains(said), "{text}: {found}");
        }
    }

    #[test]
    fn pages_with_files_and_projects_without_are_index_pages() {
        let here = "/simple/my-tool/";
        let scripted =
            "<html><script></script><a href='x/my_tool-1.0.tar.gz#sha256=0'>x</a></html>";
        for (at, text) in [
            (here, "<a href=my_tool-1-py3-none-any.whl>x</a>"),
            ("/elsewhere/files.html", "<a href=my_tool-1-py3-none-any.whl>x</a>"),
            (here, scripted),
            (here, "<!DOCTYPE html><html><body><h1>Links for my-tool</h1></body></html>"),
            ("/root/pypi/+simple/My_Tool", "<html><body></body></html>"),
            (here, "<html><head><meta name=\"pypi:repository-version\" content=\"1.0\"><script>"),
        ] {
            assert_eq!(why(at, text), None, "{text}");
        }
    }
}
