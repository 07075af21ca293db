//! `envlock serve`: the workflows of the distribution spec (pull, push, content discovery, content management) over
//! real HTTP.

use std::io::{Read, Write};

use envlock::digest::{Algorithm, Digest};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::embedded::{header, image, refusal};
use crate::support::{Embedded, Envlock, INDEX};

#[tokio::test]
async fn the_root_says_what_speaks_here() {
    let registry = Embedded::start();
    for path in ["/v2/", "/v2"] {
        let answer = registry.get(path).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(header(&answer, "docker-distribution-api-version"), "registry/2.0");
    }
    assert_eq!(refusal(registry.get("/nothing").await).await, (404, "UNSUPPORTED".into()));
}

#[tokio::test]
async fn a_blob_is_pushed_in_every_way_and_pulled_whole_or_in_part() {
    let registry = Embedded::start();
    let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let digest = Digest::of(&bytes);
    let post = |query: String| registry.request(Method::POST, &format!("a/blobs/uploads/?{query}"));

    // One POST.
    let one = post(format!("digest={digest}")).body(bytes.clone()).send().await.unwrap();
    assert_eq!(one.status(), 201);
    let place = header(&one, "location");
    assert_eq!(registry.get(&place).await.bytes().await.unwrap(), bytes);
    // In chunks, the last one with the PUT; and as a stream without ranges.
    for ranges in [true, false] {
        let name = if ranges { "b" } else { "c" };
        let mut location = registry.begin(name).await;
        for (number, chunk) in bytes[..1_100_000].chunks(400_000).enumerate() {
            let first = number * 400_000;
            let mut patch = registry.request(Method::PATCH, &location).body(chunk.to_vec());
            if ranges {
                let range = format!("{first}-{}", first + chunk.len() - 1);
                patch = patch.header("Content-Range", range);
            }
            let answer = patch.send().await.unwrap();
            assert_eq!(answer.status(), 202);
            assert_eq!(header(&answer, "range"), format!("0-{}", first + chunk.len() - 1));
            location = header(&answer, "location");
        }
        let status = registry.get(&location).await;
        assert_eq!(
            (status.status().as_u16(), header(&status, "range").as_str()),
            (204, "0-1099999")
        );
        let put = registry.request(Method::PUT, &format!("{location}?digest={digest}"));
        let put = put.body(bytes[1_100_000..].to_vec()).send().await.unwrap();
        assert_eq!(put.status(), 201);
        assert_eq!(registry.get(&header(&put, "location")).await.bytes().await.unwrap(), bytes);
        // It is over.
        assert_eq!(
            refusal(registry.get(&location).await).await,
            (404, "BLOB_UPLOAD_UNKNOWN".into())
        );
    }
    // Everything with PATCH, then a PUT without a body.
    let location = registry.begin("d").await;
    registry.request(Method::PATCH, &location).body(bytes.clone()).send().await.unwrap();
    let put = registry.request(Method::PUT, &format!("{location}?digest={digest}"));
    assert_eq!(put.send().await.unwrap().status(), 201);
    // Nothing at all is a blob too.
    let empty = registry.push_blob("d", b"").await;
    assert_eq!(header(&registry.head(&format!("d/blobs/{empty}")).await, "content-length"), "0");

    let head = registry.head(&place).await;
    assert_eq!(header(&head, "content-length"), bytes.len().to_string());
    assert_eq!(header(&head, "docker-content-digest"), digest.to_string());
    for (range, expected) in [
        ("bytes=10-19", 10..20),
        ("bytes=1199990-", 1_199_990..1_200_000),
        ("bytes=-5", 1_199_995..1_200_000),
    ] {
        let part =
            registry.request(Method::GET, &place).header("Range", range).send().await.unwrap();
        assert_eq!(part.status(), 206);
        let said = format!("bytes {}-{}/1200000", expected.start, expected.end - 1);
        assert_eq!(header(&part, "content-range"), said);
        assert_eq!(part.bytes().await.unwrap(), bytes[expected]);
    }
    let beyond = registry.request(Method::GET, &place).header("Range", "bytes=1200000-");
    let beyond = beyond.send().await.unwrap();
    assert_eq!(header(&beyond, "content-range"), "bytes */1200000");
    assert_eq!(beyond.status(), 416);
}

