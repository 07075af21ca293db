//! Releases kept alive in their registry: tags, records, the history read back, what `prune` takes.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use envlock::digest::Digest;
use serde_json::{Value, json};

use super::schema::result;
use crate::support::release::CONFIG;
use crate::support::workshop::{Workshop, images, noise};
use crate::support::{Embedded, Envlock, Harm, Run, http};

const HISTORY: &str = "env.releases.jsonl";

fn get(host: &str, path: &str) -> Option<(Digest, Value)> {
    let accept =
        "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let url = format!("http://{host}/v2/{path}");
        let answer = http().get(url).header("Accept", accept).send().await.unwrap();
        let found = answer.status() == 200;
        let bytes = answer.bytes().await.unwrap();
        found.then(|| (Digest::of(&bytes), serde_json::from_slice(&bytes).unwrap()))
    })
}

fn tags(host: &str, repository: &str) -> Vec<String> {
    let Some((_, list)) = get(host, &format!("{repository}/tags/list")) else { return vec![] };
    let tags = list["tags"].as_array().cloned().unwrap_or_default();
    let tags = tags.iter().map(|tag| tag.as_str().unwrap().to_owned());
    let mut ours: Vec<_> = tags.filter(|tag| tag.starts_with("envlock-r")).collect();
    ours.sort();
    ours
}

/// Another version of marimo is locked.
fn bump(workshop: &Workshop, envlock: &Envlock, version: &str, seed: u64) {
    workshop.index.wheel("marimo", version).file("marimo/data.bin", noise(seed, 9000)).add();
    envlock.run(["resolve", "--upgrade", "marimo"]).exits(0);
}

#[test]
fn a_lost_history_comes_back_byte_for_byte_with_its_rollbacks_and_locks() {
    let workshop = Workshop::new(5_000);
    let envlock = workshop.project();
    let first = images(&workshop.build(&envlock, "team").exits(0));
    let first_lock = envlock.read("env.lock");
    bump(&workshop, &envlock, "1.1", 77);
    workshop.build(&envlock, "team").exits(0);
    envlock.run(["rollback"]).exits(0);
    let (history, config) = (envlock.read(HISTORY), envlock.read("config.yaml"));
    assert_eq!(history.lines().count(), 3);
    let host = workshop.registry.host();
    let expected =
        ["envlock-r1", "envlock-r1.record", "envlock-r2", "envlock-r2.record", "envlock-r3"];
    assert_eq!(tags(host, "team/ray-runtime")[..5], expected);
    for (name, image) in &first {
        let (digest, _) = get(host, &format!("team/{name}/manifests/envlock-r1")).unwrap();
        assert_eq!(digest, image.digest());
        let (_, record) = get(host, &format!("team/{name}/manifests/envlock-r1.record")).unwrap();
        assert_eq!(record["subject"]["digest"], image.digest().to_string());
        assert_eq!(record["artifactType"], "application/vnd.dev.envlock.release.v1+json");
    }

    // A fresh checkout that lost the history, and everything else that is not in git.
    let fresh = workshop.begun();
    fresh.write("config.yaml", &config);
    fresh.write("env.lock", envlock.read("env.lock"));
    let shown = fresh.run(["history", "--from-registry"]).exits(0);
    assert!(shown.stdout().contains("rollback to 1"), "{}", shown.stdout());
    assert_eq!(fresh.read(HISTORY), history);
    fresh.run(["history", "--from-registry"]).exits(0);
    let refused = fresh.run(["rollback", "--from-registry"]).exits(2);
    assert!(refused.stderr().contains("exists: --from-registry"), "{}", refused.stderr());

    // Back to the newest build first, then away from it in a folder without a history.
    envlock.run(["rollback", "--to", "2"]).exits(0);
    let fresh = workshop.begun();
    fresh.write("config.yaml", envlock.read("config.yaml"));
    let dry = fresh.run(["rollback", "--from-registry", "--to", "1", "--dry-run"]).exits(0);
    assert!(dry.stdout().contains("+++ b/config.yaml") && !fresh.path(HISTORY).exists());
    fresh.run(["rollback", "--from-registry", "--to", "1", "--lock"]).exits(0);
    assert_eq!(fresh.read("config.yaml"), config);
    assert_eq!(fresh.read("env.lock"), first_lock);
    assert!(fresh.read(HISTORY).starts_with(&envlock.read(HISTORY)));
}

