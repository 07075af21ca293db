//! What the PyTorch and PyG indexes do that no standard says: pages in their exact formats, one trap a
//! test, against the real catalog or the whole program.

use std::sync::Arc;

use envlock::catalog::{Catalog, Problem, Project, Skip, Target};
use envlock::digest::Sha256;
use envlock::index::{Fetcher, LiveCatalog, Sources, Surroundings};
use envlock::lock::{Lock, parse as parse_lock};
use envlock::net::{Client, Retry};
use envlock::platform::Platform;
use envlock::spec::parse;
use envlock::ui::Bar;

use crate::support::{Envlock, FakeIndex, Run, UNREACHED_BASE, Wheel};

const LINUX: &str = "manylinux_2_28_x86_64";
const CP314: &str = "cp314-cp314-manylinux_2_28_x86_64";

/// The PyTorch index, the host its files are on, and the PyG pages; what is missing answers 403.
struct Field {
    pytorch: FakeIndex,
    files: FakeIndex,
    pyg: FakeIndex,
}

impl Field {
    fn new() -> Self {
        let hiding = || FakeIndex::start().hiding();
        let field = Field { pytorch: hiding(), files: hiding(), pyg: hiding() };
        let pip = field.files.wheel("pip", "26.0").add();
        field.page("pip", &[field.link(&pip, Hash::Right)]);
        field
    }

    /// A link as the index writes it for torch and its family: absolute, on the other host, `%2B` in
    /// the href and `+` in the text.
    fn link(&self, wheel: &Wheel, hash: Hash) -> String {
        let hash = match hash {
            Hash::Right => format!("#sha256={}", wheel.sha256.unwrap()),
            Hash::Missing => String::new(),
            Hash::Wrong => format!("#sha256={}", Sha256::of("wrong")),
        };
        let href = wheel.file.replace('+', "%2B");
        let host = self.files.host();
        format!("<a href=\"http://{host}/whl/cu130/{href}{hash}\">{}</a><br/>\n", wheel.file)
    }

    /// A project's page, with nothing but these links.
    fn page(&self, project: &str, links: &[String]) {
        let text = format!(
            "<!DOCTYPE html>\n<html>\n  <body>\n    <h1>Links for {project}</h1>\n    {}  </body>\n</html>\n\
             <!--TIMESTAMP 1732300000-->\n",
            links.concat()
        );
        self.pytorch.page(&format!("/whl/cu130/{project}/"), text);
    }

    /// Wheels of one project, listed the usual way.
    fn wheels(&self, project: &str, versions: &[(&str, &str)]) {
        let wheel = |(version, requires): &(&str, &str)| {
            let mut wheel = self.files.wheel(project, version).tags(CP314);
            for requirement in requires.split("; ").filter(|r| !r.is_empty()) {
                wheel = wheel.requires(requirement);
            }
            self.link(&wheel.add(), Hash::Right)
        };
        self.page(project, &versions.iter().map(wheel).collect::<Vec<_>>());
    }

    /// A PyG page with one wheel.
    fn pyg(&self, page: &str, name: &str, version: &str, tags: &str) -> Wheel {
        self.pyg.wheel(name, version).tags(tags).on_pyg_page(page).add()
    }

    fn spec(&self, packages: &str) -> String {
        format!(
            "{UNREACHED_BASE}[groups.python]\npackages = [\"pip\"]\nindex = [\"pytorch\"]\n\
             [groups.torch]\npackages = {packages}\nindex = [\"pytorch\"]\n\
             [sources.pypi]\nurl = \"http://{0}/whl/cu130/\"\nignore-error-codes = [403]\n\
             [sources.pytorch]\nurl = \"http://{0}/whl/{{cuda}}/\"\n\
             [sources.pyg]\nkind = \"pyg\"\nurl = \"http://{1}/pyg/\"\n",
            self.pytorch.host(),
            self.pyg.host()
        )
    }

