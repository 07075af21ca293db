//! The tables as a picture that is readable on light and dark pages: it brings its own background
//! and follows the reader's colour scheme.

use super::{Build, Cell, Matrix, Row, Table};

const STYLE: &str = "\
text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:13px;fill:#1f2328}
.card{fill:#ffffff;stroke:#d0d7de}.take{fill:#dafbe1}.line{stroke:#d0d7de}
.b{font-weight:600}.yes{fill:#116329}.no{fill:#8c959f}.bad{fill:#cf222e}.ask{fill:#9a6700}.note{fill:#59636e;font-size:12px}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.card{fill:#0d1117;stroke:#30363d}.take{fill:#12341d}.line{stroke:#30363d}
.yes{fill:#3fb950}.no{fill:#6e7681}.bad{fill:#f85149}.ask{fill:#d29922}.note{fill:#9198a1}}";
/// Pixels: a character, a row, a gap between columns, the margin.
const CHARACTER: usize = 8;
const LINE: usize = 24;
const GAP: usize = 18;
const MARGIN: usize = 20;
/// Characters in a line of notes.
const NOTE: usize = 110;

/// The whole picture.
pub fn svg(matrix: &Matrix) -> String {
    let (mut body, mut width, mut y) = (String::new(), 0, MARGIN);
    for table in &matrix.tables {
        let wide = draw(matrix, table, &mut y, &mut body);
        width = width.max(wide);
        y += LINE / 2;
    }
    let (width, height) = (width + MARGIN, y + MARGIN / 2);
    // The width is known only now: it replaces its placeholder in lines that span it.
    let body = body.replace("WIDTH", &(width - 2 * MARGIN).to_string());
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"which torch goes with what, {}\">\n<style>{STYLE}</style>\n\
         <rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n{body}</svg>\n",
        matrix.cuda,
        width - 1,
        height - 1
    )
}

/// Draws one table from `y` down; returns its width.
fn draw(matrix: &Matrix, table: &Table, y: &mut usize, body: &mut String) -> usize {
    let mut put = |x: usize, y: usize, class: &str, text: &str| {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        *body += &format!("<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{text}</text>\n");
    };
    *y += LINE - 8;
    put(MARGIN, *y, "b", &format!("Python {}, {}", table.python, matrix.cuda));
    *y += LINE + 4;
    let mut head = vec!["torch".to_owned(), "built for".to_owned()];
    head.extend(
        table.columns.iter().map(|c| format!("{}{}", c.name, if c.wanted { "*" } else { "" })),
    );
    let rows: Vec<Vec<(String, &str)>> = table.rows.iter().map(|row| cells(row, matrix)).collect();
    let widest = |at: usize| {
        let cells = rows.iter().map(|row| row[at].0.chars().count());
        cells.chain([head[at].chars().count()]).max().unwrap_or(0) * CHARACTER + GAP
    };
    let mut lefts = vec![MARGIN + 6];
    for at in 0..head.len() {
        lefts.push(lefts[at] + widest(at));
    }
    let mut width = lefts[head.len()];
    for (at, name) in head.iter().enumerate() {
        let asked = at < 2 || table.columns[at - 2].wanted;
        put(lefts[at], *y, if asked { "b" } else { "no" }, name);
    }
    let mut marks = Vec::new();
    for (row, cells) in table.rows.iter().zip(&rows) {
        *y += LINE;
        marks.push((*y, row.taken));
        for (at, (text, class)) in cells.iter().enumerate() {
            put(lefts[at], *y, class, text);
        }
    }
    let mut notes = table.notes();
    if table.rows.iter().any(|row| row.taken) {
        notes.insert(0, "the marked row is what envlock resolve takes; * is asked for".to_owned());
    }
    *y += 6;
    for line in notes.iter().flat_map(|note| wrapped(note)) {
        *y += LINE - 5;
        width = width.max(MARGIN + line.chars().count() * 15 / 2);
        put(MARGIN + 6, *y, "note", &line);
    }
    *y += LINE / 2;
    // Marks lie below the text: they are drawn first.
    let mut under = String::new();
    for (y, taken) in marks {
        let top = y + 7 - LINE;
        if taken {
            under += &format!(
                "<rect class=\"take\" x=\"{MARGIN}\" y=\"{top}\" width=\"WIDTH\" height=\"{LINE}\" rx=\"4\"/>\n"
            );
        }
        under += &format!("<path class=\"line\" d=\"M{MARGIN} {top}h WIDTH\"/>\n");
    }
    body.insert_str(0, &under);
    width
}

fn cells(row: &Row, matrix: &Matrix) -> Vec<(String, &'static str)> {
    let build = match row.build {
        Build::For(tag) if tag == matrix.cuda => "yes",
        Build::For(_) | Build::NoWheel => "bad",
        Build::Unknown => "ask",
    };
    let torch = row.torch.clone().without_local().to_string();
    let mut cells = vec![(torch, if row.taken { "b" } else { "" }), (row.build.shown(), build)];
    cells.extend(row.cells.iter().map(|cell| {
        let class = match cell {
            Cell::Has(_) => "yes",
            Cell::Nothing => "no",
            Cell::Unknown => "ask",
        };
        (cell.shown(), class)
    }));
    cells
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && lines[last].chars().count() + word.chars().count() >= NOTE {
            lines.push("  ".to_owned() + word);
        } else {
            let space = if lines[last].is_empty() { "" } else { " " };
            lines[last] += &format!("{space}{word}");
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn a_picture_is_well_formed_marks_the_taken_row_and_escapes_text() {
        let mut matrix = sample();
        matrix.tables[0].unknown = Some("a < b & c".to_owned());
        let picture = svg(&matrix);
        assert_eq!(picture.matches("class=\"take\"").count(), 1);
        assert!(
            picture.contains("a &lt; b &amp; c") && picture.contains("prefers-color-scheme:dark")
        );
        assert!(!picture.contains("WIDTH"));
        assert_eq!(picture.matches("<text").count(), picture.matches("</text>").count());
    }
}
