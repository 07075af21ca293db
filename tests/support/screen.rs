//! A program on a terminal: what its screen showed, moment by moment, and a recording of that as SVG.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use vt100::{Color, Parser};

/// A run that ended.
pub struct Recording {
    pub status: ExitStatus,
    /// All that was written.
    pub raw: Vec<u8>,
    /// The screen whenever something had been written, and when.
    pub frames: Vec<(Duration, vt100::Screen)>,
}

/// Runs a command on a terminal of so many rows and columns. `watch` sees every frame, and may end the child.
pub fn record(
    command: &mut Command,
    (rows, columns): (u16, u16),
    mut watch: impl FnMut(&vt100::Screen, &Child),
) -> Recording {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let own = || Stdio::from(File::options().read(true).write(true).open(&name).unwrap());
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).unwrap();
    command.env("TERM", "xterm-256color").stdin(Stdio::null()).stdout(own()).stderr(own());
    let mut child = command.spawn().unwrap();
    // The terminal ends with its last user.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (started, mut terminal) = (Instant::now(), File::from(terminal));
    let (mut parser, mut buffer) = (Parser::new(rows, columns, 0), vec![0; 1 << 16]);
    let (mut raw, mut frames) = (Vec::new(), Vec::new());
    // Linux says EIO when nobody has the other end any more.
    while let Ok(read @ 1..) = terminal.read(&mut buffer) {
        raw.extend_from_slice(&buffer[..read]);
        parser.process(&buffer[..read]);
        watch(parser.screen(), &child);
        frames.push((started.elapsed(), parser.screen().clone()));
    }
    Recording { status: child.wait().unwrap(), raw, frames }
}

impl Recording {
    /// The text of each frame.
    pub fn texts(&self) -> Vec<String> {
        // Not its contents: they join lines that fill the width.
        let text = |screen: &vt100::Screen| {
            let rows = screen.rows(0, screen.size().1);
            rows.map(|row| row.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
        };
        self.frames.iter().map(|(_, screen)| text(screen)).collect()
    }

    /// The text that stays.
    pub fn last(&self) -> String {
        self.texts().pop().unwrap_or_default()
    }

    /// The recording as an SVG that plays by itself, `step` a frame; `said` stands above it as the command line.
    pub fn svg(&self, said: &str, step: Duration) -> String {
        let ends = self.frames.last().map(|(at, _)| *at).unwrap_or_default();
        let count = (ends.as_millis() / step.as_millis()) as usize + 1;
        let frame = |number: usize| {
            let until = step * number as u32 + step;
            let before = self.frames.iter().rev().find(|(at, _)| *at < until);
            before.map(|(_, screen)| screen)
        };
        let (rows, columns) = self.frames[0].1.size();
        let (width, height) = (f64::from(columns) * CELL + 24.0, f64::from(rows + 1) * LINE + 24.0);
        // The last one stays for a while.
        let shown = count + 12;
        let length = step.as_secs_f64() * shown as f64;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\n\
             <style>text{{font:14px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#d8dee9;white-space:pre}}.b{{font-weight:bold}}\
             .f{{visibility:hidden}}.p{{fill:#a3be8c}}"
        );
        for number in 0..count {
            let from = number as f64 * 100.0 / shown as f64;
            let to = if number + 1 == count {
                100.0
            } else {
                (number + 1) as f64 * 100.0 / shown as f64
            };
            let before = if number == 0 { "" } else { "0%{visibility:hidden}" };
            let after = if number + 1 == count {
                ""
            } else {
                &*format!("{to:.2}%,100%{{visibility:hidden}}")
            };
            let _ = writeln!(
                svg,
                "@keyframes k{number}{{{before}{from:.2}%{{visibility:visible}}{after}}}\
                 #f{number}{{animation:k{number} {length:.1}s step-end infinite}}"
            );
        }
        svg += "</style>\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1e222a\"/>\n";
        let _ = writeln!(
            svg,
            "<text x=\"12\" y=\"{LINE}\"><tspan class=\"p\">$ </tspan>{}</text>",
            escaped(said)
        );
        for number in 0..count {
            // Who plays nothing sees the middle.
            let class = if number == count / 2 { "" } else { "class=\"f\" " };
            let _ = writeln!(svg, "<g {class}id=\"f{number}\">");
            frame(number).into_iter().for_each(|screen| draw(screen, &mut svg));
            svg += "</g>\n";
        }
        svg + "</svg>\n"
    }
}

/// Pixels of a column and of a line.
const CELL: f64 = 8.43;
const LINE: f64 = 19.0;

fn draw(screen: &vt100::Screen, svg: &mut String) {
    let (rows, columns) = screen.size();
    for row in 0..rows {
        let mut spans: Vec<(String, String)> = Vec::new();
        for cell in (0..columns).filter_map(|column| screen.cell(row, column)) {
            if cell.is_wide_continuation() {
                continue;
            }
            let text = if cell.has_contents() { cell.contents() } else { " " };
            let colour = match cell.fgcolor() {
                Color::Idx(2) => " fill=\"#a3be8c\"",
                Color::Idx(6) => " fill=\"#88c0d0\"",
                Color::Idx(_) | Color::Rgb(..) | Color::Default => "",
            };
            let style = format!("{colour}{}", if cell.bold() { " class=\"b\"" } else { "" });
            match spans.last_mut() {
                Some((known, all)) if *known == style => *all += text,
                _ => spans.push((style, text.to_owned())),
            }
        }
        let line: String = spans.iter().map(|(_, text)| text.as_str()).collect();
        if line.trim().is_empty() {
            continue;
        }
        let _ = write!(svg, "<text x=\"12\" y=\"{:.0}\">", f64::from(row + 2) * LINE);
        for (style, text) in &spans {
            match style.as_str() {
                "" => *svg += &escaped(text),
                style => *svg += &format!("<tspan{style}>{}</tspan>", escaped(text)),
            }
        }
        *svg = svg.trim_end().to_owned() + "</text>\n";
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
