//! `envlock resolve` against an index and a registry on loopback.

use crate::support::{Envlock, FakeIndex, Fault, Pages, Registry, Run};

const CP314: &str = "cp314-cp314-manylinux_2_28_x86_64";

/// The shape of the real stack: torch from an index of CUDA builds, PyG wheels from flat pages.
pub fn stack() -> FakeIndex {
    let index = FakeIndex::start();
    for (torch, vision) in [("2.15.0", "0.30.0"), ("2.14.1", "0.29.1"), ("2.12.1", "0.27.1")] {
        let local = |version: &str| format!("{version}+cu130");
        index.wheel("torch", &local(torch)).tags(CP314).requires("numpy").add();
        index
            .wheel("torchvision", &local(vision))
            .tags(CP314)
            .requires(&format!("torch=={torch}"))
            .add();
    }
    let pyg = |name: &str, version: &str, page: &str, tags: &str| {
        index.wheel(name, version).tags(tags).on_pyg_page(page).add();
    };
    pyg("pyg_lib", "0.9.0+pt214cu130", "torch-2.14.0+cu130", "cp310-abi3-linux_x86_64");
    pyg("pyg_lib", "0.7.0+pt212cu130", "torch-2.12.0+cu130", "cp314-cp314-linux_x86_64");
    pyg("torch_scatter", "2.1.2+pt212cu130", "torch-2.12.0+cu130", "cp314-cp314-linux_x86_64");
    index.wheel("pip", "26.3").add();
    index.wheel("numpy", "2.5.0").tags(CP314).add();
    index
}

pub fn spec(index: &FakeIndex, base: &str, torch: &str, pyg: &str) -> String {
    format!(
        "[python]\nsource = \"base\"\n[target]\nglibc = \"2.39\"\n\
         [base]\nruntime = \"{base}\"\ndevel = \"{base}\"\n\
         [groups.python]\npackages = [\"pip\"]\n\
         [groups.torch]\npackages = {torch}\nindex = [\"pytorch\"]\n\
         [groups.pyg]\npackages = {pyg}\n\
         [sources.pypi]\nurl = \"{0}\"\n[sources.pytorch]\nurl = \"{0}\"\n[sources.pyg]\nkind = \"pyg\"\nurl = \"{1}\"\n",
        index.url(),
        index.pyg_url()
    )
}

