//! Artifacts about an image, in a registry without the referrers API (docker-registry 2.8) and in one with it (ours).

use std::collections::BTreeSet;

use bytes::Bytes;
use envlock::digest::Digest;
use envlock::exit::{Classified, Exit};
use envlock::image::Repository;
use envlock::reference::PinnedReference;
use envlock::registry::{Artifact, Client, Deleted, Part};
use envlock::ui::Bar;

use super::push::{Image, client, noise, ours};
use crate::support::{Embedded, Faulty, Harm, Registry, Sessions};

async fn image(client: &Client, host: &str) -> (Repository, PinnedReference) {
    let image = Image::new(host, "team/ray", vec![ours(noise(1, 1000))]);
    client.push(&image.push(), &Bar::hidden()).await.unwrap();
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
    let (one, two, three) = tokio::join!(
        client.attach(&place, &made[0]),
        others[0].attach(&place, &made[1]),
        others[1].attach(&place, &made[2])
    );
    let digests = BTreeSet::from([one.unwrap(), two.unwrap(), three.unwrap()]);
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
    client.attach(&place, &made[0]).await.unwrap();
    assert_eq!(client.referrers(&image).await.unwrap().len(), 3);
    client.read_back(&image).await.unwrap();

    client.name(&place, image.digest(), "kept").await.unwrap();
    assert_eq!(client.tagged(&place, "kept").await.unwrap(), Some(image.digest()));
    assert_eq!(client.tagged(&place, "nobody").await.unwrap(), None);
    assert!(client.tags(&place).await.unwrap().contains(&"kept".to_owned()));
    let gone = Digest::of(made[0].manifest());
    assert_eq!(client.detach(&place, image.digest(), gone).await.unwrap(), Deleted::Done);
    let left = client.referrers(&image).await.unwrap();
    assert!(left.len() == 2 && left.iter().all(|found| found.digest != gone));
    assert_eq!(client.delete_image(&place, image.digest()).await.unwrap(), Deleted::Done);
    assert!(!client.exists(&image).await.unwrap());
    assert_eq!(client.referrers(&image).await.unwrap(), []);
    assert_eq!(client.delete_image(&place, image.digest()).await.unwrap(), Deleted::Absent);
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
    let digest = client.attach(&place, &made).await.unwrap();
    let proxy = Faulty::before(registry.host(), Sessions::Passed);
    let wanted = Digest::of("the text").to_string();
    let manifest = digest.to_string();
    proxy.harm(move |asked| {
        let hit = asked.path.ends_with(&wanted) || asked.path.ends_with(&manifest);
        (asked.method == "GET" && hit).then_some(Harm::Spoil)
    });
    let through = Repository { registry: proxy.host(), ..place.clone() };
    let error = client.artifact(&through, &digest.to_string()).await.unwrap_err();
    assert_eq!(error.exit(), Exit::Integrity, "{error}");
    let found = client.artifact(&place, &digest.to_string()).await.unwrap().unwrap();
    let error = client.part(&through.pinned(digest), &found.parts[0]).await.unwrap_err();
    assert_eq!(error.exit(), Exit::Integrity, "{error}");
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
    heard.try_recv().unwrap();
    // The first has written over the second, which looks again before it is sure.
    two.attach(&place, &made[1]).await.unwrap();
    let listed = one.referrers(&image).await.unwrap();
    let listed: BTreeSet<_> = listed.iter().map(|found| found.digest).collect();
    assert_eq!(listed, made.iter().map(|a| Digest::of(a.manifest())).collect());
}
