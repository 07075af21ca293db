//! YAML that nobody would write, from a seed: anchors, aliases, merge keys, tags, flow and block, every way to say nothing.

/// Numbers from a seed.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn of(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..4).for_each(|_| _ = random.next());
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from((self.next() >> 16) % end as u64).unwrap()
    }

    /// Once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())]
    }
}

const PLAIN: [&str; 22] = [
    "x",
    "${REG}/a:b",
    "yes",
    "TRUE",
    "~",
    "null",
    "Null",
    "1",
    "1.5",
    "日本",
    "a b",
    "x#y",
    "r.example/x:v1",
    "'q'",
    "'it''s'",
    "\"d\\\"q\"",
    "\"\\u0061\"",
    "\"\"",
    "''",
    "'a: b'",
    "\"a # b\"",
    "false",
];
const KEYS: [&str; 10] =
    ["a", "image", "build", "enabled", "k", "'q k'", "\"d\"", "日", "x.io/y", "? m"];
const ENDS: [&str; 7] = ["", "", "", " # c", "\t# c", "  ", " #"];
const JUNK: [&str; 16] = [
    ":", " ", "\n", "- ", "#", "'", "\"", "{", "}", "[", "]", "&x ", "*x", "!!str ", "\t", "\u{85}",
];

/// A text of a few dozen lines.
pub fn text(random: &mut Random) -> String {
    let mut writer = Writer { random, out: String::new(), anchors: 0 };
    let documents = if writer.random.once_in(6) { 2 } else { 1 };
    for document in 0..documents {
        if documents > 1 || writer.random.once_in(5) {
            writer.out += "---\n";
        }
        // Anchors are of one document.
        writer.anchors *= usize::from(document == 0);
        writer.mapping(0, 0);
    }
    if writer.random.once_in(8) {
        writer.out += "...\n";
    }
    let mut text = writer.out;
    for _ in 0..random.below(8).saturating_sub(5) {
        let at = text.floor_char_boundary(random.below(text.len()));
        if random.once_in(2) {
            text.insert_str(at, random.pick(&JUNK));
        } else {
            text.remove(at);
        }
        if text.is_empty() {
            return "a: x\n".to_owned();
        }
    }
    if random.once_in(4) {
        text.truncate(text.trim_end().len());
    }
    if random.once_in(3) {
        text = text.replace('\n', "\r\n");
    }
    if random.once_in(8) { format!("\u{feff}{text}") } else { text }
}

struct Writer<'r> {
    random: &'r mut Random,
    out: String,
    anchors: usize,
}

impl Writer<'_> {
    fn indent(&mut self, column: usize) {
        self.out += &" ".repeat(column);
    }

    fn end(&mut self) {
        self.out += self.random.pick(&ENDS);
        self.out.push('\n');
        if self.random.once_in(12) {
            self.out += self.random.pick(&["\n", "# c\n", "  # 日\n", "\n\n"]);
        }
    }

    fn mapping(&mut self, column: usize, depth: usize) {
        let first = self.random.below(KEYS.len());
        for at in 0..=self.random.below(4) {
            self.indent(column);
            if self.anchors > 0 && self.random.once_in(8) && !self.out.ends_with("<<") {
                self.merge();
                continue;
            }
            let key = KEYS[(first + at) % KEYS.len()].trim_start_matches("? ");
            self.out += key;
            self.out.push(':');
            self.value(column, depth);
        }
    }

    fn merge(&mut self) {
        let one = self.random.below(self.anchors);
        self.out += &match self.random.below(3) {
            0 => format!("<<: *n{one}"),
            1 => format!("<<: [*n{one}, {{image: m}}]"),
            _ => "<<: {image: m, k: 'n'}".to_owned(),
        };
        self.end();
    }

    /// A value after its colon or dash, to the end of its last line.
    fn value(&mut self, column: usize, depth: usize) {
        let kind = self.random.below(if depth < 3 { 20 } else { 14 });
        if kind != 9 && kind != 10 && self.random.once_in(7) {
            self.decorate();
        }
        match kind {
            0..9 => {
                self.out.push(' ');
                self.out += self.random.pick(&PLAIN);
                self.end();
            }
            9 | 10 if self.anchors > 0 => {
                self.out += &format!(" *n{}", self.random.below(self.anchors));
                self.end();
            }
            9..12 => self.end(),
            12 => {
                let text = [" |\n", " one\n", " 'one\n", " >-\n"][self.random.below(4)];
                self.out += text;
                self.indent(column + 2);
                self.out += if text.contains('\'') { "two'" } else { "two" };
                self.end();
            }
            13 => self.flow(),
            14 | 15 => {
                self.out.push('\n');
                for _ in 0..=self.random.below(2) {
                    self.indent(column + 2);
                    self.out.push('-');
                    self.value(column + 2, depth + 1);
                }
            }
            _ => {
                self.out.push('\n');
                let column = column + 1 + self.random.below(3);
                self.mapping(column, depth + 1);
            }
        }
    }

    fn decorate(&mut self) {
        self.out += &match self.random.below(5) {
            0 => " !!str".to_owned(),
            1 => " !x".to_owned(),
            _ => {
                self.anchors += 1;
                format!(" &n{}", self.anchors - 1)
            }
        };
    }

    fn flow(&mut self) {
        let mut item = || match self.random.below(6) {
            0 => String::new(),
            1 if self.anchors > 0 => format!("*n{} ", self.random.below(self.anchors)),
            _ => self.random.pick(&PLAIN).to_owned(),
        };
        let (a, b) = (item(), item());
        self.out += &match self.random.below(5) {
            0 => " {}".to_owned(),
            1 => format!(" {{image: {a}, k: {b}}}"),
            2 => format!(" {{\"image\":{a}, k : {b} }}"),
            3 => format!(" [{{image: {a}}}, {b}]"),
            _ => format!(" {{ image: {a} }}"),
        };
        self.end();
    }
}
