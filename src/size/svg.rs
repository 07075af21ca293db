//! A treemap as a picture that is readable on light and dark pages: it has its own background and follows the
//! reader's colour scheme. It refers to no other file.

use std::fmt::Write as _;

use super::area::{Region, Text, place, small, wide};
use super::bytes::{share, short};
use super::shared::union;
use super::squarify::Rect;
use super::{ImageSize, Measure, Report, shared, treemap};

/// Fills of the groups, on light and on dark pages. Text on them has the contrast that WCAG 2.2 asks for (AAA), which
/// a test computes.
const FILLS: [(&str, &str); 8] = [
    ("#b9d6fb", "#173a63"),
    ("#b7e3c1", "#15432a"),
    ("#ffd2a6", "#5c3310"),
    ("#dccbfb", "#41306f"),
    ("#fbc6da", "#611f40"),
    ("#a9e2df", "#0e4649"),
    ("#f2e09a", "#4d3f06"),
    ("#d9dee4", "#353c45"),
];
const TEXT: (&str, &str) = ("#1f2328", "#e6edf3");
const FAINT: (&str, &str) = ("#59636e", "#9198a1");
const CARD: (&str, &str) = ("#ffffff", "#0d1117");
const EDGE: (&str, &str) = ("#d0d7de", "#30363d");

/// The page, pixels.
const WIDTH: f64 = 1200.0;
const MAP: f64 = 640.0;
const MARGIN: f64 = 20.0;
const LINE: f64 = 22.0;

/// The whole picture.
pub fn svg(report: &Report, measure: Measure) -> String {
    drawing(&report.images, measure, Some(&style()))
}

/// The rules of the picture's classes, for both colour schemes.
pub(super) fn style() -> String {
    let mut style = "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','Liberation Sans',sans-serif}\n\
         .t{font-weight:600;font-size:18px}.s{font-size:13px}.tile{stroke-width:1}.region{fill:none;stroke-width:3}"
        .to_owned();
    for dark in [false, true] {
        let pick = |pair: (&'static str, &'static str)| if dark { pair.1 } else { pair.0 };
        style += if dark { "\n@media(prefers-color-scheme:dark){" } else { "\n" };
        let (text, faint, card, edge) = (pick(TEXT), pick(FAINT), pick(CARD), pick(EDGE));
        let _ = write!(
            style,
            "text{{fill:{text}}}.s{{fill:{faint}}}.card{{fill:{card};stroke:{edge}}}.tile,.region{{stroke:{card}}}"
        );
        for (hue, fill) in FILLS.iter().enumerate() {
            let _ = write!(style, ".h{hue}{{fill:{}}}", pick(*fill));
        }
        style += if dark { "}" } else { "" };
    }
    style
}

/// The picture, with its rules where the page does not have them.
pub(super) fn drawing(images: &[ImageSize], measure: Measure, style: Option<&str>) -> String {
    let mut body = String::new();
    let mut y = MARGIN + 14.0;
    let put = |body: &mut String, x: f64, y: f64, class: &str, text: &str| {
        let _ = writeln!(
            body,
            "<text x=\"{}\" y=\"{}\" class=\"{class}\">{}</text>",
            at(x),
            at(y),
            escaped(text)
        );
    };
    let title = title(images, measure);
    put(&mut body, MARGIN, y, "t", &title);
    for line in subtitle(images, measure) {
        y += LINE;
        put(&mut body, MARGIN, y, "s", &line);
    }
    y += LINE;

    let root = treemap(images, measure);
    let width = WIDTH - 2.0 * MARGIN;
    let mut x = MARGIN;
    for (hue, node) in root.children.iter().enumerate() {
        let label =
            format!("{}  {}  {}", node.label, short(node.bytes), share(node.bytes, root.bytes));
        let long = wide(&label, 13.0) + 42.0;
        if x > MARGIN && x + long > MARGIN + width {
            (x, y) = (MARGIN, y + LINE);
        }
        let _ = writeln!(
            body,
            "<rect class=\"h{}\" x=\"{}\" y=\"{}\" width=\"12\" height=\"12\" rx=\"2\"/>",
            hue_of(hue),
            at(x),
            at(y - 11.0)
        );
        put(&mut body, x + 18.0, y, "s", &label);
        x += long;
    }
    y += LINE / 2.0;

    let page = Rect { x: MARGIN, y, width, height: MAP };
    let regions = place(&root, page);
    for (hue, region) in regions.iter().enumerate() {
        draw_tiles(region, hue_of(hue), &mut body);
    }
    for region in &regions {
        let _ = writeln!(body, "<rect class=\"region\" {}/>", edges(region.rect));
    }
    y += MAP + LINE;
    let lacking: Vec<&str> = union(images)
        .into_iter()
        .filter(|layer| measure.of(layer).is_none())
        .map(|layer| layer.name.as_str())
        .collect();
    if !lacking.is_empty() {
        let note = format!(
            "not drawn, since their {} size is not known: {}",
            measure.word(),
            lacking.join(", ")
        );
        for line in wrapped(&note, 13.0, width) {
            put(&mut body, MARGIN, y, "s", &line);
            y += LINE;
        }
    }
    let height = y;
    let style = style.map(|style| format!("<style>{style}</style>\n")).unwrap_or_default();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
         aria-label=\"{}\">\n{style}\
         <rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n{body}</svg>\n",
        escaped(&title),
        at(WIDTH - 1.0),
        at(height - 1.0),
        w = at(WIDTH),
        h = at(height),
    )
}

