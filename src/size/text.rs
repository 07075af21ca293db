//! The report for a terminal.

use super::bytes::{change, grouped, share, short};
use super::shared::has;
use super::{
    Changes, Copy, Files, ImageSize, LayerSize, Measure, PackageSize, Report, Shared, Sum,
};

/// Copies of one file that are named.
const COPIES: usize = 3;

/// The report as text: a tree for each image. Of each layer, and of each list, the `top` biggest; shares by `measure`.
pub fn text(report: &Report, measure: Measure, top: usize) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (at, image) in report.images.iter().enumerate() {
        parts.push(tree(image, &report.images[..at], measure, top));
    }
    parts.extend(report.shared.as_ref().map(|sharing| sharing_text(sharing, &report.images)));
    parts.extend(report.changes.iter().map(|changes| changed(changes, top)));
    parts.extend(report.files.iter().map(|files| inside(files, top)));
    parts.join("\n")
}

fn tree(image: &ImageSize, earlier: &[ImageSize], measure: Measure, top: usize) -> String {
    let place =
        image.image.as_ref().map_or_else(|| "not built yet".to_owned(), ToString::to_string);
    let mut text = format!(
        "{}  {place}\n  {} compressed, {} unpacked, {}\n\n",
        image.name,
        known_sum(image.compressed),
        known_sum(image.unpacked),
        layers(image.layers.len())
    );
    text += &format!("  {:>10}  {:>10}  {:>7}\n", "COMPRESSED", "UNPACKED", "SHARE");
    let mut lines: Vec<(Row, Vec<Row>)> = Vec::new();
    let mut rest: Vec<&LayerSize> = image.layers.iter().collect();
    for other in earlier {
        let (shared, own): (Vec<_>, Vec<_>) = rest.into_iter().partition(|layer| has(other, layer));
        rest = own;
        if !shared.is_empty() {
            let name = format!("{} of {}", layers(shared.len()), other.name);
            let (compressed, unpacked) = (
                whole(shared.iter().map(|l| l.compressed)),
                whole(shared.iter().map(|l| l.unpacked)),
            );
            lines.push((Row { name, compressed, unpacked }, Vec::new()));
        }
    }
    lines.extend(rest.into_iter().map(|layer| of_layer(layer, measure, top)));
    let sum = image.sum(measure).bytes;
    for (at, (row, below)) in lines.iter().enumerate() {
        let is_last = at + 1 == lines.len();
        text += &row.line(measure, sum, if is_last { "└── " } else { "├── " });
        for (at, package) in below.iter().enumerate() {
            let bar = if is_last { "    " } else { "│   " };
            let corner = if at + 1 == below.len() { "└── " } else { "├── " };
            text += &package.line(measure, sum, &format!("{bar}{corner}"));
        }
    }
    text
}

/// A line of the tree.
struct Row {
    name: String,
    compressed: Option<u64>,
    unpacked: Option<u64>,
}

impl Row {
    fn line(&self, measure: Measure, whole: u64, branch: &str) -> String {
        let bytes = match measure {
            Measure::Compressed => self.compressed,
            Measure::Unpacked => self.unpacked,
        };
        let part = bytes.map_or_else(|| "-".to_owned(), |bytes| share(bytes, whole));
        let known = |bytes: Option<u64>| bytes.map_or_else(|| "unknown".to_owned(), short);
        let (compressed, unpacked) = (known(self.compressed), known(self.unpacked));
        format!("  {compressed:>10}  {unpacked:>10}  {part:>7}  {branch}{}\n", self.name)
    }
}

fn of_layer(layer: &LayerSize, measure: Measure, top: usize) -> (Row, Vec<Row>) {
    let name = match layer.packages.as_slice() {
        [one] => format!("{} {}", layer.name, one.version),
        _ => layer.name.clone(),
    };
    let row = Row { name, compressed: layer.compressed, unpacked: layer.unpacked };
    if layer.packages.len() < 2 {
        return (row, Vec::new());
    }
    let mut packages: Vec<&PackageSize> = layer.packages.iter().collect();
    packages.sort_by_key(|package| std::cmp::Reverse(measure.of_package(package)));
    // A single package needs no line of its own.
    let shown = if packages.len() == top + 1 { packages.len() } else { top.min(packages.len()) };
    let (shown, rest) = packages.split_at(shown);
    let mut below: Vec<Row> = shown
        .iter()
        .map(|package| Row {
            name: format!("{} {}", package.name, package.version),
            compressed: Some(package.compressed),
            unpacked: Some(package.unpacked),
        })
        .collect();
    if top > 0 && !rest.is_empty() {
        below.push(Row {
            name: format!("{} more", rest.len()),
            compressed: Some(rest.iter().map(|package| package.compressed).sum()),
            unpacked: Some(rest.iter().map(|package| package.unpacked).sum()),
        });
    }
    (row, below)
}

/// The sum, where all of it is known.
fn whole(parts: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    let sum = Sum::of(parts);
    (sum.unknown_layers == 0).then_some(sum.bytes)
}

fn known_sum(sum: Sum) -> String {
    match sum.unknown_layers {
        0 => short(sum.bytes),
        1 => format!("{} and 1 unknown layer", short(sum.bytes)),
        count => format!("{} and {count} unknown layers", short(sum.bytes)),
    }
}

