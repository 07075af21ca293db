//! Every command on every registry that users have, each as its answers were recorded: it does what it should, or one
//! warning says what the registry does not keep. The tables in docs/how-to/registries.md are what comes out of this.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, Weak};

use envlock::reference::PinnedReference;
use serde_json::{Value, json};

use crate::support::personality::{self, LOGIN, Personality};
use crate::support::registry::MANIFEST;
use crate::support::workshop::{Workshop, images, noise};
use crate::support::{Envlock, INDEX, Run, http};

/// Bytes of one layer: more than most registries take at once of an upload in parts.
const LARGE: usize = 150_000_000;

/// What all the registries of this file share: an index, a base image, a lock, a store, a docker-registry.
struct Stock {
    workshop: Workshop,
    /// A project with the first lock; its store is everybody's.
    begun: Envlock,
}

impl Stock {
    /// The one that others use now, or a new one.
    fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Stock>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let stock = Arc::new(Self::new());
            *shared = Arc::downgrade(&stock);
            stock
        })
    }

    fn new() -> Self {
        let mut workshop = Workshop::new(5_000);
        let large = noise(7, 1_000_000).repeat(LARGE / 1_000_000);
        let weights = workshop.index.wheel("weights", "1.0").file("weights/data.bin", large);
        weights.stored().with_sidecar().add();
        let (door, base) = (workshop.proxy.host(), workshop.registry.host().to_owned());
        workshop.spec(|spec| {
            spec.replace(&door, &base).replace("\"polars\"", "\"polars\", \"weights\"")
        });
        let begun = workshop.project();
        for (seed, name) in [(70, "marimo"), (71, "numpy")] {
            let data = format!("{name}/data.bin");
            workshop.index.wheel(name, "1.1").file(&data, noise(seed, 9000)).add();
        }
        Stock { workshop, begun }
    }

    /// A clone of the project that may push to `host`.
    fn project(&self, host: &str) -> Envlock {
        let envlock = self.workshop.clone_of(&self.begun);
        let config = json!({ "auths": { host: { "auth": LOGIN } } });
        envlock.write("docker/config.json", config.to_string());
        let (config, store) = (envlock.path("docker"), self.begun.path(".store"));
        envlock.env("DOCKER_CONFIG", config).env("ENVLOCK_STORE", store)
    }
}

/// How documents are kept beside an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Referrers,
    List,
    Images,
}

impl Way {
    /// Read off the registry itself.
    fn of(behind: &PinnedReference) -> Self {
        let list = behind.digest().referrers_tag();
        let tags = tags(behind);
        match tags.iter().any(|tag| tag.starts_with(&format!("{list}."))) {
            true => Way::Images,
            false if tags.contains(&list) => Way::List,
            false => Way::Referrers,
        }
    }

    /// What must be reported about it.
    fn loss(self) -> Option<&'static str> {
        match self {
            Way::Referrers | Way::List => None,
            Way::Images => Some("keeps no artifacts beside images"),
        }
    }
}

/// Where the tables are.
const PAGE: &str = "docs/how-to/registries.md";
const PAGE_JA: &str = "docs/ja/how-to/registries.md";

/// What came out for one registry.
struct Row {
    name: &'static str,
    way: Way,
    prunes: bool,
}

impl Row {
    /// As a line of the table in a page.
    fn text(&self, page: &str) -> String {
        let words = match page {
            PAGE => [
                "kept",
                "by the referrers API",
                "in a list under a tag `sha256-…`",
                "as images of their own under tags `sha256-….envlock-…`",
                "removes them",
                "refused: delete there by other means",
            ],
            _ => [
                "残る",
                "referrers API で",
                "タグ `sha256-…` の一覧で",
                "タグ `sha256-….envlock-…` の独立したイメージとして",
                "消す",
                "拒まれる: 別の手段で消す",
            ],
        };
        let way = match self.way {
            Way::Referrers => words[1],
            Way::List => words[2],
            Way::Images => words[3],
        };
        let prune = if self.prunes { words[4] } else { words[5] };
        format!("| {} | {} | {} | {way} | {prune} |", self.name, words[0], words[0])
    }
}

fn get(registry: &str, path: &str) -> Option<Value> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let url = format!("http://{registry}/v2/{path}");
        let accept = format!("{MANIFEST}, {INDEX}");
        let answer = http().get(url).header("Accept", accept).send().await.unwrap();
        match answer.status().as_u16() {
            200 => Some(answer.json().await.unwrap()),
            _ => None,
        }
    })
}

fn tags(of: &PinnedReference) -> Vec<String> {
    let list = get(of.registry(), &format!("{}/tags/list", of.repository())).unwrap();
    serde_json::from_value(list["tags"].clone()).unwrap()
}

