//! The whole trial of some images: what is started, in which order, and what comes after what.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::signal::unix::{SignalKind, signal};

use super::judge::{self, Check, CheckName, Expected, Facts, ImageReport, Measured};
use super::probe::{self, Silence};
use super::sandbox::{Manner, Sandbox};
use super::{Error, Runtime, cluster, gpu, notebook};
use crate::digest::Sha256;
use crate::reference::PinnedReference;
use crate::ui::Ui;

/// How long a pull may take: it may be gigabytes over a slow line.
const PULL: Duration = Duration::from_secs(3600);
/// Heavy containers at once.
const TOGETHER: usize = 2;

/// An image, and what it is held against.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The image.
    pub image: PinnedReference,
    /// What people call it.
    pub name: String,
    /// How the search for its lock ended.
    pub lock_check: Check,
    /// The lock's hash; `None`: there is none, and nothing else is checked.
    pub lock: Option<Sha256>,
    /// What it must hold; as `lock`.
    pub expected: Option<Expected>,
    /// `USER` of its config.
    pub user: String,
    /// Bytes of its layers in the registry.
    pub compressed: u64,
    /// Its registry may be asked over plain http.
    pub plain: bool,
}

/// What is wanted of a trial.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Only these checks; empty: all.
    pub only: Vec<CheckName>,
    /// How long a container may take for one of them.
    pub limit: Duration,
}

impl Default for Wish {
    /// Everything, as patiently as `envlock verify` is.
    fn default() -> Self {
        Wish { only: vec![], limit: Duration::from_secs(300) }
    }
}

impl Wish {
    fn wants(&self, check: CheckName) -> bool {
        self.only.is_empty() || self.only.contains(&check)
    }
}

/// An image that is here, and what is known of it so far.
struct Known<'a> {
    index: usize,
    subject: &'a Subject,
    expected: &'a Expected,
    facts: Option<Facts>,
    checks: Vec<Check>,
}

/// Runs the images in containers, which are removed afterwards, also on Ctrl-C; the images stay with the engine.
/// Errors: containers cannot be run here at all. What is wrong with an image is in its report.
pub async fn run(
    runtime: &Runtime,
    subjects: &[Subject],
    wish: &Wish,
    ui: &Ui,
) -> Result<Vec<ImageReport>, Error> {
    let sandbox = Sandbox::new(runtime.clone(), TOGETHER, wish.limit);
    let outcome = tokio::select! {
        outcome = all(&sandbox, subjects, wish, ui) => outcome,
        () = interrupted() => Err(Error::Interrupted),
    };
    let cleared = sandbox.clear().await;
    let reports = outcome?;
    cleared.map(|()| reports)
}

/// Until Ctrl-C or a termination signal.
async fn interrupted() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

async fn all(
    sandbox: &Sandbox,
    subjects: &[Subject],
    wish: &Wish,
    ui: &Ui,
) -> Result<Vec<ImageReport>, Error> {
    let (mut here, mut checks) = (Vec::new(), Vec::new());
    for (index, subject) in subjects.iter().enumerate() {
        let mut own = vec![subject.lock_check.clone()];
        if let Some(expected) = &subject.expected {
            ui.note(format!("{}: pulled by {}", subject.name, sandbox.runtime().program()));
            let (check, is_here) = pull(sandbox, subject).await?;
            own.push(check);
            if is_here {
                here.push(Known { index, subject, expected, facts: None, checks: vec![] });
            }
        }
        checks.push(own);
    }
    if !here.is_empty() {
        ui.note("looking into the images");
    }
    try_join_all(here.iter_mut().map(|known| known.look(sandbox, wish))).await?;
    if !here.is_empty() {
        ui.note("starting what is in them");
    }
    let started = tokio::try_join!(
        clusters(sandbox, &here, wish),
        try_join_all(here.iter().map(|known| known.start(sandbox, wish))),
    )?;
    for (index, check) in started.0.into_iter().chain(started.1.into_iter().flatten()) {
        checks[index].push(check);
    }
    for known in here {
        checks[known.index].extend(known.checks);
    }
    let reports = subjects.iter().zip(checks).map(|(subject, mut checks)| {
        checks.retain(|check| wish.wants(check.check));
        checks.sort_by_key(|check| check.check);
        let Subject { image, name, lock, .. } = subject;
        ImageReport { image: image.clone(), name: name.clone(), lock: *lock, checks }
    });
    Ok(reports.collect())
}

async fn pull(sandbox: &Sandbox, subject: &Subject) -> Result<(Check, bool), Error> {
    let (started, runtime) = (Instant::now(), sandbox.runtime());
    let pulled = runtime.pull(&subject.image, subject.plain, PULL).await?;
    let is_here = pulled.is_ok();
    let said = format!("by {} {}", runtime.program(), runtime.version());
    let check = Check::of(CheckName::Pull, pulled.map(|()| said));
    Ok((check.after(started.elapsed().as_secs_f64()), is_here))
}

