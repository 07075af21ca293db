//! Artifacts about an image, in a registry without the referrers API (docker-registry 2.8) and in one with it (ours).

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use envlock::digest::Digest;
use envlock::exit::Exit;
use envlock::image::Repository;
use envlock::reference::PinnedReference;
use envlock::registry::{self, Artifact, Client, Deleted, Error, Part};

use super::push::{Image, client, noise, ours};
use crate::support::{Asked, Embedded, Faulty, Harm, Registry, Sessions};

async fn image(client: &Client, host: &str) -> (Repository, PinnedReference) {
    let image = Image::new(host, "team/ray", vec![ours(noise(1, 1000))]);
    client.push(&image.push(), &[]).await.unwrap();
    (image.to.clone(), image.at(host))
}

async fn artifact(client: &Client, image: &PinnedReference, kind: &str, text: &str) -> Artifact {
    Artifact {
        artifact_type: format!("application/vnd.example.{kind}"),
        subject: client.subject(image).await.unwrap(),
        annotations: [("kind".to_owned(), kind.to_owned())].into(),
        parts: vec![Part {
            media_type: "text/plain".to_owned(),
            name: format!("{kind}.txt"),
            bytes: Bytes::copy_from_slice(text.as_bytes()),
            is_new: false,
        }],
    }
}

async fn a_life_of_artifacts(host: &str) {
    let client = client(100_000);
    let (place, image) = image(&client, host).await;
    assert_eq!(client.referrers(&image).await.unwrap(), []);
    let made = [
        artifact(&client, &image, "one", "1").await,
        artifact(&client, &image, "two", "2").await,
        artifact(&client, &image, "three", "3").await,
    ];
    // All at the same time, in one process: nobody's entry is lost.
    let others = [client.clone(), client.clone()];
    let attach = async |client: &Client, artifact: &Artifact| {
        client.attach(&place, artifact).await.unwrap();
        client.list_attached().await.unwrap();
    };
    tokio::join!(
        attach(&client, &made[0]),
        attach(&others[0], &made[1]),
        attach(&others[1], &made[2])
    );
    let digests: BTreeSet<_> = made.iter().map(Artifact::digest).collect();
    let listed = client.referrers(&image).await.unwrap();
    assert_eq!(listed.iter().map(|found| found.digest).collect::<BTreeSet<_>>(), digests);
    assert_eq!(listed.len(), 3);
    for found in &listed {
        let kind = &found.annotations["kind"];
        assert_eq!(found.artifact_type, format!("application/vnd.example.{kind}"));
        let read = client.artifact(&place, &found.digest.to_string()).await.unwrap().unwrap();
        assert_eq!((read.subject, &read.annotations), (Some(image.digest()), &found.annotations));
        let text = client.part(&read.reference, &read.parts[0]).await.unwrap();
        assert_eq!(text.len(), 1);
    }
    // Again is nothing new, and the image is what it was.
    attach(&client, &made[0]).await;
    assert_eq!(client.referrers(&image).await.unwrap().len(), 3);
    client.read_back(&image).await.unwrap();

    client.tag(&place, image.digest(), "kept").await.unwrap();
    assert_eq!(client.tagged(&place, "kept").await.unwrap(), Some(image.digest()));
    assert_eq!(client.tagged(&place, "nobody").await.unwrap(), None);
    assert!(client.tags(&place).await.unwrap().contains(&"kept".to_owned()));
    let gone = Digest::of(made[0].manifest());
    assert_eq!(client.detach(&place, image.digest(), gone, &[]).await.unwrap(), Deleted::Done);
    let left = client.referrers(&image).await.unwrap();
    assert!(left.len() == 2 && left.iter().all(|found| found.digest != gone));
    assert_eq!(client.delete_image(&place, image.digest(), &[]).await.unwrap(), Deleted::Done);
    assert!(!client.exists(&image).await.unwrap());
    assert_eq!(client.referrers(&image).await.unwrap(), []);
    assert_eq!(client.delete_image(&place, image.digest(), &[]).await.unwrap(), Deleted::Absent);
}