    /// What the catalog makes of a project's pages.
    fn project(&self, name: &str, python: &str) -> Result<Arc<Project>, Problem> {
        let spec = parse("test", &self.spec("[\"torch\", \"pyg_lib\"]")).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let glibc = "2.39".to_owned().try_into().unwrap();
        let target = Target::new(
            Platform::LINUX_AMD64,
            python.parse().unwrap(),
            glibc,
            "cu130".parse().unwrap(),
        );
        let catalog = runtime.block_on(async {
            let sources = Sources::find(&spec, &Surroundings::default()).await.unwrap();
            let client = Client::new(Retry { attempts: 1, ..Retry::default() }).unwrap();
            let (fetcher, nothing) = (Fetcher::new(client), Default::default());
            LiveCatalog::start(&spec, target, sources, fetcher, Bar::hidden(), nothing)
        });
        catalog.project(&name.parse().unwrap())
    }

    fn resolve(&self, packages: &str) -> (Run, Option<Lock>) {
        let envlock = Envlock::new();
        envlock.write("envlock.toml", self.spec(packages));
        let run = envlock.run(["resolve"]);
        let lock = fs_err::read_to_string(envlock.path("env.lock")).ok();
        (run, lock.map(|text| parse_lock(&text).unwrap()))
    }

    /// The versions of a set that must exist, as `NAME VERSION`, without pip.
    #[track_caller]
    fn set(&self, packages: &str) -> Vec<String> {
        let (run, lock) = self.resolve(packages);
        run.exits(0);
        let lock = lock.unwrap();
        let rest = lock.packages.iter().filter(|p| p.name.as_ref() != "pip");
        rest.map(|p| format!("{} {}", p.name, p.version)).collect()
    }
}

#[derive(Clone, Copy)]
enum Hash {
    Right,
    Missing,
    Wrong,
}

fn files(project: &Project) -> Vec<&str> {
    project.candidates.iter().map(|c| c.file.as_str()).collect()
}

#[test]
fn hrefs_are_absolute_on_another_host_with_the_plus_encoded_there_only() {
    let field = Field::new();
    let wheel = field.files.wheel("torch", "2.14.0+cu130").tags(CP314).add();
    field.page("torch", &[field.link(&wheel, Hash::Right)]);
    let project = field.project("torch", "3.14.2").unwrap();
    let candidate = &project.candidates[0];
    assert_eq!(
        (candidate.version.to_string(), candidate.sha256),
        ("2.14.0+cu130".into(), wheel.sha256)
    );
    assert_eq!(candidate.file, wheel.file);
    let path = format!("/whl/cu130/{}", wheel.file.replace('+', "%2B"));
    assert_eq!(candidate.url.as_str(), format!("http://{}{path}", field.files.host()));
    assert_eq!(candidate.location.to_string(), format!("pytorch:{path}"));
    assert_eq!(field.set("[\"torch\"]"), ["torch 2.14.0+cu130"]);
}

#[test]
fn hrefs_are_root_relative_for_other_projects() {
    let field = Field::new();
    let wheel = field.pytorch.wheel("numpy", "2.5.0").tags(CP314).add();
    let href = format!("/whl/{}", wheel.file);
    field.page(
        "numpy",
        &[format!("<a href=\"{href}#sha256={}\">{}</a><br/>\n", wheel.sha256.unwrap(), wheel.file)],
    );
    let project = field.project("numpy", "3.14.2").unwrap();
    assert_eq!(
        project.candidates[0].url.as_str(),
        format!("http://{}{href}", field.pytorch.host())
    );
    assert_eq!(field.set("[\"numpy\"]"), ["numpy 2.5.0"]);
}

#[test]
fn the_attributes_of_newer_links_are_read() {
    let field = Field::new();
    let wheel = field.files.wheel("torch", "2.14.0+cu130").tags(CP314).with_sidecar().add();
    let sidecar = Sha256::of("x");
    let attributes = format!(
        " data-dist-info-metadata=\"sha256={sidecar}\" data-core-metadata=\"sha256={sidecar}\" data-upload-time=\"2026-10-01T00:00:00Z\">"
    );
    field.page(
        "torch",
        &[field.link(&wheel, Hash::Right).replace("\">", &format!("\"{attributes}"))],
    );
    let project = field.project("torch", "3.14.2").unwrap();
    let candidate = &project.candidates[0];
    assert_eq!(candidate.uploaded.unwrap().to_string(), "2026-10-01T00:00:00Z");
    assert_eq!(candidate.sidecar, envlock::catalog::Sidecar::Hashed(sidecar));
    // The sidecar has other bytes than the page says: named, and never used; the wheel says the same.
    let (run, lock) = field.resolve("[\"torch\"]");
    let text = run.exits(0).stderr();
    assert_eq!(text.matches(".whl.metadata").count(), 1, "{text}");
    assert!(text.contains(".whl.metadata does not have the hash that its index states"), "{text}");
    assert!(lock.is_some());
}

