//! The tables for a terminal.

use super::{Build, Cell, Matrix, Row, Table};

const GREEN: &str = "32";
const RED: &str = "31";
const YELLOW: &str = "33";
const FAINT: &str = "2";
const BOLD: &str = "1";

/// The tables as text; with escape codes when `colour`.
pub fn text(matrix: &Matrix, colour: bool) -> String {
    let tables: Vec<String> =
        matrix.tables.iter().map(|table| table_text(matrix, table, colour)).collect();
    tables.join("\n")
}

fn table_text(matrix: &Matrix, table: &Table, colour: bool) -> String {
    let paint = |text: &str, code: &str| match colour && !code.is_empty() {
        true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        false => text.to_owned(),
    };
    let mut lines: Vec<Vec<(String, &str)>> = Vec::new();
    let mut head = vec![("torch".to_owned(), BOLD), ("built for".to_owned(), BOLD)];
    head.extend(table.columns.iter().map(|c| {
        let star = if c.wanted { "*" } else { "" };
        (format!("{}{star}", c.name), if c.wanted { BOLD } else { FAINT })
    }));
    lines.push(head);
    lines.extend(table.rows.iter().map(|row| cells(row, matrix)));
    let width = |at: usize| lines.iter().map(|l| l[at].0.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..table.columns.len() + 2).map(width).collect();
    let title = format!("Python {}, {}", table.python, matrix.cuda);
    let mut text = format!("{}\n", paint(&title, BOLD));
    let taken = std::iter::once(false).chain(table.rows.iter().map(|row| row.taken));
    for (line, taken) in lines.iter().zip(taken) {
        let mut shown = if taken { paint("→ ", GREEN) } else { "  ".to_owned() };
        for ((cell, code), width) in line.iter().zip(&widths) {
            let gap = " ".repeat(width - cell.chars().count() + 2);
            shown += &paint(cell, if taken && *code == GREEN { "1;32" } else { code });
            shown += &gap;
        }
        text += shown.trim_end();
        text.push('\n');
    }
    if table.rows.iter().any(|row| row.taken) {
        text += "→ is what `envlock resolve` takes; * is asked for\n";
    }
    for note in table.notes() {
        text += &format!("{note}\n");
    }
    text
}

fn cells(row: &Row, matrix: &Matrix) -> Vec<(String, &'static str)> {
    let build = match row.build {
        Build::For(tag) if tag == matrix.cuda => GREEN,
        Build::For(_) | Build::NoWheel => RED,
        Build::Unknown => YELLOW,
    };
    let torch = row.torch.clone().without_local().to_string();
    let mut cells = vec![(torch, if row.taken { BOLD } else { "" }), (row.build.shown(), build)];
    cells.extend(row.cells.iter().map(|cell| {
        let code = match cell {
            Cell::Has(_) => GREEN,
            Cell::Nothing => FAINT,
            Cell::Unknown => YELLOW,
        };
        (cell.shown(), code)
    }));
    cells
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn a_table_lines_up_and_colours_change_nothing_else() {
        let plain = text(&sample(), false);
        insta::assert_snapshot!(plain);
        let coloured = text(&sample(), true);
        assert!(coloured.contains("\u{1b}[1;32m2.14.1") || coloured.contains("\u{1b}[1m2.14.1"));
        let codes = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
        assert_eq!(codes.replace_all(&coloured, ""), plain);
    }
}