#[tokio::test]
async fn artifacts_live_in_a_registry_without_the_api() {
    let registry = Registry::start();
    a_life_of_artifacts(registry.host()).await;
}

#[tokio::test]
async fn artifacts_live_in_a_registry_with_the_api() {
    let embedded = Embedded::start();
    a_life_of_artifacts(embedded.host()).await;
}

#[tokio::test]
async fn an_artifact_or_part_with_other_bytes_is_never_believed() {
    let registry = Registry::start();
    let client = client(100_000);
    let (place, image) = image(&client, registry.host()).await;
    let made = artifact(&client, &image, "one", "the text").await;
    client.attach(&place, &made).await.unwrap();
    let digest = made.digest();
    let proxy = Faulty::before(registry.host(), Sessions::Passed);
    let wanted = Digest::of("the text").to_string();
    let manifest = digest.to_string();
    proxy.harm(move |asked| {
        let hit = asked.path.ends_with(&wanted) || asked.path.ends_with(&manifest);
        (asked.method == "GET" && hit).then_some(Harm::Spoil)
    });
    let through = Repository { registry: proxy.host(), ..place.clone() };
    let error = client.artifact(&through, &digest.to_string()).await.unwrap_err();
    assert_eq!(registry::exit(&error), Exit::Integrity, "{error}");
    let found = client.artifact(&place, &digest.to_string()).await.unwrap().unwrap();
    let error = client.part(&through.pinned(digest), &found.parts[0]).await.unwrap_err();
    assert_eq!(registry::exit(&error), Exit::Integrity, "{error}");
    assert_eq!(client.artifact(&place, "nobody").await.unwrap(), None);
}

/// Two writers of the list that old registries have, who know nothing of each other: one's write comes between the
/// other's reading and writing, and is put back.
#[tokio::test]
async fn what_another_writer_takes_out_of_the_list_is_put_in_again() {
    let registry = Registry::start();
    let (one, two) = (client(100_000), client(100_000));
    let (place, image) = image(&one, registry.host()).await;
    let made = [artifact(&one, &image, "one", "1").await, artifact(&two, &image, "two", "2").await];
    let proxy = Faulty::before(registry.host(), Sessions::Passed);
    let list = format!("/manifests/sha256-{}", image.digest().hex());
    let (told, heard) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(Some(told));
    let behind = (two.clone(), place.clone(), made[1].clone());
    // When the first is about to write the list it has read, the second writes its own.
    proxy.harm(move |asked| {
        if asked.method == "PUT"
            && asked.path.ends_with(&list)
            && let Some(told) = told.lock().unwrap().take()
        {
            let (client, place, artifact) = behind.clone();
            let write = move || {
                let runtime = tokio::runtime::Runtime::new().unwrap();
                runtime.block_on(client.attach(&place, &artifact)).unwrap();
                runtime.block_on(client.list_attached()).unwrap();
            };
            std::thread::spawn(write).join().unwrap();
            told.send(()).unwrap();
        }
        None
    });
    let through = Repository { registry: proxy.host(), ..place.clone() };
    let seen = one.subject(&through.pinned(image.digest())).await.unwrap();
    let first = Artifact { subject: seen, ..made[0].clone() };
    one.attach(&through, &first).await.unwrap();
    one.list_attached().await.unwrap();
    heard.try_recv().unwrap();
    // The first has written over the second, which looks again before it is sure.
    two.attach(&place, &made[1]).await.unwrap();
    two.list_attached().await.unwrap();
    let listed = one.referrers(&image).await.unwrap();
    let listed: BTreeSet<_> = listed.iter().map(|found| found.digest).collect();
    assert_eq!(listed, made.iter().map(|a| Digest::of(a.manifest())).collect());
}