#[tokio::test]
async fn a_chunk_out_of_order_is_refused_and_the_upload_goes_on() {
    let registry = Embedded::start();
    let location = registry.begin("a").await;
    let patch = |range: &str, body: &'static str| {
        let patch = registry.request(Method::PATCH, &location).header("Content-Range", range);
        patch.body(body).send()
    };
    assert_eq!(patch("0-4", "hello").await.unwrap().status(), 202);
    for (range, body) in [("0-4", "hello"), ("6-7", "xy"), ("4-5", "xy")] {
        let answer = patch(range, body).await.unwrap();
        assert_eq!(header(&answer, "location"), location);
        assert_eq!(header(&answer, "range"), "0-4");
        assert_eq!(refusal(answer).await, (416, "BLOB_UPLOAD_INVALID".into()), "{range}");
    }
    for (range, body) in [("5-9", "xy"), ("x-y", "xy"), ("9-5", "xy")] {
        let answer = patch(range, body).await.unwrap();
        assert_eq!(refusal(answer).await, (400, "BLOB_UPLOAD_INVALID".into()), "{range}");
    }
    // Refused before it was read, and answered all the same.
    let long = registry.request(Method::PATCH, &location).header("Content-Range", "9-20000008");
    assert_eq!(long.body(vec![7; 20_000_000]).send().await.unwrap().status(), 416);
    let end = |range: &'static str| {
        let path = format!("{location}?digest={}", Digest::of("hello world"));
        registry.request(Method::PUT, &path).header("Content-Range", range).body(" world").send()
    };
    assert_eq!(end("6-11").await.unwrap().status(), 416);
    assert_eq!(end("5-10").await.unwrap().status(), 201);
}

#[tokio::test]
async fn bytes_with_another_digest_never_become_a_blob() {
    let registry = Embedded::start();
    let (good, other) = (Digest::of("good"), Digest::of("other"));
    let put = |location: String, digest: String| {
        registry.request(Method::PUT, &format!("{location}?digest={digest}")).body("good").send()
    };
    for digest in [
        other.to_string(),
        "sha256:00".into(),
        format!("sha512:{}", "0".repeat(64)),
        Algorithm::Sha512.of("other").to_string(),
        format!("sha384:{}", "0".repeat(96)),
        good.to_string().to_uppercase().replace("SHA256", "sha256"),
        String::new(),
    ] {
        let answer = put(registry.begin("a").await, digest.clone()).await.unwrap();
        assert_eq!(refusal(answer).await, (400, "DIGEST_INVALID".into()), "{digest}");
    }
    let path = format!("a/blobs/uploads/?digest={other}");
    let answer = registry.request(Method::POST, &path).body("good").send().await.unwrap();
    assert_eq!(refusal(answer).await, (400, "DIGEST_INVALID".into()));
    for digest in [good, other] {
        let answer = registry.get(&format!("a/blobs/{digest}")).await;
        assert_eq!(refusal(answer).await, (404, "BLOB_UNKNOWN".into()));
    }
    // Given up by the client.
    let location = registry.begin("a").await;
    assert_eq!(registry.delete(&location).await.status(), 204);
    assert_eq!(put(location, good.to_string()).await.unwrap().status(), 404);
    assert!(!registry.folder().join("blobs/sha256").join(good.hex()).exists());
}

