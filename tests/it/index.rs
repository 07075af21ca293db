//! The live catalog against an index on loopback.

use std::sync::Arc;
use std::time::Duration;

use envlock::catalog::{Candidate, Catalog, Problem, Project, Skip, Target, WheelFacts};
use envlock::exit::{Classified, Exit};
use envlock::index::{Error, Fetcher, LiveCatalog, Locator, Sources, Surroundings};
use envlock::lock::Package;
use envlock::net::{Client, Retry};
use envlock::platform::Platform;
use envlock::python::CoreMetadata;
use envlock::spec::{Spec, parse};
use envlock::ui::Bar;

use crate::support::{FakeIndex, Fault, Pages};

const CP314: &str = "cp314-cp314-manylinux_2_28_x86_64";

/// A spec that takes `torch` and `app` from the index and `pyg_lib` from its PyG pages.
fn spec(index: &FakeIndex) -> Spec {
    let text = format!(
        "[groups.torch]\npackages = [\"torch\"]\nindex = [\"pypi\"]\n\
         [groups.pyg]\npackages = [\"pyg_lib\", \"app[web]\"]\n\
         [sources.pypi]\nkind = \"simple\"\nurl = \"{}\"\n\
         [sources.pyg]\nkind = \"pyg\"\nurl = \"{}\"\n\
         [images.ray-runtime]\ngroups = [\"torch\", \"pyg\"]\n",
        index.url(),
        index.pyg_url()
    );
    parse("envlock.toml", &text).unwrap()
}

fn fetcher() -> Fetcher {
    let first = Duration::from_millis(5);
    Fetcher::new(Client::new(Retry { attempts: 4, first, ..Retry::default() }).unwrap())
}

struct World {
    runtime: tokio::runtime::Runtime,
    catalog: Arc<LiveCatalog>,
    sources: Sources,
}

impl World {
    fn new(index: &FakeIndex) -> Self {
        let spec = spec(index);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let target = Target::new(
            Platform::LINUX_AMD64,
            "3.14.1".parse().unwrap(),
            "2.39".to_owned().try_into().unwrap(),
            "cu130".parse().unwrap(),
        );
        let (catalog, sources) = runtime.block_on(async {
            let sources = Sources::find(&spec, &Surroundings::default()).await.unwrap();
            let (fetcher, bar) = (fetcher(), Bar::hidden());
            let nothing = Default::default();
            let catalog = LiveCatalog::start(&spec, target, sources.clone(), fetcher, bar, nothing);
            (Arc::new(catalog), sources)
        });
        Self { runtime, catalog, sources }
    }
    fn project(&self, name: &str) -> Result<Arc<Project>, Problem> {
        self.catalog.project(&name.parse().unwrap())
    }
    fn newest(&self, name: &str) -> Candidate {
        self.project(name).unwrap().candidates[0].clone()
    }
    fn metadata(&self, name: &str) -> Result<Arc<CoreMetadata>, Problem> {
        self.catalog.metadata(&self.newest(name))
    }
    fn facts(&self, name: &str) -> Result<WheelFacts, Error> {
        let chosen = [self.newest(name)];
        self.runtime.block_on(self.catalog.wheel_facts(&chosen)).map(|facts| facts[0])
    }
}

fn versions(project: &Project) -> Vec<String> {
    project.candidates.iter().map(|c| c.version.to_string()).collect()
}