#[test]
fn a_required_record_that_the_registry_refuses_stops_the_release_before_any_file_is_written() {
    let mut workshop = Workshop::new(5_000);
    workshop.spec(|spec| spec + "[release]\nrecords = \"required\"\n");
    let envlock = workshop.project();
    let broken = Arc::new(AtomicBool::new(true));
    let rule = broken.clone();
    workshop.proxy.harm(move |asked| {
        let wanted = asked.method == "PUT" && asked.path.ends_with("manifests/envlock-r1.record");
        (wanted && asked.path.contains("marimo") && rule.load(SeqCst)).then(|| Harm::status(403))
    });
    let run = workshop.build(&envlock, "team").exits(8);
    assert!(run.stderr().contains("403"), "{}", run.stderr());
    assert!(run.stderr().contains("records = \"auto\""), "{}", run.stderr());
    assert_eq!(envlock.read("config.yaml"), CONFIG);
    assert!(!envlock.path(HISTORY).exists());
    // The number is not lost: the record of the first attempt is the record of this very release.
    let host = workshop.registry.host().to_owned();
    let (before, _) = get(&host, "team/ray-runtime/manifests/envlock-r1.record").unwrap();
    broken.store(false, SeqCst);
    workshop.build(&envlock, "team").exits(0);
    let (after, _) = get(&host, "team/ray-runtime/manifests/envlock-r1.record").unwrap();
    assert_eq!(before, after);
    let record: Value = serde_json::from_str(&envlock.read(HISTORY)).unwrap();
    assert_eq!(record["number"], 1);
    assert!(get(&host, "team/marimo-runtime/manifests/envlock-r1.record").is_some());
}

/// Tags that may not be written again, and readings that do not show yet what another run wrote.
#[test]
fn a_number_whose_tag_may_not_be_written_again_is_somebodys() {
    let workshop = Workshop::new(5_000);
    let first = workshop.project();
    workshop.build(&first, "team").exits(0);
    let other = workshop.begun();
    other.write("env.lock", first.read("env.lock"));
    bump(&workshop, &other, "1.1", 5);
    let refused = Arc::new(AtomicBool::new(false));
    let rule = refused.clone();
    workshop.proxy.harm(move |asked| {
        let (_, tag) = asked.path.split_once("/manifests/envlock-r1")?;
        let is_write = asked.method == "PUT" && (tag.is_empty() || tag == ".record");
        rule.fetch_or(is_write, SeqCst);
        match is_write {
            true => Some(Harm::status(409)),
            false => (!rule.load(SeqCst)).then(|| Harm::status(404)),
        }
    });
    let run = workshop.build(&other, "team").exits(0);
    assert!(refused.load(SeqCst));
    assert!(run.stderr().contains("this is release 2"), "{}", run.stderr());
    assert_eq!(warnings(&run).len(), 1, "{}", run.stderr());
    let record: Value = serde_json::from_str(&other.read(HISTORY)).unwrap();
    assert_eq!((&record["number"], record.get("not_kept")), (&json!(2), None));
    let host = workshop.registry.host();
    for name in ["ray-runtime", "marimo-runtime"] {
        let (_, record) = get(host, &format!("team/{name}/manifests/envlock-r2.record")).unwrap();
        assert_eq!(record["artifactType"], "application/vnd.dev.envlock.release.v1+json");
    }
}

/// The warnings of a run, a line each.
fn warnings(run: &Run) -> Vec<String> {
    let lines = run.stderr();
    lines.lines().filter(|line| line.starts_with("warning")).map(str::to_owned).collect()
}

