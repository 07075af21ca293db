//! The tree of bars at one moment: plain values, from which `lines` makes text.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bar::{Board, Course, End, Node, Stage, Unit, lock};

/// A bar.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct View {
    pub name: String,
    pub unit: Unit,
    /// The stage of a part; none for a bar of all.
    pub stage: Option<Stage>,
    /// Parts that are done, and all; none where a bar has no parts.
    pub parts: Option<(usize, usize)>,
    /// Of the parts together, else of the present stage.
    pub done: u64,
    /// `None`: the end is not known.
    pub total: Option<u64>,
    /// Per second; `None`: it is too early to say.
    pub rate: Option<f64>,
    /// The age of the bar, or of the part's stage.
    pub since: Duration,
    pub message: String,
    /// Parts in progress, and hosts that have not answered; the oldest first.
    pub rows: Vec<View>,
    /// Bytes processed so far, without those that were there already.
    worked: u64,
}

/// Bars of all, oldest first, at the time `now`.
pub(super) fn views(board: &Board, now: Duration) -> Vec<View> {
    let roots = lock(&board.roots).clone();
    roots.iter().map(|root| all(root, now)).collect()
}

/// The least age of a stage whose rate is shown.
const EARLY: Duration = Duration::from_millis(500);

fn all(node: &Node, now: Duration) -> View {
    let mut view = one(node, &lock(&node.course), now);
    view.stage = None;
    let parts = lock(&node.parts).clone();
    if !parts.is_empty() {
        view.parts = Some(node.parts_done());
        (view.done, view.worked) = (0, 0);
        let mut total = 0;
        for part in &parts {
            let course = lock(&part.course);
            if course.end == Some(End::Left) {
                continue;
            }
            total += part.size;
            view.done += credit(part, &course);
            view.worked += course.worked + part.working(&course);
            if course.end.is_none() && course.stage.is_some() {
                view.rows.push(one(part, &course, now));
            }
        }
        view.total = Some(total).filter(|total| *total > 0);
        view.unit = Unit::Bytes;
    }
    view.rows.sort_by_key(|row| std::cmp::Reverse(row.since));
    view.rows.extend(hosts(node, now));
    view
}

fn one(node: &Node, course: &Course, now: Duration) -> View {
    let (stage, began) = course.stage.unwrap_or((Stage::Wait, now));
    let (done, since) = (node.counts.done(), now.saturating_sub(began));
    let counts = node.unit == Unit::Bytes && done > 0 && since >= EARLY;
    View {
        name: node.name.clone(),
        unit: node.unit,
        stage: Some(stage),
        parts: None,
        done,
        total: node.counts.total(),
        rate: counts.then(|| done as f64 / since.as_secs_f64()),
        since,
        message: course.message.clone(),
        rows: Vec::new(),
        worked: done,
    }
}

/// Bytes of a part's size that need no more work: each stage has its share of them.
fn credit(part: &Node, course: &Course) -> u64 {
    match course.end {
        Some(_) => part.size,
        None if part.stages.is_empty() => 0,
        None => {
            let passed = part.size * course.passed as u64 / part.stages.len() as u64;
            passed + part.working(course)
        }
    }
}

/// The open requests of each host.
fn hosts(node: &Node, now: Duration) -> Vec<View> {
    let mut hosts: BTreeMap<String, Vec<(Duration, String)>> = BTreeMap::new();
    for (host, what, since) in lock(&node.waits).values() {
        hosts.entry(host.clone()).or_default().push((*since, what.clone()));
    }
    let view = |(name, mut asked): (String, Vec<(Duration, String)>)| {
        asked.sort();
        let since = now.saturating_sub(asked[0].0);
        let what = asked.iter().map(|(_, what)| what.as_str()).collect::<Vec<_>>();
        View {
            name,
            unit: Unit::Items,
            stage: Some(Stage::Wait),
            parts: None,
            done: asked.len() as u64,
            total: None,
            rate: None,
            since,
            message: what.join(", "),
            rows: Vec::new(),
            worked: 0,
        }
    };
    hosts.into_iter().map(view).collect()
}

/// The recent rate of each bar of all.
#[derive(Debug, Default)]
pub(super) struct Rates(BTreeMap<String, Rate>);

/// A rate with exponential smoothing.
#[derive(Debug, Clone, Copy, Default)]
struct Rate {
    at: Duration,
    worked: u64,
    bytes: f64,
    seconds: f64,
}

/// The time constant of the smoothing, in seconds.
const MEMORY: f64 = 10.0;