#[test]
fn pages_metadata_and_facts_agree_in_every_form() {
    for pages in [Pages::Html, Pages::Json] {
        for ranges in [true, false] {
            let index = FakeIndex::start().pages(pages);
            let index = if ranges { index } else { index.without_ranges() };
            index.wheel("app", "1.0").yanked().uploaded("2026-01-02T03:04:05Z").add();
            index.stub("app-2.0.tar.gz");
            // Larger than the tail that is asked for first, and not compressible.
            let noise: Vec<u8> = (0..4000_u32)
                .flat_map(|i| *envlock::digest::Sha256::of(i.to_le_bytes()).as_bytes())
                .collect();
            let wheel = index
                .wheel("app", "1.1")
                .tags(CP314)
                .requires("torch (>=2.9) ; extra == 'web'")
                .extra("web")
                .requires_python(">=3.10,<4")
                .file("app/noise.bin", noise.clone())
                .file("app/zeros.bin", vec![0; 100_000])
                .add();
            let world = World::new(&index);
            assert_eq!(versions(&world.project("app").unwrap()), ["1.1", "1.0"]);
            let old = &world.project("app").unwrap().candidates[1];
            assert!(old.yanked && old.uploaded.unwrap().to_string() == "2026-01-02T03:04:05Z");
            assert_eq!(world.project("app").unwrap().skipped[0].why, Skip::NoWheel.into());
            let metadata = world.metadata("app").unwrap();
            assert_eq!(metadata.requires[0].to_string(), "torch>=2.9 ; extra == 'web'");
            let facts = world.facts("app").unwrap();
            assert_eq!(facts.size, wheel.bytes.len() as u64);
            assert_eq!(Some(facts.sha256), wheel.sha256);
            let inside = zip::ZipArchive::new(std::io::Cursor::new(&wheel.bytes)).unwrap();
            let unpacked = inside.decompressed_size().unwrap();
            assert_eq!(u128::from(facts.unpacked_size), unpacked);
            assert_eq!(
                world.newest("app").requires_python.as_ref().unwrap().to_string(),
                ">=3.10, <4"
            );
        }
    }
}

#[test]
fn a_sidecar_saves_the_range_request_and_a_wrong_one_is_passed_over() {
    let index = FakeIndex::start();
    index.wheel("app", "1.0").requires("torch").with_sidecar().add();
    let world = World::new(&index);
    assert_eq!(world.metadata("app").unwrap().requires.len(), 1);
    // The wheel itself is asked at most once, ahead, for its sizes.
    assert_eq!(index.requests(".whl.metadata"), 1);
    assert!(index.requests(".whl") <= 2 && index.downloads(".whl") == 1);

    let index = FakeIndex::start().pages(Pages::Json);
    index.wheel("app", "1.0").requires("torch").with_wrong_sidecar().add();
    index.wheel("web", "1.0").with_wrong_sidecar().add();
    let world = World::new(&index);
    assert_eq!(world.metadata("app").unwrap().requires.len(), 1);
    world.metadata("web").unwrap();
    let warnings = world.catalog.warnings();
    let said = "app-1.0-py3-none-any.whl.metadata does not have the hash that its index states (and 1 more such files)";
    assert!(warnings.len() == 1 && warnings[0].starts_with(said), "{warnings:?}");
}

#[test]
fn passing_failures_are_survived() {
    let index = FakeIndex::start();
    index.wheel("app", "1.0").file("app/x.bin", vec![7; 50_000]).without_hash().add();
    index.fail("/simple/app/", Fault::TooMany(0), 1);
    index.fail("/simple/app/", Fault::Cut, 1);
    index.fail(".whl", Fault::Status(503), 1);
    index.fail(".whl", Fault::Cut, 2);
    let world = World::new(&index);
    assert_eq!(versions(&world.project("app").unwrap()), ["1.0"]);
    assert_eq!(world.metadata("app").unwrap().version.to_string(), "1.0");
    assert_eq!(index.requests("/simple/app/"), 3);
}

#[test]
fn a_lasting_failure_names_the_address_and_is_a_network_error() {
    let index = FakeIndex::start();
    index.fail("/simple/app/", Fault::Status(502), 100);
    let world = World::new(&index);
    let problem = world.project("app").unwrap_err();
    let text = problem.to_string();
    assert!(text.contains("/simple/app/") && text.contains("502"), "{text}");
    assert_eq!(world.catalog.take_error().unwrap().exit(), Exit::Network);
    assert_eq!(index.requests("/simple/app/"), 4);
}

#[test]
fn a_project_that_is_nowhere_is_not_found_with_404_or_410() {
    let index = FakeIndex::start();
    index.fail("/simple/gone/", Fault::Status(410), 1);
    let world = World::new(&index);
    for name in ["gone", "never"] {
        let problem = world.project(name).unwrap_err();
        assert!(matches!(&problem, Problem::NotFound(text) if text.contains(name)), "{problem}");
    }
    assert!(world.catalog.take_error().is_none());
}

