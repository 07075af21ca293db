//! What an edit wrote in place of what, letter for letter: with it the edit can be taken back to the byte.

use serde::{Deserialize, Serialize};

/// Text that gave way to other text; both end where the value ends. Besides the value, in its quotes, they hold what had to be
/// written before it: the blank after a colon, the line break and key of an entry that was not there. An alias is its
/// `*name`; a value that was nowhere, or came from a merge key, is no text at all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TextChange {
    /// What was there.
    pub before: String,
    /// What is there now.
    pub after: String,
}

impl TextChange {
    /// The way back.
    pub fn reversed(&self) -> Self {
        TextChange { before: self.after.clone(), after: self.before.clone() }
    }

    /// This change and then another one of the same value, as one. `None` where the other does not begin with what this
    /// one left: the value was changed in between.
    pub fn then(&self, next: &TextChange) -> Option<Self> {
        if let Some(kept) = self.after.strip_suffix(&next.before) {
            let after = format!("{kept}{}", next.after);
            return Some(TextChange { before: self.before.clone(), after });
        }
        let more = next.before.strip_suffix(&self.after)?;
        let before = format!("{more}{}", self.before);
        Some(TextChange { before, after: next.after.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_one_value_add_up_whichever_of_them_reaches_further() {
        let change =
            |before: &str, after: &str| TextChange { before: before.into(), after: after.into() };
        let filled = change("", " \"one\"");
        let changed = change("\"one\"", "\"two\"");
        let there = filled.then(&changed).unwrap();
        assert_eq!(there, change("", " \"two\""));
        assert_eq!(changed.reversed().then(&filled.reversed()).unwrap(), change(" \"two\"", ""));
        let added = change("", "\n  k: 'two'");
        assert_eq!(filled.reversed().then(&added).unwrap(), change(" \"one\"", "\n  k: 'two'"));
        assert_eq!(changed.then(&change("'two'", "*x")), None);
    }
}