/// An image pushed to a registry, and the same registry through a proxy that does not know the referrers API.
async fn behind(proxy: &Faulty, registry: &Registry) -> (Client, Repository, PinnedReference) {
    let (place, image) = image(&client(100_000), registry.host()).await;
    let through = Repository { registry: proxy.host(), ..place };
    let client = client(100_000).with_patience(Duration::from_millis(320));
    let image = through.pinned(image.digest());
    (client, through, image)
}

async fn attached(client: &Client, place: &Repository, image: &PinnedReference, kinds: &[&str]) {
    for kind in kinds {
        let made = artifact(client, image, kind, &format!("the text of {kind}")).await;
        client.attach(place, &made).await.unwrap();
    }
    client.list_attached().await.unwrap();
}

async fn kinds(client: &Client, image: &PinnedReference) -> Vec<String> {
    let listed = client.referrers(image).await.unwrap();
    let last = |kind: &str| kind.rsplit('.').next().unwrap().to_owned();
    let mut kinds: Vec<_> = listed.iter().map(|found| last(&found.artifact_type)).collect();
    kinds.sort();
    kinds
}

fn count(proxy: &Faulty, method: &str, part: &str) -> usize {
    proxy.asked().iter().filter(|a| a.method == method && a.path.contains(part)).count()
}

#[tokio::test]
async fn whatever_is_no_list_of_referrers_is_answered_once_a_run_and_the_tag_is_taken() {
    let registry = Registry::start();
    let login = crate::support::Server::start(|_| crate::support::Reply::ok("<html>log in</html>"));
    let login = login.host();
    let html = |body| Harm::Status { status: 200, headers: vec![], body, early: false };
    let answers = [400, 401, 403, 404, 405, 406, 501].map(Harm::status).into_iter();
    let away = Harm::Redirect("127.0.0.1:1".to_owned());
    let answers = answers.chain([html("<html></html>"), html("{}"), Harm::Redirect(login), away]);
    for answer in answers {
        let proxy = Faulty::before(registry.host(), Sessions::Passed);
        let (client, place, image) = behind(&proxy, &registry).await;
        let rule = answer.clone();
        proxy.harm(move |asked| asked.path.contains("/referrers/").then(|| rule.clone()));
        attached(&client, &place, &image, &["one", "two"]).await;
        let asked = count(&proxy, "GET", "/referrers/");
        // Who is sent to a host that does not answer tries that more than once.
        assert!(asked == 1 || answer == Harm::Redirect("127.0.0.1:1".to_owned()), "{answer:?}");
        assert_eq!(kinds(&client, &image).await, ["one", "two"], "{answer:?}");
        assert_eq!(count(&proxy, "GET", "/referrers/"), asked, "{answer:?}");
        // Both entries came with one write, and no word is lost on what is not lost.
        assert_eq!(
            count(&proxy, "PUT", &format!("/manifests/{}", image.digest().referrers_tag())),
            1
        );
        assert_eq!(registry::warnings(&client), Vec::<String>::new());
        client.delete_image(&place, image.digest(), &[]).await.unwrap();
    }
}

/// As ghcr.io: for some readings a tag means what it meant before.
#[tokio::test]
async fn a_reading_that_is_old_takes_no_entry_away() {
    let registry = Registry::start();
    let proxy = Faulty::before(registry.host(), Sessions::Passed);
    let (client, place, image) = behind(&proxy, &registry).await;
    let list = format!("/manifests/{}", image.digest().referrers_tag());
    let old = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let (rule, path) = (old.clone(), list.clone());
    proxy.harm(move |asked| {
        let reads = asked.method != "PUT" && asked.path.ends_with(&path);
        (reads && rule.load(std::sync::atomic::Ordering::SeqCst)).then(|| Harm::status(404))
    });
    attached(&client, &place, &image, &["one"]).await;
    attached(&client, &place, &image, &["two", "three"]).await;
    assert!(count(&proxy, "GET", &list) > 6);
    old.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(kinds(&client, &image).await, ["one", "three", "two"]);
    assert_eq!(count(&proxy, "PUT", &list), 2);
}