fn layers(count: usize) -> String {
    format!("{count} layer{}", if count == 1 { "" } else { "s" })
}

fn sharing_text(shared: &Shared, images: &[ImageSize]) -> String {
    let names: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
    format!(
        "{} share {}: {} compressed, {} unpacked\n  together they take {} in a registry, {} unpacked\n",
        names.join(" and "),
        layers(shared.layers),
        known_sum(shared.compressed),
        known_sum(shared.unpacked),
        known_sum(shared.together),
        known_sum(shared.together_unpacked)
    )
}

fn changed(changes: &Changes, top: usize) -> String {
    let mut text = format!("{} since {}\n", changes.name, changes.since);
    if changes.layers.is_empty() {
        return text + "  nothing changed\n";
    }
    let before = changes.compressed_before;
    text += &format!(
        "  it was {} compressed, {} unpacked; a machine that has it pulls {}\n",
        known_sum(before),
        known_sum(changes.unpacked_before),
        known_sum(changes.pulled)
    );
    let mut rows: Vec<[String; 3]> = Vec::new();
    for package in &changes.packages {
        let side =
            |side: &Option<PackageSize>, of: fn(&PackageSize) -> u64| side.as_ref().map_or(0, of);
        let delta = |of| change(side(&package.from, of), side(&package.to, of));
        let what = match (&package.from, &package.to) {
            (Some(from), Some(to)) if from.version == to.version => {
                format!("{} {} is another file", package.name, to.version)
            }
            (Some(from), Some(to)) => format!("{} {} → {}", package.name, from.version, to.version),
            (None, Some(to)) => format!("{} {} is new", package.name, to.version),
            (Some(from), None) => format!("{} {} is gone", package.name, from.version),
            (None, None) => continue,
        };
        rows.push([delta(|p| p.compressed), delta(|p| p.unpacked), what]);
    }
    text += &listed("PACKAGES", &rows, top);
    let rows: Vec<_> = changes
        .layers
        .iter()
        .map(|layer| {
            let bytes = |side: Option<u64>| side.map_or_else(|| "-".to_owned(), short);
            [bytes(layer.from), bytes(layer.to), layer.name.clone()]
        })
        .collect();
    text + &listed("LAYERS", &rows, rows.len())
}

fn listed(title: &str, rows: &[[String; 3]], top: usize) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let (first, second) = match title {
        "LAYERS" => ("WAS", "IS"),
        _ => ("COMPRESSED", "UNPACKED"),
    };
    let mut text = format!("\n  {first:>10}  {second:>10}  {title}\n");
    for [one, two, name] in rows.iter().take(top.max(1)) {
        text += &format!("  {one:>10}  {two:>10}  {name}\n");
    }
    if rows.len() > top.max(1) {
        text += &format!("  {:>10}  {:>10}  {} more\n", "", "", rows.len() - top.max(1));
    }
    text
}

fn inside(files: &Files, top: usize) -> String {
    let count = grouped(files.count as u64);
    let mut text = format!("files of {}: {count}, {}\n\n", files.name, short(files.bytes));
    text += &format!("  {:>10}  {:>7}  {:>7}\n", "BYTES", "SHARE", "FILES");
    for kind in &files.kinds {
        let (bytes, part) = (short(kind.bytes), share(kind.bytes, files.bytes));
        let count = grouped(kind.files as u64);
        text += &format!("  {bytes:>10}  {part:>7}  {count:>7}  {}\n", kind.kind.words());
    }
    let (repeated, part) = (short(files.repeated), share(files.repeated, files.bytes));
    text += &format!("\n  the same file more than once: {repeated} too much, {part}\n");
    for same in files.duplicates.iter().take(top) {
        let bytes = short(same.bytes * (same.copies.len() as u64 - 1));
        let mut copies: Vec<_> = same.copies.iter().map(|copy| shown(&copy.path)).collect();
        if copies.len() > COPIES + 1 {
            let rest = copies.split_off(COPIES).len();
            copies.push(format!("and {rest} more"));
        }
        text += &format!("  {bytes:>10}  {}\n", copies.join("\n              "));
    }
    text += &more(files.duplicates.len(), top);
    text += "\n  one library from several packages\n";
    for library in files.libraries.iter().take(top) {
        let copy = |copy: &Copy| {
            let whose = copy.package.as_deref().unwrap_or("no package");
            format!("{whose} {}", short(copy.bytes))
        };
        let copies: Vec<_> = library.copies.iter().map(copy).collect();
        let bytes = short(library.bytes);
        text += &format!("  {bytes:>10}  {}: {}\n", library.name, copies.join(", "));
    }
    text + &more(files.libraries.len(), top)
}

/// A path without the common prefix of all packages' paths.
fn shown(path: &str) -> String {
    match path.split_once("/site-packages/") {
        Some((_, rest)) => format!("…/{rest}"),
        None => format!("/{path}"),
    }
}

fn more(count: usize, top: usize) -> String {
    match count.checked_sub(top) {
        None | Some(0) => String::new(),
        Some(count) => format!("  {:>10}  {count} more\n", ""),
    }
}
