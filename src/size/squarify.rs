//! Squarified treemaps (Bruls, Huizing, van Wijk 2000): rectangles that fill another exactly, each with an area by its
//! weight and as close to a square as the order of weights allows.

/// A rectangle; y grows downwards.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rect {
    /// Its left edge.
    pub x: f64,
    /// Its upper edge.
    pub y: f64,
    /// Its width, 0 or more.
    pub width: f64,
    /// Its height, 0 or more.
    pub height: f64,
}

impl Rect {
    /// Its area.
    pub fn area(&self) -> f64 {
        self.width * self.height
    }
}

/// A rectangle for each weight, in their order, which must be falling. Together they are `within`; a weight of 0 has an
/// empty one.
pub fn squarify(weights: &[u64], within: Rect) -> Vec<Rect> {
    debug_assert!(weights.is_sorted_by(|a, b| a >= b), "weights fall: {weights:?}");
    let mut rects = Vec::with_capacity(weights.len());
    let mut free = within;
    let mut rest: u64 = weights.iter().sum();
    let mut left = weights;
    while rest > 0 && !left.is_empty() {
        let length = row(left, rest, free);
        let (row, after) = left.split_at(length);
        let sum: u64 = row.iter().sum();
        let (placed, remains) = lay(row, sum, rest, free);
        rects.extend(placed);
        (free, rest, left) = (remains, rest - sum, after);
    }
    let end = Rect { x: free.x, y: free.y, width: 0.0, height: 0.0 };
    rects.resize(weights.len(), end);
    rects
}

/// How many of the weights go into the next row: as many as make it squarer.
fn row(weights: &[u64], rest: u64, free: Rect) -> usize {
    let scale = free.area() / real(rest);
    let side = free.width.min(free.height);
    let worst = |row: &[u64]| {
        let sum = real(row.iter().sum()) * scale;
        let (biggest, smallest) = (real(row[0]) * scale, real(row[row.len() - 1]) * scale);
        let square = side * side;
        (square * biggest / (sum * sum)).max(sum * sum / (square * smallest))
    };
    let mut length = 1;
    while length < weights.len()
        && weights[length] > 0
        && worst(&weights[..=length]) <= worst(&weights[..length])
    {
        length += 1;
    }
    length
}

/// The row along the shorter side of `free`, and the remaining rectangle. Edges are computed, not widths: neighbours touch.
fn lay(row: &[u64], sum: u64, rest: u64, free: Rect) -> (Vec<Rect>, Rect) {
    let upright = free.width >= free.height;
    let (long, side) = if upright { (free.width, free.height) } else { (free.height, free.width) };
    let depth = if sum == rest { long } else { long * (real(sum) / real(rest)) };
    let (mut before, mut from) = (0, 0.0);
    let place = row.iter().map(|weight| {
        before += weight;
        let to = if before == sum { side } else { side * (real(before) / real(sum)) };
        let rect = match upright {
            true => Rect { x: free.x, y: free.y + from, width: depth, height: to - from },
            false => Rect { x: free.x + from, y: free.y, width: to - from, height: depth },
        };
        from = to;
        rect
    });
    let placed = place.collect();
    let remains = match upright {
        true => Rect { x: free.x + depth, width: free.width - depth, ..free },
        false => Rect { y: free.y + depth, height: free.height - depth, ..free },
    };
    (placed, remains)
}

/// Bytes fit a double exactly up to 9 PB.
#[allow(clippy::cast_precision_loss)]
fn real(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Rect = Rect { x: 10.0, y: 20.0, width: 600.0, height: 400.0 };

    /// Weights of many shapes: the paper's, one giant, many equal, zeros, random ones.
    fn cases() -> Vec<Vec<u64>> {
        let mut state = 7_u64;
        let mut random = move |most: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % most
        };
        let mut cases = vec![
            vec![],
            vec![0],
            vec![5],
            vec![6, 6, 4, 3, 2, 2, 1],
            vec![1_144_000_000, 3, 1, 0, 0],
            vec![1; 97],
        ];
        for count in 1..60 {
            let mut weights: Vec<u64> = (0..count).map(|_| random(10_000_000_000)).collect();
            weights.sort_unstable_by(|a, b| b.cmp(a));
            cases.push(weights);
        }
        cases
    }

    #[test]
    fn rectangles_are_as_big_as_their_weights_and_fill_the_page() {
        for weights in cases() {
            let rects = squarify(&weights, PAGE);
            let sum: u64 = weights.iter().sum();
            assert_eq!(rects.len(), weights.len());
            for (rect, weight) in rects.iter().zip(&weights) {
                let expected = PAGE.area() * real(*weight) / real(sum.max(1));
                assert!(
                    (rect.area() - expected).abs() < 1e-6 * PAGE.area(),
                    "{weights:?} {rect:?}"
                );
                assert!(rect.width >= 0.0 && rect.height >= 0.0, "{rect:?}");
            }
            let covered: f64 = rects.iter().map(Rect::area).sum();
            let page = if sum == 0 { 0.0 } else { PAGE.area() };
            assert!((covered - page).abs() < 1e-6, "{weights:?}: {covered}");
        }
    }

    #[test]
    fn no_two_rectangles_overlap_and_none_leaves_the_page() {
        for weights in cases() {
            let rects = squarify(&weights, PAGE);
            let e = 1e-9;
            for (at, a) in rects.iter().enumerate() {
                assert!(a.x >= PAGE.x - e && a.x + a.width <= PAGE.x + PAGE.width + e, "{a:?}");
                assert!(a.y >= PAGE.y - e && a.y + a.height <= PAGE.y + PAGE.height + e, "{a:?}");
                for b in &rects[at + 1..] {
                    let apart = a.x + a.width <= b.x + e
                        || b.x + b.width <= a.x + e
                        || a.y + a.height <= b.y + e
                        || b.y + b.height <= a.y + e;
                    assert!(apart, "{weights:?}\n{a:?}\n{b:?}");
                }
            }
        }
    }

    #[test]
    fn the_papers_example_comes_out_as_in_the_paper() {
        let page = Rect { x: 0.0, y: 0.0, width: 6.0, height: 4.0 };
        let rects = squarify(&[6, 6, 4, 3, 2, 2, 1], page);
        let close = |r: Rect, x: f64, y: f64, w: f64, h: f64| {
            [(r.x, x), (r.y, y), (r.width, w), (r.height, h)]
                .iter()
                .all(|(a, b)| (a - b).abs() < 1e-9)
        };
        assert!(close(rects[0], 0.0, 0.0, 3.0, 2.0), "{rects:?}");
        assert!(close(rects[1], 0.0, 2.0, 3.0, 2.0), "{rects:?}");
        assert!(close(rects[2], 3.0, 0.0, 12.0 / 7.0, 7.0 / 3.0), "{rects:?}");
    }
}
