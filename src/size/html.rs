//! The report as one self-contained page: both treemaps, switched without a script, and the tables.

use std::fmt::Write as _;

use super::bytes::{change, share, short};
use super::svg::{drawing, escaped, style};
use super::{Changes, ImageSize, Measure, PackageSize, Report, Sum};

const PAGE: &str = "\
:root{color-scheme:light dark;--text:#1f2328;--faint:#59636e;--page:#f6f8fa;--card:#ffffff;--line:#d0d7de;--link:#0969da}
@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--faint:#9198a1;--page:#010409;--card:#0d1117;--line:#30363d;--link:#4493f8}}
body{margin:0 auto;padding:1.5rem;max-width:76rem;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}
h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.15rem;margin:1.8rem 0 .5rem}p{margin:.3rem 0;color:var(--faint)}code{font-size:.85em;overflow-wrap:anywhere}
svg{width:100%;height:auto;display:block}rect.tile:hover{filter:brightness(.92)}
table{border-collapse:collapse;width:100%;background:var(--card);border:1px solid var(--line)}
th,td{padding:.25rem .7rem;text-align:left;border-top:1px solid var(--line)}th{font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tr.p td:first-child{padding-left:2.2rem}tr.p{color:var(--faint)}
input[type=radio]{accent-color:var(--link)}label{margin:0 1rem 0 .3rem}.map{display:none;margin-top:.6rem}
#compressed:checked~.compressed,#unpacked:checked~.unpacked{display:block}";

/// The page; `measure` is the treemap that is shown first.
pub fn html(report: &Report, measure: Measure) -> String {
    let images = &report.images;
    let names: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
    let title = format!("Size of {}", escaped(&names.join(" and ")));
    let mut body = format!("<h1>{title}</h1>\n");
    for image in images {
        let place = match &image.image {
            Some(image) => format!("<code>{}</code>", escaped(&image.to_string())),
            None => "not built yet".to_owned(),
        };
        let _ = writeln!(
            body,
            "<p>{}: {place}, {}, {}, {} layers</p>",
            escaped(&image.name),
            sum(image.compressed, "compressed"),
            sum(image.unpacked, "unpacked"),
            image.layers.len()
        );
    }
    for each in [Measure::Compressed, Measure::Unpacked] {
        let word = each.word();
        let checked = if each == measure { " checked" } else { "" };
        let _ = writeln!(
            body,
            "<input type=\"radio\" name=\"by\" id=\"{word}\"{checked}><label for=\"{word}\">{word}</label>"
        );
    }
    for each in [Measure::Compressed, Measure::Unpacked] {
        let _ = writeln!(
            body,
            "<div class=\"map {}\">\n{}</div>",
            each.word(),
            drawing(images, each, None)
        );
    }
    for changes in &report.changes {
        body += &changed(changes);
    }
    for image in images {
        body += &layers(image);
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>\n{PAGE}\n{}\n</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        style()
    )
}

fn sum(sum: Sum, word: &str) -> String {
    match sum.unknown_layers {
        0 => format!("{} {word}", short(sum.bytes)),
        1 => format!("{} {word} and a layer that is not known", short(sum.bytes)),
        count => format!("{} {word} and {count} layers that are not known", short(sum.bytes)),
    }
}

fn known(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "unknown".to_owned(), short)
}

fn layers(image: &ImageSize) -> String {
    let mut text = format!(
        "<h2>Layers of {}</h2>\n<table>\n<tr><th>layer</th><th class=\"n\">compressed</th>\
         <th class=\"n\">unpacked</th><th class=\"n\">share</th></tr>\n",
        escaped(&image.name)
    );
    let whole = image.compressed.bytes;
    let mut row = |class: &str, name: &str, bytes: [Option<u64>; 2]| {
        let part = bytes[0].map_or_else(String::new, |bytes| share(bytes, whole));
        let _ = writeln!(
            text,
            "<tr{class}><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{part}</td></tr>",
            escaped(name),
            known(bytes[0]),
            known(bytes[1])
        );
    };
    for layer in &image.layers {
        let version = match layer.packages.as_slice() {
            [one] => format!(" {}", one.version),
            _ => String::new(),
        };
        row("", &format!("{}{version}", layer.name), [layer.compressed, layer.unpacked]);
        for package in layer.packages.iter().filter(|_| layer.packages.len() > 1) {
            let PackageSize { name, version, compressed, unpacked } = package;
            let bytes = [Some(*compressed), Some(*unpacked)];
            row(" class=\"p\"", &format!("{name} {version}"), bytes);
        }
    }
    text + "</table>\n"
}

fn changed(changes: &Changes) -> String {
    let mut text = format!(
        "<h2>{} since {}</h2>\n<p>A machine that has the earlier image pulls {}.</p>\n",
        escaped(&changes.name),
        escaped(&changes.since),
        sum(changes.pulled, "compressed")
    );
    if changes.packages.is_empty() {
        return text;
    }
    text += "<table>\n<tr><th>package</th><th>was</th><th>is</th><th class=\"n\">compressed</th><th class=\"n\">unpacked</th></tr>\n";
    for package in &changes.packages {
        let side = |side: &Option<PackageSize>| {
            side.as_ref().map_or_else(|| "–".to_owned(), |p| escaped(&p.version))
        };
        let bytes = |of: fn(&PackageSize) -> u64| {
            let side = |side: &Option<PackageSize>| side.as_ref().map_or(0, of);
            change(side(&package.from), side(&package.to))
        };
        let _ = writeln!(
            text,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escaped(&package.name),
            side(&package.from),
            side(&package.to),
            bytes(|p| p.compressed),
            bytes(|p| p.unpacked)
        );
    }
    text + "</table>\n"
}
