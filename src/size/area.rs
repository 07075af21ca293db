//! The positions of a treemap's parts on a page, and the text that fits on each. Areas are exact: lines between parts
//! are drawn over them, and names of groups are outside.

use super::bytes::short;
use super::squarify::{Rect, squarify};
use super::treemap::Node;

/// Sizes of the text on tiles, pixels; the first that fits is taken.
const SIZES: [f64; 7] = [21.0, 18.0, 16.0, 14.0, 12.5, 11.0, 10.0];
/// Space around text.
const MARGIN: f64 = 6.0;
/// Shorter labels are left out.
const FEWEST: usize = 5;
/// A tile that is shorter or narrower is not drawn: it is too small to point at.
const SMALLEST: f64 = 0.5;

/// A region of the page, for one group.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Region {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) rect: Rect,
    pub(super) tiles: Vec<Tile>,
}

/// One package, or a layer that is not of packages.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tile {
    pub(super) rect: Rect,
    pub(super) detail: Vec<String>,
    pub(super) text: Option<Text>,
}

/// Text on a tile: a name and, below, its bytes where there is room.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    pub(super) name: String,
    pub(super) bytes: Option<String>,
    pub(super) size: f64,
    /// Whether it runs downwards.
    pub(super) turned: bool,
}

/// The tree's regions and tiles on `page`, biggest first. The tiles of a region fill it, and regions the page.
pub(super) fn place(root: &Node, page: Rect) -> Vec<Region> {
    let areas = squarify(&weights(&root.children), page);
    let region = |(node, rect): (&Node, Rect)| {
        let mut tiles = Vec::new();
        spread(&node.children, rect, &mut tiles);
        Region { name: node.label.clone(), bytes: node.bytes, rect, tiles }
    };
    root.children.iter().zip(areas).map(region).collect()
}

fn weights(nodes: &[Node]) -> Vec<u64> {
    nodes.iter().map(|node| node.bytes).collect()
}

fn spread(nodes: &[Node], within: Rect, tiles: &mut Vec<Tile>) {
    for (node, rect) in nodes.iter().zip(squarify(&weights(nodes), within)) {
        let is_whole = node.children.iter().all(|child| child.bytes == 0);
        if rect.width < SMALLEST || rect.height < SMALLEST || is_whole {
            let text = text(&node.label, node.bytes, rect);
            tiles.push(Tile { rect, detail: node.detail.clone(), text });
        } else {
            spread(&node.children, rect, tiles);
        }
    }
}

/// The biggest text that fits: along the tile, where it is tall and narrow down it; cut where nothing fits.
fn text(name: &str, bytes: u64, rect: Rect) -> Option<Text> {
    let directions = if rect.height > rect.width { &[false, true][..] } else { &[false] };
    for turned in directions.iter().copied() {
        let (length, depth) = sides(rect, turned);
        let fits = |size: &&f64| {
            wide(name, **size) <= length - 2.0 * MARGIN && **size * 1.2 + MARGIN <= depth
        };
        let Some(size) = SIZES.iter().find(fits).copied() else { continue };
        let below = short(bytes);
        let room = depth >= size * 1.2 + small(size) * 1.3 + 2.0 * MARGIN
            && wide(&below, small(size)) <= length - 2.0 * MARGIN;
        return Some(Text { name: name.to_owned(), bytes: room.then_some(below), size, turned });
    }
    let size = SIZES[SIZES.len() - 1];
    let turned = rect.height > 2.0 * rect.width;
    let (length, depth) = sides(rect, turned);
    let mut cut = String::new();
    for character in name.chars() {
        if wide(&cut, size) + 2.0 * size > length - MARGIN {
            break;
        }
        cut.push(character);
    }
    let cut = cut.trim_end_matches(['-', '_', '.']);
    let fits = cut.chars().count() >= FEWEST && size * 1.2 <= depth;
    fits.then(|| Text { name: format!("{cut}…"), bytes: None, size, turned })
}

/// The length and height available for text on a tile.
fn sides(rect: Rect, turned: bool) -> (f64, f64) {
    if turned { (rect.height, rect.width) } else { (rect.width, rect.height) }
}

/// The size of the second line.
pub(super) fn small(size: f64) -> f64 {
    (size * 0.75).max(10.0)
}

/// The greatest width of text, pixels: that in DejaVu Sans, the widest of the fonts in the style sheet.
pub(super) fn wide(text: &str, size: f64) -> f64 {
    let em = |character: char| match character {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | '\'' | '|' | '!' | ' ' => 0.35,
        'f' | 't' | 'r' | '-' | '/' | '(' | ')' => 0.45,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 1.0,
        character if character.is_ascii() => 0.66,
        _ => 1.0,
    };
    text.chars().map(em).sum::<f64>() * size
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Rect = Rect { x: 0.0, y: 0.0, width: 900.0, height: 500.0 };

    fn leaf(label: &str, bytes: u64) -> Node {
        Node { label: label.to_owned(), detail: vec![label.to_owned()], bytes, children: vec![] }
    }

    fn inner(label: &str, mut children: Vec<Node>) -> Node {
        children.sort_by(|a, b| (b.bytes, &a.label).cmp(&(a.bytes, &b.label)));
        let bytes = children.iter().map(|c| c.bytes).sum();
        Node { label: label.to_owned(), detail: vec![], bytes, children }
    }

    #[test]
    fn tiles_fill_their_region_and_regions_the_page() {
        let bundle =
            inner("bundle", (1..40).map(|n| leaf(&format!("p{n}"), n * n * 1000)).collect());
        let root = inner(
            "all",
            vec![
                inner("torch", vec![leaf("torch", 555_000_000), bundle]),
                inner("ray", vec![leaf("ray", 70_000_000), leaf("empty", 0)]),
            ],
        );
        let regions = place(&root, PAGE);
        let total: f64 = regions.iter().map(|r| r.rect.area()).sum();
        assert!((total - PAGE.area()).abs() < 1e-6);
        for region in &regions {
            let tiles: f64 = region.tiles.iter().map(|tile| tile.rect.area()).sum();
            assert!((tiles - region.rect.area()).abs() < 1e-6, "{}", region.name);
        }
        assert_eq!(regions[0].tiles.len(), 40);
    }

    #[test]
    fn text_stays_inside_its_tile_or_is_not_there() {
        let mut seen = [false; 4];
        for (width, height) in
            [(300.0, 200.0), (80.0, 20.0), (18.0, 200.0), (60.0, 13.0), (9.0, 9.0)]
        {
            let rect = Rect { x: 0.0, y: 0.0, width, height };
            let Some(text) = text("nvidia-cublas", 423_000_000, rect) else {
                seen[0] = true;
                continue;
            };
            let (length, depth) = if text.turned { (height, width) } else { (width, height) };
            assert!(wide(&text.name, text.size) <= length, "{text:?} in {rect:?}");
            assert!(text.size * 1.2 <= depth, "{text:?} in {rect:?}");
            seen[1] |= text.turned;
            seen[2] |= text.bytes.is_some();
            seen[3] |= text.name.ends_with('…');
        }
        assert_eq!(seen, [true; 4], "nothing, turned, two lines, cut");
    }
}