/// Whether the registry has the manifest and every blob in it, of the right length.
fn is_whole(image: &PinnedReference) -> bool {
    let (registry, repository) = (image.registry(), image.repository());
    let Some(manifest) = get(registry, &format!("{repository}/manifests/{}", image.digest()))
    else {
        return false;
    };
    let layers = manifest["layers"].as_array().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    layers.iter().chain([&manifest["config"]]).all(|blob| {
        let digest = blob["digest"].as_str().unwrap();
        let url = format!("http://{registry}/v2/{repository}/blobs/{digest}");
        let answer = runtime.block_on(http().head(url).send()).unwrap();
        let length = answer.headers().get("content-length").map(|v| v.to_str().unwrap());
        answer.status() == 200 && length == Some(&blob["size"].to_string())
    })
}

/// What was warned of.
fn warnings(run: &Run) -> BTreeSet<String> {
    let stderr = run.stderr();
    let lines = stderr.lines().filter_map(|line| line.strip_prefix("warning: "));
    lines.map(str::to_owned).collect()
}

/// One project on one registry.
struct Life {
    envlock: Envlock,
    /// `127.0.0.1:PORT/PREFIX`
    destination: String,
    /// The registry behind.
    behind: String,
}

impl Life {
    fn begin(stock: &Stock, host: &str, prefix: &str) -> Self {
        Life {
            envlock: stock.project(host),
            destination: format!("{host}/{prefix}"),
            behind: stock.workshop.registry.host().to_owned(),
        }
    }

    fn build(&self) -> Run {
        let words = ["build", "--push", "--engine", "layers", "--json", "--registry"];
        self.envlock.run(words.into_iter().chain([self.destination.as_str()]))
    }

    /// The images of a build, asked for past the registry's ways.
    fn built(&self, run: &Run) -> Vec<PinnedReference> {
        let past = |image: &PinnedReference| {
            PinnedReference::new(&self.behind, image.repository(), image.digest())
        };
        images(run).values().map(past).collect()
    }

    fn json(&self, words: &[&str], code: i32) -> Value {
        let run = self.envlock.run(words).exits(code);
        serde_json::from_str(&run.stdout()).unwrap()
    }

    /// What runs is said to be there by all who look, with everything that was put beside it.
    fn is_sound(&self) {
        let status = self.json(&["status", "--registry", "--json"], 0);
        let roles = status["roles"].as_array().unwrap();
        assert!(roles.iter().all(|role| role["in_registry"] == "there"), "{status}");
        let supply = self.json(&["verify", "--supply", "--json"], 0);
        assert_eq!(supply["sound"], true, "{supply}");
        for image in supply["images"].as_array().unwrap() {
            for part in ["lock", "layers", "sbom", "provenance"] {
                let mut findings = image["findings"].as_array().unwrap().iter();
                let found = findings.find(|finding| finding["part"] == part).unwrap();
                assert_eq!(found["verdict"], "ok", "{found}");
            }
        }
        let doctor = self.json(&["doctor", "--json", "--registry", &self.destination], 0);
        for name in ["registry", "releases"] {
            let mut checks = doctor["checks"].as_array().unwrap().iter();
            let check = checks.find(|check| check["name"] == name).unwrap();
            assert_eq!(check["level"], "ok", "{check}");
        }
    }
}

/// Two releases, back and forth, a history that is lost, and a third release that makes the others old.
fn live(personality: Personality) {
    let stock = Stock::shared();
    let (name, prefix) = (personality.name, personality.prefix);
    let door = personality.before(&stock.workshop.registry);
    let life = Life::begin(&stock, &door.host(), prefix);
    let envlock = &life.envlock;

    let first = life.build().exits(0);
    // The line broke once: what was sent until then, and the rest, or all of it again.
    let asked = door.asked();
    assert!(asked.iter().filter(|asked| asked.is_part() && asked.length > 10_000_000).count() > 1);
    assert!(door.received() < 5 * LARGE as u64 / 2, "{}", door.received());
    let old = life.built(&first);
    let way = Way::of(&old[0]);
    let told = warnings(&first);
    assert_eq!(told.len(), usize::from(way.loss().is_some()), "{told:?}");
    assert!(told.iter().all(|told| told.contains(way.loss().unwrap())), "{told:?}");
    let config = envlock.read("config.yaml");
    envlock.run(["resolve", "--upgrade", "marimo"]).exits(0);
    let second = life.build().exits(0);
    assert_eq!(warnings(&second).len(), told.len(), "{}", second.stderr());
    let new = life.built(&second);
    assert!(old.iter().chain(&new).all(|image| is_whole(image) && Way::of(image) == way));
    life.is_sound();

    for to in ["1", "2"] {
        let run = envlock.run(["rollback", "--to", to]).exits(0);
        assert_eq!(warnings(&run).len(), told.len(), "{}", run.stderr());
        assert_eq!(envlock.read("config.yaml") == config, to == "1");
        assert!(
            tags(&new[0]).contains(&format!("envlock-r{}.record", if to == "1" { 3 } else { 4 }))
        );
    }
    let fresh = stock.project(&door.host());
    fresh.write("config.yaml", envlock.read("config.yaml"));
    let run = fresh.run(["history", "--from-registry", "--registry", &life.destination]).exits(0);
    assert_eq!(warnings(&run), BTreeSet::new());
    assert_eq!(fresh.read("env.releases.jsonl"), envlock.read("env.releases.jsonl"));

    envlock.run(["resolve", "--upgrade", "numpy"]).exits(0);
    let third = life.build().exits(0);
    assert_eq!(warnings(&third).len(), told.len(), "{}", third.stderr());
    let newest = life.built(&third);
    let spec = envlock.read("envlock.toml");
    envlock.write("envlock.toml", format!("{spec}[release]\nkeep = 1\n"));
    let run = envlock.run(["prune", "--registry"]);
    let prunes = run.0.status.code() == Some(0);
    let run = run.exits(if prunes { 0 } else { 8 });
    let said = run.stderr().contains("refuses to delete");
    assert_eq!(said, !prunes, "{}", run.stderr());
    assert!(old.iter().chain(&new).all(|image| is_whole(image) != prunes), "{}", run.stderr());
    assert!(newest.iter().all(is_whole));
    life.is_sound();
    in_the_pages(&Row { name, way, prunes });
}