#[test]
fn what_a_registry_keeps_in_no_way_is_told_once_and_the_release_is_made() {
    let workshop = Workshop::new(5_000);
    let envlock = workshop.project();
    // Images go in by their digest, which is all that this registry takes.
    let of_images = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = of_images.clone();
    workshop.proxy.harm(move |asked| {
        let (_, name) = asked.path.split_once("/manifests/").filter(|_| asked.method == "PUT")?;
        let mut seen = seen.lock().unwrap();
        let repository = asked.path.split("/manifests/").next().unwrap().to_owned();
        // The first of each repository is its image.
        let is_image =
            name.starts_with("sha256:") && (seen.insert(repository) || seen.contains(name));
        if is_image {
            seen.insert(name.to_owned());
        }
        (!is_image).then(|| Harm::status(403))
    });
    let run = workshop.build(&envlock, "team").exits(0);
    let told = warnings(&run);
    assert_eq!(told.len(), 2, "{}", run.stderr());
    let about = |words: &str| told.iter().any(|line| line.contains(words));
    assert!(about("keeps nothing beside images") && about("history --from-registry"), "{told:?}");
    assert!(about("takes no tags of releases") && about("cleaning may remove"), "{told:?}");
    let record: Value = serde_json::from_str(&envlock.read(HISTORY)).unwrap();
    assert_eq!(record["not_kept"], json!(["marimo-runtime", "ray-runtime"]));
    super::schema::fits("release", &record);
    assert!(envlock.read("config.yaml").contains("@sha256:"));

    // What comes after says the same, and fails of nothing.
    envlock.run(["status", "--registry"]).exits(0);
    let found = envlock.run(["verify", "--supply"]).exits(0).stdout();
    assert!(found.contains("not kept by this registry") && !found.contains("MISSING"), "{found}");
    let run = envlock.run(["doctor", "--json"]);
    let report: Value = serde_json::from_str(&run.stdout()).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let releases = checks.iter().find(|check| check["name"] == "releases").unwrap();
    assert_eq!(releases["level"], "warn", "{releases}");
    assert!(releases["found"].as_str().unwrap().contains("not kept by this registry"));
    let run = envlock.run(["rollback", "--to", "0"]).exits(0);
    assert!(run.stderr().contains("went back"), "{}", run.stderr());
    envlock.run(["history", "--from-registry"]).exits(8);
}

#[test]
fn without_records_nothing_is_put_beside_the_images() {
    let mut workshop = Workshop::new(5_000);
    workshop.spec(|spec| spec + "[release]\nrecords = \"none\"\n");
    let envlock = workshop.project();
    workshop.build(&envlock, "team").exits(0);
    envlock.run(["rollback", "--to", "0"]).exits(0);
    for name in ["ray-runtime", "marimo-runtime"] {
        let list = get(workshop.registry.host(), &format!("team/{name}/tags/list"));
        let tags = list.map_or(Value::Null, |(_, list)| list["tags"].clone());
        assert!(tags.as_array().is_none_or(Vec::is_empty), "{tags}");
    }
    let puts = workshop.proxy.asked();
    let puts = puts.iter().filter(|a| a.method == "PUT" && a.path.contains("/manifests/"));
    assert_eq!(puts.count(), 2);
}

#[test]
fn all_entries_of_an_image_come_into_its_list_with_one_write() {
    let workshop = Workshop::new(5_000);
    let envlock = workshop.project();
    let built = images(&workshop.build(&envlock, "team").exits(0));
    let asked = workshop.proxy.asked();
    for image in built.values() {
        let list = format!("/manifests/{}", image.digest().referrers_tag());
        let writes = asked.iter().filter(|a| a.method == "PUT" && a.path.ends_with(&list));
        assert_eq!(writes.count(), 1);
        let path = format!("{}{list}", image.repository());
        let (_, index) = get(workshop.registry.host(), &path).unwrap();
        assert_eq!(index["manifests"].as_array().unwrap().len(), 4);
    }
    let referrers = asked.iter().filter(|a| a.path.contains("/referrers/"));
    assert_eq!(referrers.count(), 1, "what a registry does not know is asked once");
}