#[tokio::test]
async fn an_image_with_sha512_digests_is_kept_beside_the_same_one_with_sha256() {
    let registry = Embedded::start();
    let sha512 = |text: &str| Algorithm::Sha512.of(text);
    let named = registry.request(Method::POST, "a/blobs/uploads/?digest-algorithm=md5");
    assert_eq!(refusal(named.send().await.unwrap()).await, (400, "DIGEST_INVALID".into()));
    // Announced, not announced, and by one POST; the digest at the end decides.
    for (blob, query) in [("config", "digest-algorithm=sha512"), ("layer", "")] {
        let begin = registry.request(Method::POST, &format!("a/blobs/uploads/?{query}"));
        let location = header(&begin.send().await.unwrap(), "location");
        let patch = registry.request(Method::PATCH, &location).body(blob).send().await.unwrap();
        assert_eq!(patch.status(), 202);
        let put = registry.request(Method::PUT, &format!("{location}?digest={}", sha512(blob)));
        assert_eq!(put.send().await.unwrap().status(), 201);
    }
    let one = format!("a/blobs/uploads/?digest={}", sha512("other"));
    let one = registry.request(Method::POST, &one).body("other").send().await.unwrap();
    assert_eq!(header(&one, "docker-content-digest"), sha512("other").to_string());
    for (digest, status) in [(sha512("layer"), 200), (Digest::of("layer"), 404)] {
        assert_eq!(registry.get(&format!("a/blobs/{digest}")).await.status(), status);
    }

    let mut manifest = image("config", "layer");
    manifest["config"]["digest"] = json!(sha512("config"));
    manifest["layers"][0]["digest"] = json!(sha512("layer"));
    let (digest, plain) = (sha512(&manifest.to_string()), Digest::of(manifest.to_string()));
    let answer = registry.put_manifest("a", &format!("{digest}?tag=v1"), &manifest).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "oci-tag")), (201, "v1".into()));
    assert_eq!(registry.get(&format!("a/manifests/{plain}")).await.status(), 404);
    assert_eq!(registry.put_manifest("a", "v2", &manifest).await.status(), 201);
    for (reference, expected) in [("v1", digest), ("v2", plain), (&digest.to_string(), digest)] {
        let answer = registry.get(&format!("a/manifests/{reference}")).await;
        assert_eq!(header(&answer, "docker-content-digest"), expected.to_string());
        assert_eq!(answer.text().await.unwrap(), manifest.to_string());
    }
    let mut about = manifest.clone();
    about["subject"] = json!({"mediaType": "x", "digest": digest, "size": 1});
    let answer = registry.put_manifest("a", "about", &about).await;
    assert_eq!(header(&answer, "oci-subject"), digest.to_string());
    let list: Value = registry.get(&format!("a/referrers/{digest}")).await.json().await.unwrap();
    assert_eq!(list["manifests"][0]["digest"], json!(Digest::of(about.to_string())));

    assert_eq!(registry.delete(&format!("a/manifests/{digest}")).await.status(), 202);
    let blobs = registry.folder().join("blobs/sha512");
    assert!(!blobs.join(digest.hex()).exists() && blobs.join(sha512("layer").hex()).exists());
}

#[tokio::test]
async fn a_blob_is_mounted_from_where_it_is_and_else_an_upload_begins() {
    let registry = Embedded::start();
    let digest = registry.push_blob("team/from", b"layer").await;
    assert_eq!(registry.head(&format!("to/blobs/{digest}")).await.status(), 404);
    let mount = |query: String| {
        registry.request(Method::POST, &format!("to/blobs/uploads/?mount={query}")).send()
    };
    for missing in [
        format!("{digest}&from=elsewhere"),
        format!("{}&from=team/from", Digest::of("x")),
        format!("{digest}&from=../team/from"),
    ] {
        let answer = mount(missing).await.unwrap();
        assert_eq!(answer.status(), 202);
        assert_eq!(registry.get(&header(&answer, "location")).await.status(), 204);
    }
    let answer = mount(format!("{digest}&from=team/from")).await.unwrap();
    assert_eq!(answer.status(), 201);
    assert_eq!(registry.get(&header(&answer, "location")).await.text().await.unwrap(), "layer");
    // Without a name, from wherever it is.
    let path = format!("third/blobs/uploads/?mount={digest}");
    assert_eq!(registry.request(Method::POST, &path).send().await.unwrap().status(), 201);
    // One of three lets go; the bytes stay.
    assert_eq!(registry.delete(&format!("team/from/blobs/{digest}")).await.status(), 202);
    assert_eq!(registry.head(&format!("team/from/blobs/{digest}")).await.status(), 404);
    assert_eq!(registry.get(&format!("to/blobs/{digest}")).await.text().await.unwrap(), "layer");
    for name in ["to", "third"] {
        assert_eq!(registry.delete(&format!("{name}/blobs/{digest}")).await.status(), 202);
    }
    assert!(!registry.folder().join("blobs/sha256").join(digest.hex()).exists());
}