/// As cosign on ghcr.io: another program writes to the list, and that is not to be read for a while.
#[tokio::test]
async fn what_another_program_wrote_to_the_list_is_waited_for_before_it_is_written_again() {
    let registry = Registry::start();
    let proxy = Faulty::before(registry.host(), Sessions::Passed);
    let (client, place, image) = behind(&proxy, &registry).await;
    let made = artifact(&client, &image, "ours", "ours").await;
    assert_eq!(kinds(&client, &image).await, Vec::<String>::new());
    client.attach(&place, &made).await.unwrap();

    let past = Repository { registry: registry.host().to_owned(), ..place.clone() };
    let other = super::push::client(100_000);
    attached(&other, &past, &past.pinned(image.digest()), &["theirs"]).await;
    let list = format!("/manifests/{}", image.digest().referrers_tag());
    let old = std::sync::atomic::AtomicUsize::new(3);
    let path = list.clone();
    proxy.harm(move |asked| {
        let reads = asked.method == "GET" && asked.path.ends_with(&path);
        let still = |left: usize| left.checked_sub(1);
        let order = std::sync::atomic::Ordering::SeqCst;
        (reads && old.fetch_update(order, order, still).is_ok()).then(|| Harm::status(404))
    });
    client.await_other_writer(&image).await.unwrap();
    client.list_attached().await.unwrap();
    assert_eq!(kinds(&client, &image).await, ["ours", "theirs"]);
    // Who writes somewhere else is waited for once.
    let quiet = count(&proxy, "GET", &list);
    client.await_other_writer(&image).await.unwrap();
    let once = count(&proxy, "GET", &list);
    client.await_other_writer(&image).await.unwrap();
    assert!(once > quiet + 1 && count(&proxy, "GET", &list) == once);
}

#[tokio::test]
async fn what_takes_no_artifacts_or_lists_gets_images_that_are_found_and_removed_again() {
    let registry = Registry::start();
    let list = |path: &str| path.rsplit_once("/sha256-").is_some_and(|(_, rest)| rest.len() == 64);
    let refused = |status| Harm::Status {
        status,
        headers: vec![],
        body: r#"{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid"}]}"#,
        early: false,
    };
    let image_itself = || Harm::Status {
        status: 200,
        headers: vec![],
        body: r#"{"schemaVersion":2,"config":{},"layers":[]}"#,
        early: false,
    };
    type Rule = Box<dyn Fn(&Asked) -> Option<Harm> + Send + Sync>;
    let rules: Vec<(&str, Rule)> = vec![
        (
            "types",
            Box::new(move |a| {
                (a.method == "PUT" && a.path.contains("/manifests/sha256:")).then(|| refused(400))
            }),
        ),
        (
            "lists that are the image",
            Box::new(move |a| (a.method == "GET" && list(&a.path)).then(image_itself)),
        ),
        (
            "lists that may not be written",
            Box::new(move |a| (a.method == "PUT" && list(&a.path)).then(|| refused(409))),
        ),
    ];
    for (name, rule) in rules {
        let proxy = Faulty::before(registry.host(), Sessions::Passed);
        let (client, place, image) = behind(&proxy, &registry).await;
        proxy.harm(rule);
        let kinds_of_ours = ["one", "two"];
        for kind in kinds_of_ours {
            let mut made = artifact(&client, &image, kind, &format!("the text of {kind}")).await;
            made.artifact_type = format!("application/vnd.dev.envlock.{kind}");
            client.attach(&place, &made).await.unwrap();
        }
        client.list_attached().await.unwrap();
        let warnings = registry::warnings(&client);
        assert!(
            warnings.len() == 1 && warnings[0].contains("as plain images"),
            "{name}: {warnings:?}"
        );
        // A reader that knows nothing of how they were written.
        let reader = super::push::client(100_000);
        assert_eq!(kinds(&reader, &image).await, kinds_of_ours, "{name}");
        for found in reader.referrers(&image).await.unwrap() {
            let digest = found.digest.to_string();
            let read = reader.artifact(&place, &digest).await.unwrap().unwrap();
            assert_eq!(read.subject, Some(image.digest()));
            let text = reader.content(&read, "text/plain").await.unwrap().unwrap();
            assert_eq!(text, format!("the text of {}", found.annotations["kind"]));
        }
        // Again is nothing new.
        let before = count(&proxy, "PUT", "/manifests/");
        let again = super::push::client(100_000);
        let mut made = artifact(&again, &image, "one", "the text of one").await;
        made.artifact_type = "application/vnd.dev.envlock.one".to_owned();
        let there = again.referrers(&image).await.unwrap();
        assert!(there.iter().any(|found| again.is(&made, found.digest)), "{name}");
        assert_eq!(count(&proxy, "PUT", "/manifests/"), before);
        assert_eq!(reader.delete_image(&place, image.digest(), &[]).await.unwrap(), Deleted::Done);
        let left = reader.tags(&place).await.unwrap();
        assert!(left.iter().all(|tag| !tag.contains(".envlock-")), "{name}: {left:?}");
    }
}