impl Rates {
    /// Puts the rates into the views of a moment later than the ones before.
    pub fn put(&mut self, views: &mut [View], now: Duration) {
        self.0.retain(|name, _| views.iter().any(|view| view.name == *name));
        for view in views {
            let new = Rate { at: now.saturating_sub(view.since), ..Rate::default() };
            let rate = self.0.entry(view.name.clone()).or_insert(new);
            view.rate = rate.after(now, view.worked);
        }
    }
}

impl Rate {
    fn after(&mut self, now: Duration, worked: u64) -> Option<f64> {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        let kept = (-passed / MEMORY).exp();
        self.bytes = self.bytes * kept + worked.saturating_sub(self.worked) as f64;
        self.seconds = self.seconds * kept + passed;
        (self.at, self.worked) = (now, worked);
        let is_early = self.seconds < EARLY.as_secs_f64() || self.bytes < 1.0;
        (!is_early).then(|| self.bytes / self.seconds)
    }
}

impl View {
    /// How long the rest takes at the present rate.
    pub fn left(&self) -> Option<Duration> {
        let rest = self.total?.checked_sub(self.done).filter(|_| self.unit == Unit::Bytes)?;
        Duration::try_from_secs_f64((rest as f64 / self.rate?).ceil()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Clock, seconds};
    use super::*;

    const STAGES: &[Stage] = &[Stage::Download, Stage::Hash, Stage::Send];

    #[test]
    fn the_total_is_that_of_the_plan_and_each_stage_has_its_share() {
        let (clock, board) = Clock::board();
        let all = board.bar("layers", None, Unit::Bytes);
        let (torch, ray) = (all.part("torch", 900, STAGES), all.part("ray", 100, STAGES));
        let sum = |at| {
            clock.set(at);
            let view = views(&board, seconds(at)).remove(0);
            (view.parts.unwrap(), view.done, view.total.unwrap(), view.rows.len())
        };
        assert_eq!(sum(0), ((0, 2), 0, 1000, 0));
        torch.begin(Stage::Download, Some(2000));
        torch.inc(1000);
        assert_eq!(sum(1), ((0, 2), 150, 1000, 1));
        // A stage that is not listed has no share.
        torch.begin(Stage::Splice, None);
        assert_eq!(sum(2), ((0, 2), 300, 1000, 1));
        torch.begin(Stage::Send, Some(900));
        torch.inc(450);
        assert_eq!(sum(3), ((0, 2), 750, 1000, 1));
        torch.done("sent");
        assert_eq!(sum(4), ((1, 2), 900, 1000, 0));
        drop(ray);
        assert_eq!(sum(5), ((1, 1), 900, 900, 0));
        drop(all);
        assert!(views(&board, seconds(6)).is_empty());
    }

    #[test]
    fn the_rate_is_of_what_was_worked_on_and_not_of_what_was_there() {
        let (clock, board) = Clock::board();
        let all = board.bar("layers", None, Unit::Bytes);
        let parts: Vec<_> = (0..3).map(|n| all.part(n.to_string(), 1_000_000, STAGES)).collect();
        let mut rates = Rates::default();
        let mut look = |at| {
            let mut views = views(&board, seconds(at));
            rates.put(&mut views, seconds(at));
            clock.set(at + 1);
            (views[0].done, views[0].rate.map(f64::round), views[0].left())
        };
        assert_eq!(look(0), (0, None, None));
        parts[0].done("there");
        assert_eq!(look(1), (1_000_000, None, None));
        parts[1].begin(Stage::Download, Some(30));
        parts[1].inc(15);
        let (done, rate, left) = look(2);
        assert_eq!(done, 1_166_666);
        let rate = rate.unwrap();
        assert!((83_333.0..110_000.0).contains(&rate), "{rate}");
        assert_eq!(left, Some(seconds((1_833_334.0_f64 / rate).ceil() as u64)));
        // The rate of a bar that does not move falls slowly.
        let later = look(12).1.unwrap();
        assert!(later < rate / 2.0 && later > 0.0, "{later}");
    }

    #[test]
    fn hosts_that_are_waited_for_are_rows_with_what_they_were_asked() {
        let (clock, board) = Clock::board();
        let all = board.bar("resolving", None, Unit::Items);
        let numpy = all.waits_for("index.example", "numpy");
        clock.set(3);
        let _torch = all.waits_for("index.example", "torch");
        let _base = all.waits_for("registry.example", "base");
        let rows = |at| views(&board, seconds(at)).remove(0).rows;
        let row = rows(5).remove(0);
        let said = (&*row.name, row.done, row.since, &*row.message);
        assert_eq!(said, ("index.example", 2, seconds(5), "numpy, torch"));
        assert_eq!(rows(5).len(), 2);
        drop(numpy);
        assert_eq!((rows(5)[0].since, &*rows(5)[0].message), (seconds(2), "torch"));
    }
}
