//! What happens to a lock over time: profiles, comparison, merging in git.

use std::process::Command;

use crate::support::{Envlock, FakeIndex};

use super::resolve::{base, spec, stack};

const CP314: &str = "cp314-cp314-manylinux_2_28_x86_64";

/// A commit of everything in a real repository.
struct Git<'a>(&'a Envlock);

impl Git<'_> {
    fn run(&self, args: &[&str]) -> String {
        let output = self.try_run(args);
        assert!(output.status.success(), "git {args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
    fn try_run(&self, args: &[&str]) -> std::process::Output {
        let settings =
            ["-c", "user.name=T", "-c", "user.email=t@t.example", "-c", "init.defaultBranch=main"];
        let mut git = Command::new("git");
        git.arg("-C").arg(self.0.folder()).args(settings).args(args);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        git.output().unwrap()
    }
    fn commit(&self) {
        self.run(&["add", "env.lock"]);
        self.run(&["commit", "--quiet", "-m", "x"]);
    }
}

fn newer(index: &FakeIndex) {
    index.wheel("numpy", "2.6.0").tags(CP314).add();
    index.wheel("pip", "26.4").add();
}

#[test]
fn two_branches_that_move_different_packages_merge_without_conflict() {
    let (_registry, base) = base();
    let (index, envlock) = (stack(), Envlock::new());
    let git = Git(&envlock);
    envlock.write("envlock.toml", spec(&index, &base, "[\"torch\"]", "[\"pyg_lib\"]"));
    envlock.run(["resolve"]).exits(0);
    git.run(&["init", "--quiet"]);
    git.commit();
    newer(&index);

    git.run(&["checkout", "--quiet", "-b", "numpy"]);
    envlock.run(["resolve", "--upgrade", "numpy"]).exits(0);
    git.commit();
    let changed = git.run(&["diff", "-U0", "main"]);
    let lines: Vec<_> =
        changed.lines().filter(|l| l.starts_with('+') && !l.starts_with("+++")).collect();
    let keys: Vec<_> = lines.iter().filter_map(|l| Some(l[1..].split_once(" =")?.0)).collect();
    assert!(keys.len() == lines.len() && lines.len() <= 6, "{changed}");
    assert!(keys.starts_with(&["version", "file"]) && keys.contains(&"sha256"), "{changed}");

    git.run(&["checkout", "--quiet", "-b", "pip", "main"]);
    envlock.run(["resolve", "--upgrade", "pip"]).exits(0);
    git.commit();
    // numpy's block and pip's are neighbours: the hardest case.
    git.run(&["merge", "--quiet", "--no-edit", "numpy"]);
    let merged = envlock.read("env.lock");
    envlock.run(["resolve", "--check"]).exits(0);
    envlock.run(["resolve", "--upgrade", "numpy", "pip"]).exits(0);
    assert_eq!(envlock.read("env.lock"), merged);
}

#[test]
fn the_lock_is_compared_with_a_revision_or_another_file() {
    let (_registry, base) = base();
    let (index, envlock) = (stack(), Envlock::new());
    let git = Git(&envlock);
    envlock.write("envlock.toml", spec(&index, &base, "[\"torch\"]", "[\"pyg_lib\"]"));
    envlock.run(["resolve"]).exits(0);
    let outside = envlock.run(["resolve", "--diff"]).exits(2);
    assert!(outside.stderr().contains("--diff HEAD"), "{}", outside.stderr());
    git.run(&["init", "--quiet"]);
    git.commit();
    envlock.write("before.lock", envlock.read("env.lock"));
    newer(&index);
    envlock.run(["resolve", "--upgrade", "numpy"]).exits(0);
    let asked = index.requests("");
    for args in [
        &["resolve", "--diff"][..],
        &["resolve", "--diff", "main"],
        &["resolve", "--diff", "before.lock"],
    ] {
        let run = envlock.run(args).exits(0);
        let first = run.stdout().lines().next().unwrap().to_owned();
        assert_eq!(first, "~ numpy 2.5.0 → 2.6.0  0.0 MB → 0.0 MB");
    }
    let run = envlock.run(["resolve", "--diff", "--json"]).exits(0);
    let report: serde_json::Value = serde_json::from_str(&run.stdout()).unwrap();
    assert_eq!(report["diff"]["changed"][0]["to"], "2.6.0");
    assert!(report["diff"]["changed"][0]["from_size"].as_u64().unwrap() > 0);
    assert_eq!(index.requests(""), asked, "a comparison asks nobody");
    let unknown = envlock.run(["resolve", "--diff", "nowhere"]).exits(2);
    assert!(unknown.stderr().contains("nowhere:./env.lock"), "{}", unknown.stderr());
}

#[test]
fn each_profile_has_its_own_lock() {
    let (_registry, base) = base();
    let (index, envlock) = (stack(), Envlock::new());
    index.wheel("torch", "2.14.1+cpu").tags(CP314).requires("numpy").add();
    let text = spec(&index, &base, "[\"torch\"]", "[\"pyg_lib\"]")
        + "[profiles.cpu.target]\ncuda = \"cpu\"\n[profiles.cpu.groups.pyg]\npackages = []\n";
    envlock.write("envlock.toml", text);
    envlock.run(["resolve", "--profile", "cpu"]).exits(0);
    assert!(!envlock.path("env.lock").exists());
    let text = envlock.read("env.cpu.lock");
    let lock = envlock::lock::parse(&text).unwrap();
    let torch = lock.package(&"torch".parse().unwrap()).unwrap().clone();
    assert_eq!(
        (torch.version.to_string(), lock.target.min_driver),
        ("2.14.1+cpu".to_owned(), None)
    );
    assert_eq!(lock.profile.unwrap().as_str(), "cpu");

    envlock.run(["resolve"]).exits(0);
    assert!(envlock.read("env.lock").contains("2.14.1+cu130"));
    assert_eq!(envlock.read("env.cpu.lock"), text);
    envlock.run(["-P", "cpu", "resolve", "--check"]).exits(0);
    envlock.run(["resolve", "--check"]).exits(0);
    let wrong = envlock.run(["resolve", "--check", "--lock", "env.cpu.lock"]).exits(3);
    assert!(wrong.stdout().contains("it is the lock of the profile cpu"), "{}", wrong.stdout());
    let plan = envlock.run(["build", "-P", "cpu", "--dry-run", "--json"]).exits(0).stdout();
    let hash = envlock::digest::Sha256::of(&text).to_string();
    assert!(plan.contains(&hash), "{plan}");
    envlock.run(["build", "--lock", "env.cpu.lock", "--dry-run"]).exits(3);
    let unknown = envlock.run(["resolve", "-P", "gpu"]).exits(2);
    assert!(unknown.stderr().contains("envlock.toml has cpu"), "{}", unknown.stderr());

    // Pruning keeps the wheels of every profile, or of the locks that are named.
    let stored = |hash: &str| {
        fs_err::create_dir_all(envlock.path(&format!(".store/sha256/{}", &hash[..2]))).unwrap();
        envlock.write(&format!(".store/sha256/{}/{}", &hash[..2], &hash[2..]), "x")
    };
    let hash = torch.sha256.to_string();
    let (of_cpu, of_none) = (stored(&hash), stored(&"0".repeat(64)));
    let prune = ["cache", "prune", "--unused-days", "0"];
    envlock.run(prune).exits(0);
    assert!(of_cpu.exists() && !of_none.exists());
    envlock.run(prune.into_iter().chain(["--lock", "gone.lock"])).exits(3);
    envlock.run(prune.into_iter().chain(["--lock", "env.lock"])).exits(0);
    assert!(!of_cpu.exists());
}