#[tokio::test]
async fn where_nothing_is_taken_that_is_said_once() {
    let registry = Registry::start();
    let proxy = Faulty::before(registry.host(), Sessions::Passed);
    let (client, place, image) = behind(&proxy, &registry).await;
    proxy
        .harm(|a| (a.method == "PUT" && a.path.contains("/manifests/")).then(|| Harm::status(403)));
    for kind in ["one", "two"] {
        let made = artifact(&client, &image, kind, kind).await;
        let error = client.attach(&place, &made).await.unwrap_err();
        assert!(matches!(&error, Error::NotKept { said, .. } if said.contains("403")), "{error}");
        assert_eq!(registry::exit(&error), Exit::Registry);
    }
    assert!(client.keeps_nothing(&place));
    assert_eq!(count(&proxy, "PUT", "/manifests/"), 2, "one as it is, one as an image");
    let warnings = registry::warnings(&client);
    assert!(warnings.len() == 1 && warnings[0].contains("keeps nothing"), "{warnings:?}");
}

/// As nexus-like registries: no HEAD of manifests, no Docker-Content-Digest; as Artifactory: 403 for what is not there.
#[tokio::test]
async fn digests_are_of_the_bytes_where_heads_do_not_say_them_and_forbidden_is_unknown() {
    let registry = Registry::start();
    let proxy = Faulty::before(registry.host(), Sessions::Passed);
    let (client, place, image) = behind(&proxy, &registry).await;
    proxy.harm(|asked| {
        let manifest = asked.path.contains("/manifests/");
        if asked.method == "HEAD" && manifest {
            return Some(Harm::status(405));
        }
        let absent = manifest && asked.path.ends_with("/absent") && asked.method == "GET";
        absent.then(|| Harm::status(403))
    });
    assert!(client.exists(&image).await.unwrap());
    assert!(client.exists(&image).await.unwrap());
    assert!(!client.exists(&place.pinned(Digest::of("nothing"))).await.unwrap());
    client.tag(&place, image.digest(), "kept").await.unwrap();
    assert_eq!(client.tagged(&place, "kept").await.unwrap(), Some(image.digest()));
    assert_eq!(count(&proxy, "HEAD", "/manifests/"), 1);
    assert_eq!(registry::exit(&client.tagged(&place, "absent").await.unwrap_err()), Exit::Registry);
    assert_eq!(client.tagged_if_readable(&place, "absent").await.unwrap(), None);
    assert!(client.tag_if_free(&place, image.digest(), "absent").await.unwrap());
}