#[test]
fn a_missing_hash_is_made_from_the_bytes() {
    let field = Field::new();
    let wheel = field.files.wheel("torch", "2.14.0+cu130").tags(CP314).add();
    field.page("torch", &[field.link(&wheel, Hash::Missing)]);
    let (run, lock) = field.resolve("[\"torch\"]");
    run.exits(0);
    let name = "torch".parse().unwrap();
    assert_eq!(Some(lock.unwrap().package(&name).unwrap().sha256), wheel.sha256);
}

#[test]
fn a_wrong_hash_on_the_page_is_found_where_the_bytes_are_read() {
    let field = Field::new();
    let wheel = field.files.wheel("torch", "2.14.0+cu130").tags(CP314).add();
    field.page("torch", &[field.link(&wheel, Hash::Wrong)]);
    let candidate = field.project("torch", "3.14.2").unwrap().candidates[0].clone();
    let envlock = Envlock::new();
    let store = envlock::store::Store::at(envlock.path(".store")).unwrap();
    let client = Client::new(Retry { attempts: 1, ..Retry::default() }).unwrap();
    let (runtime, bar) = (tokio::runtime::Runtime::new().unwrap(), Bar::hidden());
    let fetch = store.fetch(&client, &candidate.url, candidate.sha256.unwrap(), None, &bar);
    let error = runtime.block_on(fetch).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&wheel.sha256.unwrap().to_string()), "{text}");
    assert!(text.contains(&Sha256::of("wrong").to_string()), "{text}");
}

#[test]
fn what_is_not_there_answers_403_and_is_only_not_there() {
    let field = Field::new();
    field.wheels("torch", &[("2.14.0+cu130", "")]);
    let problem = field.project("nowhere", "3.14.2").unwrap_err();
    assert!(
        matches!(&problem, Problem::NotFound(text) if text.contains("/whl/cu130/nowhere/")),
        "{problem}"
    );
}

#[test]
fn the_same_file_name_with_other_bytes_elsewhere_is_another_file() {
    let field = Field::new();
    let here = field.files.wheel("nvidia-x", "1.0").tags("py3-none-manylinux_2_27_x86_64").add();
    let elsewhere = FakeIndex::start();
    let there = elsewhere
        .wheel("nvidia-x", "1.0")
        .tags("py3-none-manylinux_2_27_x86_64")
        .file("nvidia/y", "y")
        .add();
    assert_eq!(here.file, there.file);
    field.page("nvidia-x", &[field.link(&here, Hash::Right)]);
    let envlock = Envlock::new();
    let name = "nvidia-x".parse().unwrap();
    let locked = || parse_lock(&envlock.read("env.lock")).unwrap().package(&name).unwrap().clone();
    envlock.write("envlock.toml", field.spec("[\"nvidia-x\"]"));
    envlock.run(["resolve"]).exits(0);
    assert_eq!(Some(locked().sha256), here.sha256);
    // Another source by name may have other bytes; the same source may not.
    let other = format!("torch={}", elsewhere.url());
    envlock.run(["resolve", "--index", &other]).exits(0);
    assert_eq!(Some(locked().sha256), there.sha256);
}