/// The tables say what came out here.
fn in_the_pages(row: &Row) {
    for name in [PAGE, PAGE_JA] {
        let line = row.text(name);
        let text = fs_err::read_to_string(name).unwrap();
        assert!(text.lines().any(|l| l == line), "{name} lacks the line\n{line}");
    }
}

/// A test for each registry, and the names that the tables must have.
macro_rules! every_command_works_on {
    ($($registry:ident: $personality:expr;)*) => {
        $(
            #[test]
            fn $registry() {
                live($personality);
            }
        )*
        pub fn names() -> BTreeSet<&'static str> {
            [$($personality.name),*].into()
        }
    };
}

mod every_command_works_on {
    use super::{BTreeSet, live, personality};

    every_command_works_on! {
        ghcr: personality::ghcr();
        ecr: personality::ecr();
        gar_that_answers_400_to_parts: personality::gar("400");
        gar_that_answers_404_to_parts: personality::gar("404");
        gar_that_answers_405_to_parts: personality::gar("405");
        gitlab: personality::gitlab();
        quay: personality::quay();
        artifactory: personality::artifactory();
        harbor: personality::harbor();
        harbor_before_2_8: personality::old_harbor();
        docker_hub: personality::hub();
        nexus: personality::nexus_like();
    }
}

#[test]
fn the_tables_have_the_registries_that_are_tried_and_no_others() {
    for (page, word) in [(PAGE, "| Registry |"), (PAGE_JA, "| レジストリ |")] {
        let text = fs_err::read_to_string(page).unwrap();
        let table = text.lines().skip_while(|line| !line.starts_with(word)).skip(2);
        let rows = table.take_while(|line| line.starts_with('|'));
        let listed: BTreeSet<_> = rows.map(|row| row.split('|').nth(1).unwrap().trim()).collect();
        assert_eq!(listed, every_command_works_on::names(), "{page}");
    }
}

#[test]
fn a_repository_that_must_be_made_first_is_named_with_how_to_make_it() {
    let said = refusal(personality::without_repositories());
    // Both images are on their way at once: which is refused first is chance.
    assert!(said.contains("has no repository ecr-team/"), "{said}");
    assert!(said.contains("create it first"), "{said}");
}

#[test]
fn a_quota_that_is_used_up_is_told_in_the_registrys_words() {
    let said = refusal(personality::with_quota(10_000_000));
    assert!(said.contains("will exceed the configured upper limit"), "{said}");
}

#[test]
fn a_name_that_the_registry_has_no_place_for_is_refused_and_named() {
    let said = refusal(personality::deep_name());
    assert!(said.contains("hub-team/project/ray-runtime"), "{said}");
}

/// The report of a push that cannot be; nothing was written, and nobody is sent away until later.
fn refusal(personality: Personality) -> String {
    let stock = Stock::shared();
    let prefix = personality.prefix;
    let door = personality.before(&stock.workshop.registry);
    let life = Life::begin(&stock, &door.host(), prefix);
    let before = life.envlock.read("config.yaml");
    let said = life.build().exits(8).stderr();
    assert_eq!(life.envlock.read("config.yaml"), before);
    assert!(!life.envlock.path("env.releases.jsonl").exists());
    assert!(!said.contains("try again later"), "{said}");
    said
}
