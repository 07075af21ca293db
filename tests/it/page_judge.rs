//! Index pages, judged by the parser that pip reads them with: Python's `html.parser`, over random pages.

use envlock::index::pages::html;
use envlock::index::pages::link::Beside;
use serde_json::{Value, json};

use crate::support::judge::{Random, judged, setting};

/// Base and anchors of each page, as pip takes them from its parser.
const JUDGE: &str = r#"
import html.parser, json, sys
class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.base, self.anchors = None, []
    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "base" and self.base is None:
            self.base = attributes.get("href")
        elif tag == "a" and attributes.get("href") is not None:
            requires = attributes.get("data-requires-python") or ""
            beside = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata"))
            self.anchors.append([
                attributes["href"].strip(), requires if requires.strip() else None, "data-yanked" in attributes, beside,
                attributes.get("data-upload-time"),
            ])
for line in sys.stdin:
    links = Links()
    links.feed(json.loads(line))
    links.close()
    print(json.dumps([links.base, links.anchors]))
"#;

const NAMES: [&str; 9] = [
    "href",
    "HREF",
    "data-requires-python",
    "Data-Requires-Python",
    "data-yanked",
    "data-core-metadata",
    "data-dist-info-metadata",
    "data-upload-time",
    "class",
];

const VALUES: [&str; 20] = [
    "a-1.0-py3-none-any.whl",
    "../../a/a-1.0%2Bcu130.whl#sha256=00ff",
    "https://f.example/a?x=1&amp;y=2#egg=a&sha256=1",
    "a-1.0&#43;cu130.whl",
    "a-1.0&#x2B;cu130.whl#sha256=1",
    "a&#X2b;b",
    "x#sha256=1&amp;md5=2",
    "&gt;=3.9,&lt;4",
    "&gt;= 3.9, != 3.9.*",
    "sha256=00",
    "true",
    "false",
    "",
    "2026-01-01T00:00:00Z",
    "it is &quot;bad&quot;",
    "it&apos;s > worse",
    "a & b &c; &#; &",
    "\u{e9}&nbsp;\u{65e5}",
    " spaced ",
    "a/b/",
];

fn attribute(random: &mut Random, name: &str) -> String {
    let value = random.of(&VALUES);
    let bare = |c: char| c.is_whitespace() || "\"'<>=`/".contains(c);
    let equals = random.of(&["=", "=", "=", " = ", "=\n"]);
    match random.below(4) {
        0 if !value.is_empty() && !value.contains(bare) => format!("{name}{equals}{value}"),
        1 => format!("{name}{equals}'{}'", value.replace('\'', "")),
        _ => format!("{name}{equals}\"{}\"", value.replace('"', "")),
    }
}

fn tag(random: &mut Random, name: &str) -> String {
    let (mut tag, mut names) = (format!("<{name}"), NAMES.to_vec());
    for _ in 0..random.below(6) {
        let name = names.remove(random.below(names.len()));
        // No attribute twice: of two, pip takes the last, and a browser the first.
        names.retain(|other| !other.eq_ignore_ascii_case(name));
        tag += random.of(&[" ", " ", "\n", "\t ", "  "]);
        tag += &attribute(random, name);
    }
    tag + random.of(&[">", ">", " >", " />"])
}

fn page(random: &mut Random) -> String {
    let mut page = random.of(&["<!DOCTYPE html>\n<html><body>", "", "<html>"]).to_owned();
    for _ in 0..random.below(9) {
        page += &match random.below(8) {
            0..=3 => {
                let name = random.of(&["a", "a", "A"]);
                tag(random, name)
            }
            4 => {
                let name = random.of(&["base", "abbr", "p", "link", "BASE", "area"]);
                tag(random, name)
            }
            5 => {
                let inside = tag(random, "a");
                format!("<!-- {} -->", inside.replace("--", ""))
            }
            6 => random
                .of(&["</a>", "<br/>", "</body>", "< a href=no>", "1 < 2 & 3", "text &amp; more"])
                .to_owned(),
            _ => random.of(&["\n", " ", "x", "&lt;a href=no&gt;", "<?a href=no?>"]).to_owned(),
        };
    }
    page
}

fn ours(page: &str) -> Value {
    let mut anchors = Vec::new();
    let base = html::scan(page, |link| {
        let beside = match &link.metadata {
            Beside::None => Value::Null,
            Beside::Unhashed => json!("true"),
            Beside::Hashed(hex) => json!(format!("sha256={hex}")),
        };
        anchors.push(json!([link.href, link.requires_python, link.yanked, beside, link.uploaded]));
    });
    json!([base, anchors])
}

/// The judge's words with what is not in ours: fragments, which are read apart, and what else a page may say of a file
/// beside a wheel.
fn as_ours(judged: &Value) -> Value {
    let mut judged = judged.clone();
    for anchor in judged[1].as_array_mut().unwrap() {
        let href = anchor[0].as_str().unwrap();
        anchor[0] = json!(href.split_once('#').map_or(href, |(href, _)| href));
        anchor[3] = match anchor[3].as_str() {
            None | Some("" | "false") => Value::Null,
            Some(text) if text.starts_with("sha256=") => json!(text),
            Some(_) => json!("true"),
        };
    }
    judged
}

#[test]
fn random_pages_are_read_as_pips_parser_reads_them() {
    let (mut random, count) = (Random::seeded(), setting("ENVLOCK_TEST_JUDGED", 20_000));
    let pages: Vec<String> = (0..count).map(|_| page(&mut random)).collect();
    let judged = judged(JUDGE, &pages);
    let mut links = 0;
    for (page, judged) in pages.iter().zip(&judged) {
        assert_eq!(ours(page), as_ours(judged), "{page}");
        links += judged[1].as_array().unwrap().len();
    }
    assert!(links > pages.len() / 2, "{links}");
}
