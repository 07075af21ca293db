//! A diff of a file before and after an edit, for people.

use similar::TextDiff;

/// The changed lines of `name` with three lines around them, as `diff -u` shows them; empty when
/// nothing changed. Bytes that are not UTF-8 are shown as U+FFFD.
pub fn unified(name: &str, before: &[u8], after: &[u8]) -> String {
    if before == after {
        return String::new();
    }
    let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
    // A carriage return would send the terminal's cursor back over the line.
    let (before, after) = (before.replace('\r', ""), after.replace('\r', ""));
    TextDiff::from_lines(before.as_str(), after.as_str())
        .unified_diff()
        .context_radius(3)
        .header(&format!("a/{name}"), &format!("b/{name}"))
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changed_lines_are_marked() {
        let before = "1\r\n2\r\n3\r\n4\r\n五\r\n6\r\n";
        let shown = unified("config.yaml", before.as_bytes(), before.replace('五', "5").as_bytes());
        assert_eq!(
            shown,
            "--- a/config.yaml\n+++ b/config.yaml\n@@ -2,5 +2,5 @@\n 2\n 3\n 4\n-五\n+5\n 6\n"
        );
        assert_eq!(unified("config.yaml", b"x", b"x"), "");
    }
}