#[test]
fn two_runs_on_one_branch_write_the_same_release_once_and_different_ones_under_two_numbers() {
    let workshop = Workshop::new(5_000);
    let one = workshop.project();
    workshop.build(&one, "team").exits(0);
    let (same, other) = (workshop.begun(), workshop.clone_of(&one));
    same.write("env.lock", one.read("env.lock"));
    // The same job a second time, begun before the first was committed, at another time: a release's has whole seconds.
    let line: Value = serde_json::from_str(one.read(HISTORY).lines().last().unwrap()).unwrap();
    let first: jiff::Timestamp = line["time"].as_str().unwrap().parse().unwrap();
    while jiff::Timestamp::now().as_second() == first.as_second() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    workshop.build(&same, "team").exits(0);
    assert_eq!(same.read(HISTORY), one.read(HISTORY));
    assert_eq!(same.read("config.yaml"), one.read("config.yaml"));

    bump(&workshop, &one, "1.1", 1);
    workshop.build(&one, "team").exits(0);
    bump(&workshop, &other, "1.2", 2);
    workshop.build(&other, "team").exits(0);
    let last = |envlock: &Envlock| -> Value {
        serde_json::from_str(envlock.read(HISTORY).lines().last().unwrap()).unwrap()
    };
    assert_eq!((&last(&one)["number"], &last(&other)["number"]), (&json!(2), &json!(3)));
    // Nothing of the first was written over, and both lines together are a history again.
    let (digest, _) =
        get(workshop.registry.host(), "team/marimo-runtime/manifests/envlock-r2").unwrap();
    assert!(one.read("config.yaml").contains(&digest.to_string()));
    let merged = format!("{}{}\n", one.read(HISTORY), other.read(HISTORY).lines().last().unwrap());
    assert_eq!(envlock::release::History::parse(merged.as_bytes()).unwrap().records.len(), 3);
    // The registry's newest is not the state of this folder: it is passed over, and said.
    fs_err::remove_file(one.path(HISTORY)).unwrap();
    let run = one.run(["history", "--from-registry"]).exits(0);
    assert!(run.stderr().contains("release 3 is in the registry"), "{}", run.stderr());
    assert_eq!(one.read(HISTORY).lines().count(), 2);
}

/// Three builds with different images.
fn three(
    workshop: &Workshop,
) -> (Envlock, Vec<std::collections::BTreeMap<String, envlock::reference::PinnedReference>>) {
    let envlock = workshop.project();
    let mut all = vec![images(&workshop.build(&envlock, "team").exits(0))];
    for (version, seed) in [("1.1", 1), ("1.2", 2)] {
        bump(workshop, &envlock, version, seed);
        all.push(images(&workshop.build(&envlock, "team").exits(0)));
    }
    (envlock, all)
}

#[test]
fn prune_takes_what_is_old_and_in_no_role_and_nothing_else() {
    let workshop = Workshop::new(5_000);
    let (envlock, all) = three(&workshop);
    let host = workshop.registry.host();
    let there = |release: usize, name: &str| {
        get(host, &format!("team/{name}/manifests/{}", all[release][name].digest())).is_some()
    };
    // The file names release 1 by hand, in a comment only; and somebody else has a number.
    let config = envlock.read("config.yaml");
    envlock.write("config.yaml", format!("{config}# {}\n", all[0]["ray-runtime"]));
    let dry = envlock.run(["prune", "--registry", "--keep", "1", "--dry-run"]).exits(0).stdout();
    assert!(dry.contains(&all[0]["marimo-runtime"].digest().to_string()), "{dry}");
    assert!(!dry.contains(&all[0]["ray-runtime"].digest().to_string()), "{dry}");
    assert!(there(0, "marimo-runtime"));
    let here = envlock.run(["prune", "--keep", "1"]).exits(0);
    assert!(here.stderr().contains("--registry does that too"), "{}", here.stderr());

    // What a file names that cannot be read is not known: nothing is removed.
    let config = envlock.read("config.yaml");
    fs_err::remove_file(envlock.path("config.yaml")).unwrap();
    fs_err::create_dir(envlock.path("config.yaml")).unwrap();
    let run = envlock.run(["prune", "--registry", "--keep", "1"]).exits(1);
    assert!(run.stderr().contains("config.yaml"), "{}", run.stderr());
    assert!(there(0, "ray-runtime") && there(0, "marimo-runtime"));
    fs_err::remove_dir(envlock.path("config.yaml")).unwrap();
    envlock.write("config.yaml", config);

    let run = envlock.run(["prune", "--registry", "--keep", "1", "--json"]).exits(0);
    let report = result("prune", &run);
    assert_eq!((report["kept_from"].as_u64(), report["dry_run"].as_bool()), (Some(3), Some(false)));
    for release in [0, 1] {
        assert!(!there(release, "marimo-runtime"), "release {}", release + 1);
    }
    assert!(there(0, "ray-runtime") && !there(1, "ray-runtime"));
    assert!(there(2, "ray-runtime") && there(2, "marimo-runtime"));
    assert_eq!(tags(host, "team/marimo-runtime"), ["envlock-r3", "envlock-r3.record"]);
    let again = envlock.run(["prune", "--registry", "--keep", "1"]).exits(0);
    assert!(!again.stdout().contains("an image of"), "{}", again.stdout());
    let gone = envlock.run(["rollback"]).exits(8);
    assert!(gone.stderr().contains("no longer in the registry"), "{}", gone.stderr());

    // What is left is a whole release.
    fs_err::remove_file(envlock.path(HISTORY)).unwrap();
    envlock.run(["history", "--from-registry"]).exits(0);
    assert_eq!(envlock.read(HISTORY).lines().count(), 3);
}