#[tokio::test]
async fn manifests_are_pulled_by_tag_and_digest_as_they_were_pushed() {
    let registry = Embedded::start();
    let (manifest, digest) = registry.push_image("team/app", "v1", "one").await;
    for reference in ["v1".to_owned(), digest.to_string()] {
        let answer = registry.get(&format!("team/app/manifests/{reference}")).await;
        assert_eq!(header(&answer, "content-type"), manifest["mediaType"].as_str().unwrap());
        assert_eq!(header(&answer, "docker-content-digest"), digest.to_string());
        assert_eq!(answer.text().await.unwrap(), manifest.to_string());
        let head = registry.head(&format!("team/app/manifests/{reference}")).await;
        assert_eq!(header(&head, "content-length"), manifest.to_string().len().to_string());
    }
    // The tag moves, the digest stays.
    let (_, second) = registry.push_image("team/app", "v1", "two").await;
    let head = registry.head("team/app/manifests/v1").await;
    assert_eq!(header(&head, "docker-content-digest"), second.to_string());
    assert_eq!(registry.head(&format!("team/app/manifests/{digest}")).await.status(), 200);
    // An index lists what is there; several tags with one push.
    let entry = json!({"mediaType": manifest["mediaType"], "digest": digest, "size": 1});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]});
    let own = Digest::of(index.to_string());
    let answer = registry.put_manifest("team/app", &format!("{own}?tag=x&tag=y"), &index).await;
    let tags: Vec<_> =
        answer.headers().get_all("oci-tag").iter().map(|v| v.to_str().unwrap()).collect();
    assert_eq!((answer.status().as_u16(), tags), (201, vec!["x", "y"]));
    assert_eq!(registry.head("team/app/manifests/y").await.status(), 200);
    for reference in ["nope", "sha256:bad", ".bad", &Digest::of("nope").to_string()] {
        let answer = registry.get(&format!("team/app/manifests/{reference}")).await;
        assert_eq!(refusal(answer).await, (404, "MANIFEST_UNKNOWN".into()), "{reference}");
    }
}