/// The last fill is for all groups that have none of their own.
fn hue_of(index: usize) -> usize {
    index.min(FILLS.len() - 1)
}

fn title(images: &[ImageSize], measure: Measure) -> String {
    let names: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
    let whole: u64 = union(images).into_iter().filter_map(|layer| measure.of(layer)).sum();
    format!("{}: {} {}", names.join(" and "), short(whole), measure.word())
}

fn subtitle(images: &[ImageSize], measure: Measure) -> Vec<String> {
    let Some(shared) = shared(images) else { return Vec::new() };
    let image = |image: &ImageSize| {
        let count = image.layers.len();
        format!("{} {} in {count} layers", image.name, short(image.sum(measure).bytes))
    };
    let sum = match measure {
        Measure::Compressed => shared.compressed,
        Measure::Unpacked => shared.unpacked,
    };
    let mut parts: Vec<String> = images.iter().map(image).collect();
    parts.push(format!("{} layers are in both, {}", shared.layers, short(sum.bytes)));
    if images.len() > 2 {
        let last = parts.len() - 1;
        parts[last] = format!("{} layers are in all, {}", shared.layers, short(sum.bytes));
    }
    vec![parts.join("  ·  ")]
}

fn draw_tiles(region: &Region, hue: usize, body: &mut String) {
    for tile in &region.tiles {
        let title = tile.detail.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("\n");
        let rect = edges(tile.rect);
        let _ = write!(body, "<g><title>{title}</title><rect class=\"tile h{hue}\" {rect}/>");
        if let Some(text) = &tile.text {
            draw_text(text, tile.rect, body);
        }
        body.push_str("</g>\n");
    }
}

fn draw_text(text: &Text, rect: Rect, body: &mut String) {
    let inset = text.size * 0.3 + 2.0;
    let (x, y, turn) = match text.turned {
        false => (rect.x + inset, rect.y + text.size * 0.85 + inset, String::new()),
        true => {
            let (x, y) = (rect.x + rect.width - text.size * 0.85 - inset, rect.y + inset);
            (x, y, format!(" transform=\"rotate(90 {} {})\"", at(x), at(y)))
        }
    };
    let line = |y: f64, size: f64, text: &str| {
        format!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\"{turn}>{}</text>",
            at(x),
            at(y),
            at(size),
            escaped(text)
        )
    };
    *body += &line(y, text.size, &text.name);
    if let Some(bytes) = &text.bytes {
        let below = small(text.size);
        *body += &line(y + below * 1.3, below, bytes);
    }
}

/// Edges are rounded, not widths: adjacent parts still touch.
fn edges(rect: Rect) -> String {
    let round = |value: f64| (value * 100.0).round() / 100.0;
    let (left, top) = (round(rect.x), round(rect.y));
    let (right, bottom) = (round(rect.x + rect.width), round(rect.y + rect.height));
    format!(
        "x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
        at(left),
        at(top),
        at(right - left),
        at(bottom - top)
    )
}

/// A coordinate, in hundredths of a pixel at most.
fn at(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// For text and attributes; characters that XML cannot hold become a replacement character.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn wrapped(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        let space = if lines[last].is_empty() { "" } else { " " };
        let longer = format!("{}{space}{word}", lines[last]);
        match space.is_empty() || wide(&longer, size) <= width {
            true => lines[last] = longer,
            false => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance and contrast as WCAG 2.2 defines them.
    fn contrast(one: &str, other: &str) -> f64 {
        let luminance = |colour: &str| {
            let channel = |at: usize| {
                let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
                if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
        };
        let (a, b) = (luminance(one), luminance(other));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_has_enough_contrast_on_every_fill_in_both_schemes() {
        for (light, dark) in FILLS {
            assert!(contrast(TEXT.0, light) >= 7.0, "{light}: {}", contrast(TEXT.0, light));
            assert!(contrast(TEXT.1, dark) >= 7.0, "{dark}: {}", contrast(TEXT.1, dark));
        }
        assert!(contrast(FAINT.0, CARD.0) >= 4.5 && contrast(FAINT.1, CARD.1) >= 4.5);
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 0.01);
    }

    #[test]
    fn text_is_escaped_and_coordinates_are_short() {
        assert_eq!(escaped("a<b> & \"c\"\u{1}\n"), "a&lt;b&gt; &amp; &quot;c&quot;\u{fffd} ");
        assert_eq!([at(1.0), at(0.126), at(-0.5), at(100.0)], ["1", "0.13", "-0.5", "100"]);
        assert_eq!(wrapped("one two three", 10.0, 50.0), ["one two", "three"]);
        assert_eq!(wrapped("incomprehensible", 10.0, 50.0), ["incomprehensible"]);
    }
}