#[test]
fn a_registry_that_deletes_nothing_is_told_of() {
    let workshop = Workshop::new(5_000);
    let (envlock, all) = three(&workshop);
    workshop.proxy.harm(|asked| (asked.method == "DELETE").then(|| Harm::status(405)));
    let run = envlock.run(["prune", "--registry", "--keep", "2"]).exits(8);
    assert!(run.stderr().contains("refuses to delete"), "{}", run.stderr());
    let image = &all[0]["ray-runtime"];
    let path = format!("team/ray-runtime/manifests/{}", image.digest());
    assert!(get(workshop.registry.host(), &path).is_some());
}

#[test]
fn doctor_finds_releases_that_lost_their_images_or_tags_and_a_push_tags_them_again() {
    let workshop = Workshop::new(5_000);
    let (envlock, all) = three(&workshop);
    let check = || {
        let run = envlock.run(["doctor", "--json"]);
        let report: Value = serde_json::from_str(&run.stdout()).unwrap();
        let checks = report["checks"].as_array().unwrap().clone();
        checks.into_iter().find(|check| check["name"] == "releases").unwrap()
    };
    assert_eq!(check()["level"], "ok", "{}", check());
    // As an envlock left it that did not tag yet.
    let link = "repositories/team/ray-runtime/_manifests/tags/envlock-r2";
    fs_err::remove_dir_all(workshop.registry.data().join(link)).unwrap();
    let found = check();
    assert_eq!(found["level"], "warn", "{found}");
    assert!(found["found"].as_str().unwrap().contains("ray-runtime of release 2"), "{found}");
    bump(&workshop, &envlock, "1.3", 3);
    workshop.build(&envlock, "team").exits(0);
    assert_eq!(check()["level"], "ok", "{}", check());
    let image = &all[0]["ray-runtime"];
    let direct = envlock::reference::PinnedReference::new(
        workshop.registry.host(),
        image.repository(),
        image.digest(),
    );
    workshop.registry.delete(&direct);
    let found = check();
    assert_eq!(found["level"], "fail", "{found}");
    assert!(found["found"].as_str().unwrap().contains(&image.digest().to_string()), "{found}");
}

#[test]
fn the_embedded_registry_keeps_releases_and_gives_them_back() {
    let workshop = Workshop::new(5_000);
    let envlock = workshop.project();
    let embedded = Embedded::start();
    let destination = format!("{}/team", embedded.host());
    let build = ["build", "--push", "--engine", "layers", "--registry", &destination];
    envlock.run(build).exits(0);
    bump(&workshop, &envlock, "1.1", 1);
    envlock.run(build).exits(0);
    let history = envlock.read(HISTORY);
    let (image, _) = get(embedded.host(), "team/ray-runtime/manifests/envlock-r1").unwrap();
    // It has the referrers API: no fallback tag is written.
    let about = get(embedded.host(), &format!("team/ray-runtime/referrers/{image}")).unwrap().1;
    let kinds: Vec<_> = about["manifests"].as_array().unwrap().iter().collect();
    let release = "application/vnd.dev.envlock.release.v1+json";
    assert!(kinds.iter().any(|entry| entry["artifactType"] == release), "{about}");
    let list = get(embedded.host(), "team/ray-runtime/tags/list").unwrap().1.to_string();
    assert!(!list.contains("sha256-"), "{list}");
    fs_err::remove_file(envlock.path(HISTORY)).unwrap();
    envlock.run(["history", "--from-registry"]).exits(0);
    assert_eq!(envlock.read(HISTORY), history);
    envlock.run(["prune", "--registry", "--keep", "1"]).exits(0);
    assert_eq!(tags(embedded.host(), "team/ray-runtime"), ["envlock-r2", "envlock-r2.record"]);
    let about = get(embedded.host(), &format!("team/ray-runtime/referrers/{image}")).unwrap().1;
    assert_eq!(about["manifests"], json!([]));
}