impl Known<'_> {
    /// What is seen from one short container, and from the engine.
    async fn look(&mut self, sandbox: &Sandbox, wish: &Wish) -> Result<(), Error> {
        let (subject, expected) = (self.subject, self.expected);
        if wish.wants(CheckName::Size) {
            let measured = Measured {
                unpacked: sandbox.runtime().unpacked(&subject.image).await?,
                compressed: subject.compressed,
                listed: sandbox.runtime().listed(&subject.image).await?,
            };
            let engine = sandbox.runtime().program();
            self.checks.push(judge::size(engine, expected, &measured));
        }
        use CheckName::*;
        let computed = [Imports, Torch, ArchList, Pyg];
        let seen = [Python, Packages, Files, User, Layout];
        // Ray's client needs both sides' versions before it connects.
        let wanted = seen.iter().chain(&computed).chain(&[Client]).any(|check| wish.wants(*check));
        if !wanted {
            return Ok(());
        }
        let mut words = vec!["facts"];
        if computed.iter().any(|check| wish.wants(*check)) {
            words.extend(expected.modules());
        }
        let (what, image) = (format!("facts-{}", self.index), &subject.image);
        let found = probe::alone::<Facts>(sandbox, &what, image, &words, Manner::default()).await?;
        match found {
            Ok(facts) => {
                self.checks.extend([
                    judge::python(expected, &facts),
                    judge::packages(expected, &facts),
                    judge::files(&facts),
                    judge::user(&subject.user, &facts),
                    judge::layout(&facts),
                    judge::imports(expected, &facts),
                    judge::torch(expected, &facts),
                    judge::arch_list(expected, &facts),
                    judge::pyg(expected, &facts),
                ]);
                self.facts = Some(facts);
            }
            Err(Silence { why, log }) => {
                let why = format!("a container of it gives no report: {why}");
                self.checks.push(Check::of(Python, Err(why)).with_log(log));
                let rest = seen.into_iter().chain(computed).filter(|check| *check != Python);
                let skipped = |check| Check::skipped(check, "the container gave no report");
                self.checks.extend(rest.map(skipped));
            }
        }
        Ok(())
    }

    /// What is started of it beside Ray.
    async fn start(&self, sandbox: &Sandbox, wish: &Wish) -> Result<Vec<(usize, Check)>, Error> {
        let mut checks = Vec::new();
        let image = &self.subject.image;
        if wish.wants(CheckName::Marimo) {
            checks.push(match self.expected.has("marimo") {
                true => notebook::serves(sandbox, &format!("marimo-{}", self.index), image).await?,
                false => Check::not_locked(CheckName::Marimo, "marimo"),
            });
        }
        if wish.wants(CheckName::Gpu) {
            let what = format!("gpu-{}", self.index);
            checks.push(gpu::computes(sandbox, &what, image, self.expected).await?);
        }
        Ok(checks.into_iter().map(|check| (self.index, check)).collect())
    }

    fn has_ray(&self) -> bool {
        self.expected.has("ray")
    }
}

/// A cluster in every image that is for Ray; from those with marimo, clients of the first one.
async fn clusters(
    sandbox: &Sandbox,
    here: &[Known<'_>],
    wish: &Wish,
) -> Result<Vec<(usize, Check)>, Error> {
    use CheckName::{Client, Dashboard, Ray, Tasks};
    let mut checks = Vec::new();
    if ![Ray, Tasks, Dashboard, Client].iter().any(|check| wish.wants(*check)) {
        return Ok(checks);
    }
    let of_ray = |known: &&Known| known.has_ray() && !known.expected.has("marimo");
    let mut heads: Vec<&Known> = here.iter().filter(of_ray).collect();
    if heads.is_empty() {
        heads.extend(here.iter().find(|known| known.has_ray()));
    }
    for known in here {
        let skipped = |check| match heads.first() {
            Some(head) => Check::skipped(check, format!("the head runs in {}", head.subject.name)),
            None => Check::not_locked(check, "ray"),
        };
        let is_head = heads.iter().any(|head| head.index == known.index);
        if !is_head {
            checks.extend([Ray, Tasks, Dashboard].map(|check| (known.index, skipped(check))));
        }
        if !known.expected.has("marimo") {
            checks.push((known.index, Check::not_locked(Client, "marimo")));
        } else if !known.expected.has_client() {
            checks.push((known.index, Check::not_locked(Client, "ray[client]")));
        } else if heads.is_empty() {
            checks.push((known.index, Check::skipped(Client, "no image here has Ray")));
        }
    }
    let clients = |known: &&Known| known.expected.has("marimo") && known.expected.has_client();
    for (order, known) in heads.into_iter().enumerate() {
        let what = format!("ray-{}", known.index);
        let image = &known.subject.image;
        let (check, head) = cluster::head(sandbox, &what, image, known.expected).await?;
        checks.push((known.index, check));
        let own = match &head {
            Some(head) => {
                let tasks = head.tasks().await?;
                let dashboard = match known.expected.has_dashboard() {
                    true => head.dashboard().await?,
                    false => Check::not_locked(Dashboard, "ray[default]"),
                };
                [tasks, dashboard]
            }
            None => [Tasks, Dashboard].map(|check| Check::skipped(check, "no head runs")),
        };
        checks.extend(own.map(|check| (known.index, check)));
        for client in here.iter().filter(clients).filter(|_| order == 0) {
            let check = match (&head, &client.facts, &known.facts) {
                (None, ..) => Check::skipped(Client, "no head runs"),
                (Some(head), Some(here), Some(there)) => {
                    let what = format!("client-{}", client.index);
                    let sides = ((&*client.subject.name, here), (&*known.subject.name, there));
                    head.client(sandbox, &what, &client.subject.image, sides).await?
                }
                _ => Check::skipped(Client, "one of the two gave no report of its versions"),
            };
            checks.push((client.index, check));
        }
        if let Some(head) = head {
            head.remove().await?;
        }
    }
    Ok(checks)
}