#[test]
fn a_wheel_without_hash_is_hashed_once_even_when_the_body_is_cut() {
    let index = FakeIndex::start();
    let wheel = index.wheel("app", "1.0").file("app/x.bin", vec![7; 50_000]).without_hash().add();
    let world = World::new(&index);
    world.metadata("app").unwrap();
    let before = index.requests(".whl");
    index.fail(".whl", Fault::Cut, 2);
    assert_eq!(Some(world.facts("app").unwrap().sha256), wheel.sha256);
    assert_eq!(index.requests(".whl") - before, 3, "one request and two that go on");
}

#[test]
fn a_size_or_hash_that_is_not_the_files_is_an_integrity_error() {
    let index = FakeIndex::start().pages(Pages::Json);
    index.wheel("app", "1.0").with_stated_size(5).add();
    let error = World::new(&index).facts("app").unwrap_err();
    assert!(matches!(error, Error::Size { expected: 5, .. }), "{error}");
    assert_eq!(error.exit(), Exit::Integrity);

    // Without ranges the whole wheel is read, so its hash is known.
    let wrong = FakeIndex::start().without_ranges();
    wrong.wheel("app", "1.0").with_wrong_hash().add();
    let changed = FakeIndex::start().without_ranges();
    let wheel = changed.wheel("app", "1.0").file("app/a.bin", vec![1; 99_999]).add();
    changed.tamper(&wheel.file);
    for index in [wrong, changed] {
        let error = World::new(&index).facts("app").unwrap_err();
        assert!(matches!(error, Error::Hash { .. }), "{error}");
        assert_eq!(error.exit(), Exit::Integrity);
    }
}

#[test]
fn metadata_of_another_project_or_a_damaged_wheel_is_unusable() {
    let index = FakeIndex::start();
    let wheel = index.wheel("app", "1.0").requires("=>nonsense").add();
    let world = World::new(&index);
    let problem = world.metadata("app").unwrap_err();
    assert!(
        matches!(&problem, Problem::Unusable(text) if text.contains("nonsense") && text.contains(&wheel.file)),
        "{problem}"
    );
}

#[test]
fn pyg_wheels_come_from_the_pages_of_the_torch_releases_there_are() {
    let index = FakeIndex::start();
    for version in ["2.14.1+cu130", "2.13.0+cu130", "2.12.1+cu130", "2.11.0+cu132"] {
        index.wheel("torch", version).tags(CP314).add();
    }
    let pyg = |version: &str, tags: &str, page: &str| {
        index.wheel("pyg_lib", version).tags(tags).without_hash().on_pyg_page(page).add()
    };
    // 2.14.1 has a page of its own; 2.13's is empty; 2.12.1 is served by 2.12.0's.
    let newest = pyg("0.9.0+pt214cu130", "cp310-abi3-linux_x86_64", "torch-2.14.1+cu130");
    pyg("0.8.0+pt214cu130", "cp310-abi3-linux_x86_64", "torch-2.14.0+cu130");
    pyg("0.7.0+pt212cu130", "cp314-cp314-linux_x86_64", "torch-2.12.0+cu130");
    pyg("0.7.0+pt212cu128", "cp314-cp314-linux_x86_64", "torch-2.12.0+cu130");
    pyg("0.6.0+pt211cu130", "cp314-cp314-linux_x86_64", "torch-2.11.0+cu130");
    index.empty_pyg_page("torch-2.13.0+cu130");
    let world = World::new(&index);
    let project = world.project("pyg-lib").unwrap();
    assert_eq!(versions(&project), ["0.9.0+pt214cu130", "0.7.0+pt212cu130"]);
    assert_eq!(Some(world.facts("pyg-lib").unwrap().sha256), newest.sha256);
    let built_for = world.catalog.cuda_build(&project.candidates[0]).unwrap();
    assert_eq!(built_for.unwrap().to_string(), "cu130");
}