/// A registry with a base image that says it has Python 3.14.2.
pub fn base() -> (Registry, String) {
    let registry = Registry::start();
    let config = serde_json::json!({
        "os": "linux", "architecture": "amd64", "created": "2026-11-01T00:00:00Z",
        "config": { "Env": ["PYTHON_VERSION=3.14.2"] }, "rootfs": { "type": "layers", "diff_ids": [] },
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(registry.push_image("base", "v1", &[], &config));
    let name = format!("{}/base:v1", registry.host());
    (registry, name)
}

#[test]
fn torch_goes_back_for_pyg_lib_and_the_lock_is_complete_and_stable() {
    let (_registry, base) = base();
    let index = stack();
    let envlock = Envlock::new();
    envlock.write(
        "envlock.toml",
        spec(&index, &base, "[\"torch\", \"torchvision\"]", "[\"pyg_lib\"]"),
    );
    let run = envlock.run(["resolve"]).exits(0);
    assert_eq!(
        run.stdout(),
        "+ numpy 2.5.0\n+ pip 26.3\n+ pyg-lib 0.9.0+pt214cu130\n+ torch 2.14.1+cu130\n+ torchvision 0.29.1+cu130\n"
    );
    let why = "torch 2.14.1+cu130 instead of 2.15.0+cu130: pyg-lib has no wheel for torch 2.15 with cu130 yet";
    assert!(run.stderr().contains(why), "{}", run.stderr());
    let text = envlock.read("env.lock");
    let lock = envlock::lock::parse(&text).unwrap();
    assert_eq!(lock.unpinned(), Vec::<String>::new());
    assert_eq!(lock.python.version.to_string(), "3.14.2");
    assert!(lock.packages.iter().all(|p| p.size > 0 && p.unpacked_size > 0));
    assert!(
        !text.contains("127.0.0.1") || text.matches("127.0.0.1").count() == 2,
        "only the bases name a host"
    );

    fs_err::remove_file(envlock.path("env.lock")).unwrap();
    envlock.run(["resolve"]).exits(0);
    assert_eq!(envlock.read("env.lock"), text);
}

#[test]
fn a_fresh_lock_is_answered_without_a_request_and_a_changed_spec_keeps_what_fits() {
    let (_registry, base) = base();
    let index = stack();
    let envlock = Envlock::new();
    envlock.write("envlock.toml", spec(&index, &base, "[\"torch\"]", "[\"pyg_lib\"]"));
    envlock.run(["resolve"]).exits(0);
    let before = index.requests("");
    envlock.run(["resolve"]).exits(0);
    envlock.run(["resolve", "--check"]).exits(0);
    assert_eq!(index.requests(""), before);

    index.wheel("numpy", "2.6.0").tags(CP314).add();
    envlock.write(
        "envlock.toml",
        spec(&index, &base, "[\"torch\", \"torchvision\"]", "[\"pyg_lib\"]"),
    );
    let stale = envlock.run(["resolve", "--check"]).exits(3);
    assert_eq!(stale.stdout(), "stale: torchvision is asked for and not locked\n");
    let run = envlock.run(["resolve"]).exits(0);
    assert_eq!(run.stdout(), "+ torchvision 0.29.1+cu130\n");
    let run = envlock.run(["resolve", "--upgrade", "numpy"]).exits(0);
    assert_eq!(run.stdout(), "~ numpy 2.5.0 → 2.6.0\n");
}

#[test]
fn scatter_takes_the_set_back_to_the_last_torch_that_has_it() {
    let (_registry, base) = base();
    let index = stack();
    let envlock = Envlock::new();
    let spec =
        spec(&index, &base, "[\"torch\", \"torchvision\"]", "[\"pyg_lib\", \"torch_scatter\"]");
    envlock.write("envlock.toml", spec);
    let run = envlock.run(["resolve", "--dry-run"]).exits(0);
    let said = run.stderr();
    let why = "torch-scatter has no wheel for torch 2.14 to 2.15 with cu130 yet";
    assert!(said.contains(&format!("torch 2.12.1+cu130 instead of 2.15.0+cu130: {why}")), "{said}");
    assert!(
        said.contains("torchvision 0.27.1+cu130 instead of 0.30.0+cu130: it needs torch==2.15.0"),
        "{said}"
    );
    assert!(run.stdout().contains(
        "+ torch 2.12.1+cu130\n+ torch-scatter 2.1.2+pt212cu130\n+ torchvision 0.27.1+cu130"
    ));
    assert!(!envlock.path("env.lock").exists(), "--dry-run writes nothing");
}

#[test]
fn what_has_no_wheel_is_named_with_the_newest_that_has_one() {
    let (_registry, base) = base();
    let index = stack();
    index.stub("old-2.0.tar.gz");
    index.wheel("old", "1.0").add();
    let envlock = Envlock::new();
    envlock.write("envlock.toml", spec(&index, &base, "[\"torch\"]", "[\"old>=2\"]"));
    envlock.write("env.lock", "not a lock");
    let run = envlock.run(["resolve"]).exits(4);
    let text = run.stderr().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("old 2.0 is only a source distribution"), "{text}");
    assert!(text.contains("the newest version of old with a wheel is 1.0"), "{text}");
    assert_eq!(envlock.read("env.lock"), "not a lock");
}

#[test]
fn a_passing_fault_is_survived_and_a_lasting_one_names_url_and_cause() {
    let (_registry, base) = base();
    let index = stack();
    index.fail("numpy", Fault::Status(503), 1);
    index.fail("torchvision", Fault::TooMany(0), 1);
    index.fail("pip", Fault::Cut, 1);
    let envlock = Envlock::new();
    envlock.write(
        "envlock.toml",
        spec(&index, &base, "[\"torch\", \"torchvision\"]", "[\"pyg_lib\"]"),
    );
    envlock.run(["resolve"]).exits(0);

    index.fail("simple/numpy", Fault::Status(500), 1000);
    let run = envlock.run(["resolve", "--upgrade"]).exits(5);
    assert!(
        run.stderr().contains("simple/numpy/") && run.stderr().contains("500"),
        "{}",
        run.stderr()
    );
}

#[test]
fn json_pages_give_the_same_lock_as_html_pages() {
    let (_registry, base) = base();
    let lock = |index: FakeIndex| {
        let envlock = Envlock::new();
        envlock.write("envlock.toml", spec(&index, &base, "[\"torch\"]", "[\"pyg_lib\"]"));
        envlock.run(["resolve"]).exits(0);
        envlock.read("env.lock")
    };
    assert_eq!(lock(stack()), lock(stack().pages(Pages::Json)));
    assert_eq!(lock(stack()), lock(stack().without_ranges()));
}

#[test]
fn a_base_registry_out_of_reach_leaves_an_unpinned_lock_and_says_so() {
    let index = stack();
    let envlock = Envlock::new();
    envlock
        .write("envlock.toml", spec(&index, "127.0.0.1:1/base:v1", "[\"torch\"]", "[\"pyg_lib\"]"));
    let run = envlock.run(["resolve"]).exits(0);
    assert!(
        run.stderr().contains("base image 127.0.0.1:1/base:v1 is NOT pinned"),
        "{}",
        run.stderr()
    );
    let check = envlock.run(["resolve", "--check"]).exits(3);
    assert!(check.stdout().contains("has no digest"), "{}", check.stdout());
}

#[test]
fn the_cache_answers_alone_and_a_damaged_one_is_as_good_as_none() {
    let (_registry, base) = base();
    let index = stack();
    let envlock = Envlock::new();
    let spec = spec(&index, &base, "[\"torch\", \"torchvision\"]", "[\"pyg_lib\"]");
    envlock.write("envlock.toml", &spec);
    envlock.run(["resolve"]).exits(0);
    // The one file without a hash in its index is always compared with its server's.
    let others = || index.requests("") - index.requests("pyg_lib");
    let (lock, asked) = (envlock.read("env.lock"), others());
    fs_err::remove_file(envlock.path("env.lock")).unwrap();
    envlock.run(["resolve"]).exits(0);
    assert_eq!((envlock.read("env.lock"), others()), (lock.clone(), asked));
    let asked = index.requests("");
    fs_err::remove_file(envlock.path("env.lock")).unwrap();
    envlock.run(["resolve", "--offline"]).exits(0);
    assert_eq!((envlock.read("env.lock"), index.requests("")), (lock.clone(), asked));
    fs_err::remove_file(envlock.path("env.lock")).unwrap();
    envlock.run(["resolve", "--refresh"]).exits(0);
    assert!(index.requests("simple/") > 0 && index.requests("") > asked);
    assert_eq!(envlock.read("env.lock"), lock);

    let folder = envlock.path(".store/index/wheels");
    for entry in fs_err::read_dir(folder).unwrap().map(Result::unwrap) {
        fs_err::write(entry.path(), "{}").unwrap();
    }
    fs_err::remove_file(envlock.path("env.lock")).unwrap();
    let run = envlock.run(["resolve", "--offline"]).exits(5);
    assert!(
        run.stderr().contains("--offline") && run.stderr().contains(".whl"),
        "{}",
        run.stderr()
    );
    envlock.run(["resolve"]).exits(0);
    assert_eq!(envlock.read("env.lock"), lock);

    let folder = envlock.run(["cache", "dir"]).exits(0).stdout();
    assert_eq!(folder.trim(), envlock.path(".store").as_str());
    let pruned = envlock.run(["cache", "prune"]).exits(0).stdout();
    assert!(pruned.starts_with("removed 0 files"), "{pruned}");
}

#[test]
fn an_optional_pyg_lib_never_costs_a_torch() {
    let (_registry, base) = base();
    let index = stack();
    let envlock = Envlock::new();
    let text = spec(&index, &base, "[\"torch\", \"torchvision\"]", "[\"pyg_lib\"]");
    envlock.write("envlock.toml", format!("{text}[packages]\npyg_lib = {{ optional = true }}\n"));
    let run = envlock.run(["resolve"]).exits(0);
    assert!(run.stdout().contains("+ torch 2.15.0+cu130\n"), "{}", run.stdout());
    assert!(!run.stdout().contains("pyg-lib"), "{}", run.stdout());
    let why = "pyg-lib is left out (optional): with it torch would be 2.14.1+cu130 instead of 2.15.0+cu130";
    assert!(run.stderr().contains(why), "{}", run.stderr());
    envlock.run(["resolve", "--check"]).exits(0);
}

#[test]
fn a_driver_that_is_too_old_is_told_before_anything_is_asked() {
    let (_registry, base) = base();
    let index = stack();
    let envlock = Envlock::new();
    envlock.write("envlock.toml", spec(&index, &base, "[\"torch\"]", "[\"pyg_lib\"]"));
    let run = envlock.run(["resolve", "--driver", "570"]).exits(4);
    assert!(run.stderr().contains("cu130 needs an NVIDIA driver 580 or newer"), "{}", run.stderr());
    assert_eq!(index.requests(""), 0);
    envlock.run(["resolve", "--driver", "580.65.06"]).exits(0);
    let run = envlock.run(["build", "--driver", "570.133.20", "--dry-run"]).exits(4);
    assert!(run.stderr().contains("570.133.20"), "{}", run.stderr());
    envlock.run(["resolve", "--driver", "new"]).exits(2);

    let smi = envlock.write("bin/nvidia-smi", "#!/bin/sh\necho 570.86.10\n");
    fs_err::set_permissions(smi, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", envlock.path("bin"), std::env::var("PATH").unwrap());
    let run = |args: &[&str]| {
        let mut command = envlock.command(args);
        String::from_utf8(command.env("PATH", &path).output().unwrap().stderr).unwrap()
    };
    let said = run(&["build", "--dry-run"]);
    assert!(said.contains("this is 570.86.10 (nvidia-smi)"), "{said}");
    let said = run(&["build", "--dry-run", "--driver", "580"]);
    assert!(!said.contains("570"), "{said}");
}

#[test]
fn a_base_of_another_cuda_major_is_refused_and_a_higher_floor_is_told() {
    let registry = Registry::start();
    let index = stack();
    let resolve = |tag: &str, env: &[&str]| {
        let mut all = vec!["PYTHON_VERSION=3.14.2"];
        all.extend(env);
        let config = serde_json::json!({
            "os": "linux", "architecture": "amd64", "created": "2026-11-01T00:00:00Z",
            "config": { "Env": all }, "rootfs": { "type": "layers", "diff_ids": [] },
        });
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(registry.push_image("base", tag, &[], &config));
        let envlock = Envlock::new();
        let base = format!("{}/base:{tag}", registry.host());
        envlock.write("envlock.toml", spec(&index, &base, "[\"torch\"]", "[\"pyg_lib\"]"));
        envlock.run(["resolve", "--dry-run"])
    };
    let run = resolve("old", &["CUDA_VERSION=12.8.1"]).exits(4);
    assert!(run.stderr().contains("is CUDA 12.8, and the wheels are cu130"), "{}", run.stderr());
    let env = ["CUDA_VERSION=13.1.1", "NVIDIA_REQUIRE_CUDA=cuda>=13.1 brand=tesla,driver<571"];
    let run = resolve("new", &env).exits(0);
    assert!(run.stderr().contains("raises the driver floor"), "{}", run.stderr());
}

#[test]
fn an_earlier_lock_knows_the_sizes_of_the_bytes_it_names() {
    let index = FakeIndex::start().pages(Pages::Json);
    for name in ["pip", "torch", "numpy"] {
        index.wheel(name, "1.0").with_sidecar().file(&format!("{name}/x"), vec![b'x'; 900]).add();
    }
    let envlock = Envlock::new();
    let requirements = |pyg: &str| spec(&index, "127.0.0.1:1/base:v1", "[\"pip\"]", pyg);
    envlock.write("envlock.toml", requirements("[\"numpy\"]"));
    envlock.run(["resolve"]).exits(0);
    let before = envlock::lock::parse(&envlock.read("env.lock")).unwrap();
    fs_err::remove_dir_all(envlock.path(".store/index")).unwrap();
    envlock.write("envlock.toml", requirements("[\"numpy\", \"pip>=1\"]"));
    // A request that its run no longer waited for is counted when the server comes to it.
    let wheels = || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        index.requests(".whl") - index.requests(".whl.metadata")
    };
    let asked = wheels();
    assert!(asked > 0, "the first time, nothing knows the sizes");
    envlock.run(["resolve"]).exits(0);
    assert_eq!(wheels(), asked, "the bytes are the same: only sidecars are asked for");
    let after = envlock::lock::parse(&envlock.read("env.lock")).unwrap();
    let numpy = |lock: &envlock::lock::Lock| lock.package(&"numpy".parse().unwrap()).cloned();
    assert_eq!(numpy(&after), numpy(&before));
}

/// Whether stderr has this text, however its lines are broken.
fn says(run: &Run, text: &str) -> bool {
    let words = run.stderr().replace(['\n', '│'], " ");
    words.split_whitespace().collect::<Vec<_>>().join(" ").contains(text)
}

#[test]
fn torch_has_code_for_the_gpus_of_the_spec_or_it_is_an_error() {
    let (_registry, base) = base();
    let index = FakeIndex::start();
    let program = b"\x7fELF\0torch for sm_70\0sm_75 sm_80 sm_90 compute_90\0rest".to_vec();
    let torch = index.wheel("torch", "2.15.0+cu130").tags(CP314);
    torch.file("torch/lib/libtorch_python.so", program).add();
    index.wheel("torch", "2.14.1+cu130").tags(CP314).add();
    index.wheel("pip", "26.3").add();
    let envlock = Envlock::new();
    let asks = |torch: &str, gpus: &str| {
        let text = spec(&index, &base, torch, "[]");
        envlock.write("envlock.toml", text.replace("[base]", &format!("gpus = {gpus}\n[base]")));
    };
    asks("[\"torch\"]", "[\"8.6\", \"12.0\"]");
    envlock.run(["resolve"]).exits(0);
    let lock = envlock.read("env.lock");
    let target = envlock::lock::parse(&lock).unwrap().target;
    let list: Vec<_> = target.arch_list.iter().map(ToString::to_string).collect();
    assert_eq!(list, ["sm_75", "sm_80", "sm_90", "compute_90"]);
    envlock.run(["resolve", "--check"]).exits(0);

    asks("[\"torch\"]", "[\"9.0\", \"7.0\"]");
    let run = envlock.run(["resolve", "--check"]).exits(3);
    assert!(
        run.stdout().contains("not checked for GPUs of compute capability 7.0"),
        "{}",
        run.stdout()
    );
    let run = envlock.run(["resolve"]).exits(4);
    let told = "torch 2.15.0+cu130 for cu130 has no code for GPUs of compute capability 7.0 (target.gpus); it was built for sm_75, sm_80, sm_90, compute_90";
    assert!(says(&run, told), "{}", run.stderr());
    assert_eq!(envlock.read("env.lock"), lock, "nothing is lost");

    asks("[\"torch<2.15\"]", "[\"9.0\"]");
    let run = envlock.run(["resolve"]).exits(0);
    assert!(
        says(&run, "torch 2.14.1+cu130 does not say which GPUs it has code for"),
        "{}",
        run.stderr()
    );
    assert!(!envlock.read("env.lock").contains("arch-list"));

    asks("[\"torch\"]", "[\"H100\"]");
    let run = envlock.run(["resolve"]).exits(2);
    assert!(says(&run, "`H100` is not a compute capability such as 9.0"), "{}", run.stderr());
}

#[test]
fn what_a_requirement_led_to_is_asked_for_at_once_the_next_time_and_decides_nothing() {
    let (_registry, base) = base();
    let index = stack();
    index.wheel("app", "1.0").requires("helper").add();
    index.wheel("helper", "1.0").add();
    let envlock = Envlock::new();
    envlock.write("envlock.toml", spec(&index, &base, "[\"numpy\"]", "[\"app\"]"));
    assert!(envlock.run(["resolve"]).exits(0).stdout().contains("+ helper 1.0"));
    let asked = index.requests("helper");

    index.wheel("app", "2.0").add();
    std::fs::remove_file(envlock.folder().join("env.lock")).unwrap();
    let run = envlock.run(["resolve", "--refresh"]).exits(0);
    assert_eq!(run.stdout(), "+ app 2.0\n+ numpy 2.5.0\n+ pip 26.3\n");
    assert!(index.requests("helper") > asked, "nobody asked for what app led to before");
}