#[tokio::test]
async fn a_manifest_that_cannot_be_pulled_is_not_taken() {
    let registry = Embedded::start();
    registry.push_blob("a", b"config").await;
    let incomplete = image("config", "layer");
    let answer = registry.put_manifest("a", "v1", &incomplete).await;
    assert_eq!(refusal(answer).await, (400, "MANIFEST_BLOB_UNKNOWN".into()));
    let nobody = json!({"mediaType": "x/y", "digest": Digest::of("x"), "size": 1});
    let mut sparse = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [nobody]});
    let answer = registry.put_manifest("a", "v1", &sparse).await;
    assert_eq!(refusal(answer).await, (400, "MANIFEST_BLOB_UNKNOWN".into()));
    for key in ["mediaType", "size"] {
        let mut without = nobody.clone();
        without.as_object_mut().unwrap().remove(key);
        sparse["manifests"] = json!([without]);
        let answer = registry.put_manifest("a", "v1", &sparse).await;
        assert_eq!(refusal(answer).await, (400, "MANIFEST_INVALID".into()), "{key}");
    }
    let answer = registry.put_manifest("a", "v1", &json!({"schemaVersion": 2})).await;
    assert_eq!(refusal(answer).await, (400, "MANIFEST_INVALID".into()));
    let answer = registry.put_manifest("a", ".v1", &incomplete).await;
    assert_eq!(refusal(answer).await, (400, "MANIFEST_INVALID".into()));
    registry.push_blob("a", b"layer").await;
    let wrong = Digest::of("wrong").to_string();
    for digest in [wrong.as_str(), "sha256:baddigeststring"] {
        let answer = registry.put_manifest("a", digest, &incomplete).await;
        assert_eq!(refusal(answer).await, (400, "DIGEST_INVALID".into()));
    }
    let mut long = incomplete.clone();
    long["annotations"] = json!({"x": "y".repeat(4 * 1024 * 1024)});
    let answer = registry.put_manifest("a", "v1", &long).await;
    assert_eq!(refusal(answer).await, (413, "MANIFEST_INVALID".into()));
    assert_eq!(registry.get("a/manifests/v1").await.status(), 404);
    // Almost as long is right; a layer from elsewhere may be missing.
    long["annotations"] = json!({"x": "y".repeat(4 * 1024 * 1024 - 2000)});
    let far = json!({"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "digest": Digest::of("far"), "size": 3});
    long["layers"].as_array_mut().unwrap().push(far);
    assert_eq!(registry.put_manifest("a", "v1", &long).await.status(), 201);
}

#[tokio::test]
async fn tags_and_repositories_are_listed_in_pages() {
    let registry = Embedded::start();
    assert_eq!(refusal(registry.get("a/tags/list").await).await, (404, "NAME_UNKNOWN".into()));
    let (manifest, _) = registry.push_image("a", "t3", "x").await;
    for tag in ["t1", "T9", "t10", "t2"] {
        assert_eq!(registry.put_manifest("a", tag, &manifest).await.status(), 201);
    }
    let list = async |path: &str| {
        let answer = registry.get(path).await;
        let link = answer.headers().get("link").map(|l| l.to_str().unwrap().to_owned());
        (answer.json::<Value>().await.unwrap()["tags"].clone(), link)
    };
    let all = json!(["T9", "t1", "t10", "t2", "t3"]);
    assert_eq!(list("a/tags/list").await, (all.clone(), None));
    assert_eq!(list("a/tags/list?n=5").await, (all, None));
    assert_eq!(list("a/tags/list?n=0").await, (json!([]), None));
    assert_eq!(list("a/tags/list?last=t10").await, (json!(["t2", "t3"]), None));
    let (mut seen, mut next) = (vec![], Some("/v2/a/tags/list?n=2".to_owned()));
    while let Some(path) = next {
        let (tags, link) = list(&path).await;
        seen.extend(tags.as_array().unwrap().clone());
        next = link.map(|link| {
            link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned()
        });
    }
    assert_eq!(seen, ["T9", "t1", "t10", "t2", "t3"]);
    assert_eq!(registry.get("a/tags/list?n=x").await.status(), 400);

    registry.push_image("b/c", "v", "x").await;
    registry.push_blob("only-blobs", b"x").await;
    let names = registry.get("_catalog").await.json::<Value>().await.unwrap();
    assert_eq!(names, json!({"repositories": ["a", "b/c"]}));
    let page = registry.get("_catalog?n=1").await;
    assert_eq!(header(&page, "link"), "</v2/_catalog?n=1&last=a>; rel=\"next\"");
}

#[tokio::test]
async fn referrers_are_found_before_and_after_their_subject() {
    let registry = Embedded::start();
    let subject = Digest::of(image("{\"seed\":\"x\"}", "layer x").to_string());
    let path = format!("a/referrers/{subject}");
    let found = async |path: &str| {
        let answer = registry.get(path).await;
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "content-type").as_str()),
            (200, INDEX)
        );
        let filters = answer.headers().get("oci-filters-applied").cloned();
        (answer.json::<Value>().await.unwrap()["manifests"].as_array().unwrap().clone(), filters)
    };
    assert_eq!(found(&path).await, (vec![], None));
    registry.push_blob("a", b"{}").await;
    registry.push_blob("a", b"sbom").await;
    let mut referrer = image("{}", "sbom");
    referrer["subject"] = json!({"mediaType": "x", "digest": subject, "size": 1});
    referrer["annotations"] = json!({"by": "me"});
    let config = Digest::of(referrer.to_string());
    let answer = registry.put_manifest("a", &config.to_string(), &referrer).await;
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "oci-subject")),
        (201, subject.to_string())
    );
    referrer["artifactType"] = "application/x.sbom".into();
    let typed = Digest::of(referrer.to_string());
    registry.put_manifest("a", "sbom", &referrer).await;
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [],
        "subject": referrer["subject"]});
    registry.put_manifest("a", "index", &index).await;
    registry.push_image("a", "v1", "x").await;

    let (all, _) = found(&path).await;
    assert_eq!(all.len(), 3);
    let kind = |digest: Digest| {
        let digest = json!(digest);
        all.iter().find(|m| m["digest"] == digest).unwrap()["artifactType"].clone()
    };
    assert_eq!(kind(config), "application/vnd.oci.image.config.v1+json");
    assert_eq!(kind(typed), "application/x.sbom");
    assert_eq!(kind(Digest::of(index.to_string())), Value::Null);
    let (some, filters) = found(&format!("{path}?artifactType=application%2Fx.sbom")).await;
    assert_eq!((some.len(), filters.unwrap().to_str().unwrap()), (1, "artifactType"));
    assert_eq!(
        (&some[0]["annotations"]["by"], some[0]["size"].as_u64()),
        (&json!("me"), Some(referrer.to_string().len() as u64))
    );
    assert_eq!(registry.delete(&format!("a/manifests/{typed}")).await.status(), 202);
    assert_eq!(found(&path).await.0.len(), 2);
    assert_eq!(refusal(registry.get("a/referrers/x").await).await, (400, "DIGEST_INVALID".into()));
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_what_is_needed_stays() {
    let registry = Embedded::start();
    let (manifest, digest) = registry.push_image("a", "v1", "x").await;
    registry.put_manifest("a", "v2", &manifest).await;
    let layer = format!("a/blobs/{}", manifest["layers"][0]["digest"].as_str().unwrap());
    assert_eq!(refusal(registry.delete(&layer).await).await, (405, "UNSUPPORTED".into()));
    assert_eq!(registry.get(&layer).await.status(), 200);
    // A tag goes alone, a digest with its tags.
    assert_eq!(registry.delete("a/manifests/v1").await.status(), 202);
    assert_eq!(registry.delete("a/manifests/v1").await.status(), 404);
    assert_eq!(registry.get("a/manifests/v2").await.status(), 200);
    let path = format!("a/manifests/{digest}");
    assert_eq!(registry.delete(&path).await.status(), 202);
    for path in ["a/manifests/v2", &path] {
        assert_eq!(refusal(registry.get(path).await).await, (404, "MANIFEST_UNKNOWN".into()));
    }
    let bytes = registry.folder().join("blobs/sha256").join(digest.hex());
    assert!(!bytes.exists());
    let tags: Value = registry.get("a/tags/list").await.json().await.unwrap();
    assert_eq!(tags["tags"], json!([]));
    assert_eq!(registry.delete(&layer).await.status(), 202);
    assert_eq!(registry.get(&layer).await.status(), 404);
    assert_eq!(registry.delete(&layer).await.status(), 404);
}