#[test]
fn pyg_pages_are_flat_relative_and_without_hash_and_patch_releases_are_aliased_by_hand() {
    let field = Field::new();
    field.wheels("torch", &[("2.14.1+cu130", ""), ("2.13.1+cu130", "")]);
    // 2.14.1 has no page of its own, 2.13.1 has: both ways are used.
    let new =
        field.pyg("torch-2.14.0+cu130", "pyg_lib", "0.9.0+pt214cu130", "cp310-abi3-linux_x86_64");
    field.pyg("torch-2.13.1+cu130", "pyg_lib", "0.8.0+pt213cu130", "cp310-abi3-linux_x86_64");
    let project = field.project("pyg-lib", "3.14.2").unwrap();
    let versions: Vec<_> = project.candidates.iter().map(|c| c.version.to_string()).collect();
    assert_eq!(versions, ["0.9.0+pt214cu130", "0.8.0+pt213cu130"]);
    assert_eq!(project.candidates[0].sha256, None);
    let location = project.candidates[0].location.to_string();
    assert_eq!(location, format!("pyg:/pyg/torch-2.14.0%2Bcu130/{}", new.file.replace('+', "%2B")));
    for asked in ["torch-2.14.1+cu130.html", "torch-2.14.0+cu130.html", "torch-2.13.1+cu130.html"] {
        assert_eq!(field.pyg.requests(asked), 1, "{asked}");
    }
    assert_eq!(field.pyg.requests("torch-2.13.0+cu130.html"), 0);
    let spec = field.spec("[\"torch\", \"pyg_lib\"]");
    assert!(parse("t", &spec).is_ok());
    assert_eq!(
        field.set("[\"torch\", \"pyg_lib\"]"),
        ["pyg-lib 0.9.0+pt214cu130", "torch 2.14.1+cu130"]
    );
}

#[test]
fn a_page_that_answers_and_lacks_the_wheel_holds_torch_back() {
    let field = Field::new();
    field.wheels("torch", &[("2.15.0+cu130", ""), ("2.14.0+cu130", ""), ("2.13.0+cu130", "")]);
    field.pyg.empty_pyg_page("torch-2.15.0+cu130");
    field.pyg(
        "torch-2.14.0+cu130",
        "torch_scatter",
        "2.1.2+pt214cu130",
        "cp314-cp314t-linux_x86_64",
    );
    field.pyg("torch-2.14.0+cu130", "pyg_lib", "0.9.0+pt214cu130", "cp313-cp313-linux_x86_64");
    field.pyg("torch-2.13.0+cu130", "pyg_lib", "0.8.0+pt213cu130", "cp310-abi3-linux_x86_64");
    let set = field.set("[\"torch\", \"pyg_lib\"]");
    assert_eq!(set, ["pyg-lib 0.8.0+pt213cu130", "torch 2.13.0+cu130"]);
}

#[test]
fn the_local_version_of_a_pyg_wheel_is_its_only_word_on_torch() {
    let field = Field::new();
    field.wheels("torch", &[("2.14.0+cu130", ""), ("2.13.0+cu130", "")]);
    // A wheel on the wrong page: the page says 2.14, the wheel says 2.13.
    field.pyg("torch-2.14.0+cu130", "pyg_lib", "0.8.0+pt213cu130", "cp310-abi3-linux_x86_64");
    field.pyg("torch-2.13.0+cu130", "pyg_lib", "0.7.0+pt213cu128", "cp310-abi3-linux_x86_64");
    let set = field.set("[\"torch\", \"pyg_lib\"]");
    assert_eq!(set, ["pyg-lib 0.8.0+pt213cu130", "torch 2.13.0+cu130"]);
}

#[test]
fn wheels_of_every_usual_tag_are_taken_and_free_threaded_ones_never() {
    let field = Field::new();
    for (project, tags, taken) in [
        ("a", CP314, true),
        ("b", "cp312-abi3-manylinux_2_28_x86_64", true),
        ("c", "cp310-abi3-linux_x86_64", true),
        ("d", "py3-none-manylinux_2_27_x86_64.manylinux_2_28_x86_64", true),
        ("e", "py3-none-any", true),
        ("f", "py2.py3-none-any", true),
        ("g", "cp314-cp314t-manylinux_2_28_x86_64", false),
        ("h", "cp313-cp313-manylinux_2_28_x86_64", false),
        ("i", "cp314-cp314-manylinux_2_28_aarch64", false),
        ("j", "cp314-cp314-manylinux_2_99_x86_64", false),
        ("k", "cp314-cp314-win_amd64", false),
        ("l", "cp315-abi3-manylinux_2_28_x86_64", false),
    ] {
        let wheel = field.files.wheel(project, "1.0").tags(tags).add();
        field.page(project, &[field.link(&wheel, Hash::Right)]);
        let found = field.project(project, "3.14.2").unwrap();
        assert_eq!(files(&found).len(), usize::from(taken), "{tags}");
    }
}

