//! Why something cannot be had, as sentences with those below them that say why.

use std::collections::BTreeSet;
use std::rc::Rc;

/// More lines than anybody reads are left out, and that is said.
const MOST_LINES: usize = 60;

/// An explanation in the making.
#[derive(Debug, Clone, Default)]
pub(crate) struct Failure {
    /// How deep each line is, and the line.
    said: Vec<(usize, Rc<str>)>,
    is_cut: bool,
    /// The requests that have to do with it.
    pub(crate) requests: BTreeSet<String>,
    /// Packages of the base that do.
    pub(crate) base: BTreeSet<String>,
}

impl Failure {
    pub(crate) fn say(&mut self, depth: usize, line: impl Into<Rc<str>>) {
        let line = line.into();
        if self.said.len() == MOST_LINES {
            self.is_cut = true;
        } else if self.said.iter().all(|(_, said)| *said != line) {
            self.said.push((depth, line));
        }
    }

    /// Says what led to another failure, deeper.
    pub(crate) fn below(&mut self, depth: usize, failure: &Failure) {
        self.requests.extend(failure.requests.iter().cloned());
        self.base.extend(failure.base.iter().cloned());
        self.is_cut |= failure.is_cut;
        for (its, line) in &failure.said {
            self.say(depth + its, Rc::clone(line));
        }
    }

    /// The lines, two spaces deeper for each level; what is reported twice stands once.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .said
            .iter()
            .map(|(depth, line)| format!("{:width$}{line}", "", width = 2 * depth))
            .collect();
        if self.is_cut {
            lines.push("… and more of the kind".to_owned());
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_tried_stands_deeper_and_nothing_twice() {
        let mut inner = Failure::default();
        inner.say(0, "a");
        inner.say(1, "b");
        let mut outer = Failure::default();
        outer.say(0, "x");
        outer.below(1, &inner);
        outer.below(1, &inner);
        assert_eq!(outer.lines(), ["x", "  a", "    b"]);
    }

    #[test]
    fn an_explanation_that_grows_without_end_is_cut() {
        let mut failure = Failure::default();
        for round in 0..1000 {
            let mut next = Failure::default();
            next.say(0, format!("line {round}"));
            next.below(0, &failure);
            next.below(0, &failure);
            failure = next;
        }
        assert_eq!(failure.lines().len(), MOST_LINES + 1);
    }
}