#[tokio::test]
async fn names_that_lead_out_of_the_layout_and_web_pages_are_refused() {
    let registry = Embedded::start();
    // As it is: a URL that was parsed has lost its dots.
    let status = |method: &str, path: &str| {
        let mut stream = std::net::TcpStream::connect(registry.host()).unwrap();
        let head = "Content-Length: 0\r\nConnection: close\r\n\r\n";
        let host = registry.host();
        write!(stream, "{method} /v2/{path} HTTP/1.1\r\nHost: {host}\r\n{head}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.strip_prefix("HTTP/1.1 ").unwrap()[..3].to_owned();
        (status, answer.rsplit("\r\n\r\n").next().unwrap().to_owned())
    };
    let long = "a".repeat(256);
    for name in [
        "..",
        "../..",
        "%2e%2e/%2e%2e",
        "a/../b",
        "a%2f..%2fb",
        "A",
        "_blobs",
        "a//b",
        "/etc",
        &long,
    ] {
        let (code, body) = status("POST", &format!("{name}/blobs/uploads/"));
        assert!(code == "400" && body.contains("NAME_INVALID"), "{name}: {code} {body}");
    }
    for id in ["..", "%2e%2e", "%2e%2e%2f_blobs", "x", "00000000-0000-0000-0000-000000000000"] {
        for method in ["GET", "PATCH", "DELETE"] {
            let (code, body) = status(method, &format!("a/blobs/uploads/{id}"));
            assert!(code.starts_with("40"), "{method} {id}: {code} {body}");
        }
    }
    for digest in ["..", "sha256:..", "sha256:%2e%2e%2findex.json", "sha256:../../index.json"] {
        let (code, body) = status("GET", &format!("a/blobs/{digest}"));
        assert!(code.starts_with("40"), "{digest}: {code} {body}");
    }
    let page =
        registry.request(Method::POST, "a/blobs/uploads/").header("Origin", "http://x.example");
    assert_eq!(refusal(page.send().await.unwrap()).await, (403, "DENIED".into()));
    let repositories = registry.folder().join("repositories");
    assert_eq!(fs_err::read_dir(repositories).unwrap().count(), 0);
}

#[tokio::test]
async fn requests_to_a_host_that_is_not_its_own_are_refused() {
    let options = ["--host", "registry.example", "--host", "proxy.example:443"];
    let registry = Embedded::of(Envlock::new(), "127.0.0.1:0", &options);
    let port = registry.host().rsplit_once(':').unwrap().1;
    let ask = |head: String| {
        let mut stream = std::net::TcpStream::connect(registry.host()).unwrap();
        write!(stream, "{head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.strip_prefix("HTTP/1.").unwrap()[2..5].to_owned();
        (status, answer.rsplit("\r\n\r\n").next().unwrap().to_owned())
    };
    for host in ["127.0.0.1", "localhost", "LocalHost", "[::1]"] {
        let (status, body) = ask(format!("GET /v2/ HTTP/1.1\r\nHost: {host}:{port}"));
        assert_eq!(status, "200", "{host}: {body}");
    }
    for host in ["registry.example", "registry.example:8080", "proxy.example:443"] {
        assert_eq!(ask(format!("GET /v2/ HTTP/1.1\r\nHost: {host}")).0, "200", "{host}");
    }
    let evil = format!("evil.example:{port}");
    let rebound = ["GET /v2/_catalog", "POST /v2/a/blobs/uploads/", "DELETE /v2/a/manifests/v1"];
    for request in rebound {
        for host in [&evil, "127.0.0.1:1", "localhost", "proxy.example", "a@b", ""] {
            let (status, body) = ask(format!("{request} HTTP/1.1\r\nHost: {host}"));
            assert_eq!(status, "421", "{request} {host}: {body}");
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body["errors"][0]["code"], "DENIED");
            assert!(body["errors"][0]["message"].as_str().unwrap().contains("--host"));
        }
    }
    // The whole address in the first line goes before the header; without either nobody is named.
    let whole = format!("GET http://{evil}/v2/ HTTP/1.1\r\nHost: {}", registry.host());
    assert_eq!(ask(whole).0, "421");
    assert_eq!(ask("GET /v2/ HTTP/1.0\r\nA: b".to_owned()).0, "421");
    let wrong = registry.envlock().run(["serve", "--host", "http://x.example"]).exits(2).stderr();
    assert!(wrong.contains("NAME:PORT"), "{wrong}");
}