#[test]
fn of_two_builds_the_higher_number_is_taken() {
    let field = Field::new();
    let names = ["-cp314", "-1-cp314", "-10-cp314", "-3-cp314"].map(|build| {
        let file = format!("torch-2.10.0+cu130{build}-cp314-{LINUX}.whl");
        format!("<a href=\"/whl/cu130/{}\">{file}</a><br/>\n", file.replace('+', "%2B"))
    });
    field.page("torch", &names);
    let project = field.project("torch", "3.14.2").unwrap();
    assert_eq!(files(&project), [format!("torch-2.10.0+cu130-10-cp314-cp314-{LINUX}.whl")]);
}

#[test]
fn versions_are_compared_as_pep_440_says_not_as_text() {
    let field = Field::new();
    let wheel = |name: &str, version: &str| field.wheels(name, &[(version, "")]);
    wheel("cuda-toolkit", "13.0.3.0");
    field.wheels("nvidia-cublas", &[("13.1.1.30", ""), ("13.1.1.3.7", ""), ("13.1.2", "")]);
    field.wheels(
        "torch",
        &[("2.14.0+cu130", "cuda-toolkit==13.0.3; nvidia-cublas==13.1.1.3.*"), ("2.9.0+cu130", "")],
    );
    field.wheels("torchaudio", &[("2.9.0+cu130", "torch (==2.9.0)")]);
    assert_eq!(
        field.set("[\"torch\"]"),
        ["cuda-toolkit 13.0.3.0", "nvidia-cublas 13.1.1.3.7", "torch 2.14.0+cu130"]
    );
    assert_eq!(
        field.set("[\"torch\", \"torchaudio\"]"),
        ["torch 2.9.0+cu130", "torchaudio 2.9.0+cu130"]
    );
}

#[test]
fn a_vision_built_for_another_cuda_line_is_seen_inside_its_wheel() {
    let field = Field::new();
    let build = |name: &str, version: &str, cuda: &str, requires: &str| {
        let text = format!("__version__ = '{version}+{cuda}'\ncuda = '{}'\n", &cuda[2..]);
        let wheel = field.files.wheel(name, version).tags(CP314).requires(requires);
        let wheel = wheel.file(&format!("{name}/version.py"), text).add();
        field.link(&wheel, Hash::Right)
    };
    let torch =
        [build("torch", "2.15.0", "cu132", "pip"), build("torch", "2.14.1", "cu130", "pip")];
    field.page("torch", &torch);
    let vision = [("0.29.2", "cu132"), ("0.29.1", "cu130")]
        .map(|(version, cuda)| build("torchvision", version, cuda, "torch>=2.14.0"));
    field.page("torchvision", &vision);
    assert_eq!(field.set("[\"torch\", \"torchvision\"]"), ["torch 2.14.1", "torchvision 0.29.1"]);
}

#[test]
fn a_patch_release_that_a_wheel_excludes_is_excluded() {
    let field = Field::new();
    let wheel = field.files.wheel("torchvision", "0.29.1+cu130").tags(CP314).add();
    let link = field.link(&wheel, Hash::Right);
    field.page(
        "torchvision",
        &[link.replace("\">", "\" data-requires-python=\"!=3.14.1,&gt;=3.10\">")],
    );
    assert_eq!(files(&field.project("torchvision", "3.14.2").unwrap()).len(), 1);
    let excluded = field.project("torchvision", "3.14.1").unwrap();
    assert!(matches!(*excluded.skipped[0].why, Skip::RequiresPython(_)));

    // The PyTorch index states no Requires-Python: METADATA does.
    let wheel = field
        .files
        .wheel("only-inside", "1.0")
        .tags(CP314)
        .requires_python("!=3.14.2,>=3.10")
        .add();
    field.page("only-inside", &[field.link(&wheel, Hash::Right)]);
    let (run, _) = field.resolve("[\"only-inside\"]");
    let text = run.exits(4).stderr();
    assert!(text.contains("3.14.2"), "{text}");
}

#[test]
fn builds_for_another_cuda_or_none_are_passed_over() {
    let field = Field::new();
    field.wheels(
        "torch",
        &[("2.16.0+cu132", ""), ("2.15.0+cpu", ""), ("2.14.0+cu130", ""), ("2.13.0+rocm6.4", "")],
    );
    assert_eq!(field.set("[\"torch\"]"), ["torch 2.14.0+cu130"]);
    let skipped = field.project("torch", "3.14.2").unwrap();
    assert_eq!(skipped.skipped.len(), 3);
}