#[test]
fn the_cuda_build_of_a_plain_version_is_read_from_the_wheel() {
    let index = FakeIndex::start();
    let version_py = "__version__ = '2.15.0+cu132'\ncuda = '13.2'\n";
    index.wheel("torch", "2.15.0").tags(CP314).file("torch/version.py", version_py).add();
    let world = World::new(&index);
    let build = world.catalog.cuda_build(&world.newest("torch")).unwrap();
    assert_eq!(build.unwrap().to_string(), "cu132");
}

#[test]
fn the_closure_is_fetched_ahead_and_nothing_twice() {
    let index = FakeIndex::start();
    index.wheel("torch", "2.14.0+cu130").tags(CP314).requires("deep<2").add();
    index
        .wheel("app", "1.0")
        .extra("web")
        .requires("web ; extra == 'web'")
        .requires("no ; sys_platform == 'win32'")
        .add();
    index.wheel("web", "1.0").requires("deep").add();
    index.wheel("deep", "1.9").add();
    let world = World::new(&index);
    let asked = |name: &str| index.requests(&format!("/simple/{name}/"));
    // Nobody but the crawl asks.
    for _ in 0..500 {
        if index.requests("deep-1.9") > 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(index.requests("deep-1.9"), 1);
    for name in ["torch", "app", "web", "deep"] {
        world.metadata(name).unwrap();
        assert_eq!((asked(name), index.requests(&format!("/files/{name}-"))), (1, 1), "{name}");
    }
    assert_eq!(asked("no"), 0);
}

fn locked(world: &World, name: &str) -> Package {
    let candidate = world.newest(name);
    let facts = world.facts(name).unwrap();
    Package {
        name: candidate.name.clone(),
        version: candidate.version.clone(),
        group: "torch".parse().unwrap(),
        requested: vec![],
        required_by: vec![],
        extras: vec![],
        file: candidate.file.clone(),
        size: facts.size,
        unpacked_size: facts.unpacked_size,
        sha256: facts.sha256,
        locations: vec![candidate.location.clone()],
        uploaded: None,
        uploaded_from: None,
        bare_metadata: false,
        rules: vec![],
    }
}

#[test]
fn a_locked_wheel_is_found_again_and_a_changed_one_refused() {
    let index = FakeIndex::start();
    index.wheel("torch", "2.14.0+cu130").tags(CP314).add();
    let name = "pyg_lib";
    index
        .wheel(name, "0.9.0+pt214cu130")
        .tags("cp310-abi3-linux_x86_64")
        .without_hash()
        .on_pyg_page("torch-2.14.0+cu130")
        .add();
    let world = World::new(&index);
    let locate = |package: &Package| {
        let locator = Locator::new(world.sources.clone(), fetcher());
        let found = world.runtime.block_on(locator.addresses(package));
        found.map(|all| all.into_iter().map(|address| address.url).collect::<Vec<_>>())
    };
    for name in ["torch", "pyg-lib"] {
        assert_eq!(locate(&locked(&world, name)).unwrap(), [world.newest(name).url.clone()]);
    }
    let torch = locked(&world, "torch");
    let other = Package { sha256: envlock::digest::Sha256::of("other"), ..torch.clone() };
    let error = locate(&other).unwrap_err();
    assert_eq!(error.exit(), Exit::Integrity);
    let text = error.to_string();
    assert!(
        text.contains(&torch.sha256.to_string()) && text.contains(&other.sha256.to_string()),
        "{text}"
    );
    let gone = Package { file: "torch-9-py3-none-any.whl".into(), ..torch };
    let error = locate(&gone).unwrap_err();
    assert!(
        matches!(error, Error::Gone { .. }) && error.to_string().contains("/simple/torch/"),
        "{error}"
    );
}

#[test]
fn a_server_that_cannot_be_trusted_or_understood_is_not_asked_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap()).parse().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let patient = Retry { first: Duration::from_secs(600), ..Retry::default() };
    let fetcher = Fetcher::new(Client::new(patient).unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let page =
        async { tokio::time::timeout(Duration::from_secs(20), fetcher.page(&url, &[])).await };
    let error = runtime.block_on(page).expect("it gives up at once").unwrap_err();
    assert_eq!(error.exit(), Exit::Network);
}
