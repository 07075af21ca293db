//! `ci/release.sh`: clones of one repository on disk, a real registry, the layers engine. And what is reported to a CI system.

use std::process::{Command, Output};

use camino::{Utf8Path, Utf8PathBuf};

use crate::support::workshop::Workshop;
use crate::support::{Envlock, Wheel};

/// A repository that clones push to, and the servers they use.
struct Scene {
    workshop: Workshop,
    /// The project the lock comes from.
    origin: Envlock,
    bare: Utf8PathBuf,
}

/// A checkout, as a CI job has one.
struct Clone<'s> {
    scene: &'s Scene,
    folder: Utf8PathBuf,
}

fn git(folder: &Utf8Path, args: &[&str]) -> String {
    let mut git = Command::new("git");
    git.arg("-C")
        .arg(folder)
        .args(["-c", "user.name=T", "-c", "user.email=t@t.example"])
        .args(args);
    let output = git.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    assert!(output.status.success(), "git {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn scene() -> Scene {
    let mut workshop = Workshop::new(2000);
    workshop.spec(|spec| {
        spec + "[build]\nengine = \"layers\"\n[release]\nafter = \"touch after-ran\"\n"
    });
    let origin = workshop.project();
    let bare = origin.path("bare.git");
    git(origin.folder(), &["init", "--quiet", "-b", "main"]);
    origin.write(".gitignore", "/.*\n/bare.git\n");
    git(origin.folder(), &["add", "-f", ".gitignore"]);
    git(origin.folder(), &["add", "envlock.toml", "env.lock", "config.yaml"]);
    git(origin.folder(), &["commit", "--quiet", "-m", "begin"]);
    git(origin.folder(), &["clone", "--quiet", "--bare", ".", bare.as_str()]);
    git(origin.folder(), &["remote", "add", "origin", bare.as_str()]);
    Scene { workshop, origin, bare }
}

impl Scene {
    fn clone(&self, name: &str) -> Clone<'_> {
        let folder = self.origin.path(&format!(".clones/{name}"));
        git(self.origin.folder(), &["clone", "--quiet", self.bare.as_str(), folder.as_str()]);
        Clone { scene: self, folder }
    }

    /// What the branch holds.
    fn pushed(&self, file: &str) -> String {
        git(&self.bare, &["show", &format!("main:{file}")])
    }

    fn commits(&self) -> Vec<String> {
        let log = git(&self.bare, &["log", "--format=%s", "main"]);
        log.lines().map(str::to_owned).collect()
    }

    /// A commit of somebody else's, on the branch before any job pushes.
    fn commit(&self, file: &str, text: &str) {
        git(self.origin.folder(), &["pull", "--quiet", "--rebase", "origin", "main"]);
        self.origin.write(file, text);
        git(self.origin.folder(), &["add", file]);
        git(self.origin.folder(), &["commit", "--quiet", "-m", file]);
        git(self.origin.folder(), &["push", "--quiet", "origin", "HEAD:main"]);
    }

    /// A lock with another wheel, on the branch.
    fn newer_lock(&self) -> Wheel {
        let wheel = self.workshop.index.wheel("pyzmq", "2.0").file("pyzmq/a.py", "a = 1\n").add();
        git(self.origin.folder(), &["pull", "--quiet", "--rebase", "origin", "main"]);
        self.origin.run(["resolve", "--upgrade", "pyzmq"]).exits(0);
        self.commit_lock();
        wheel
    }

    fn commit_lock(&self) {
        git(self.origin.folder(), &["commit", "--quiet", "-m", "newer lock", "env.lock"]);
        git(self.origin.folder(), &["push", "--quiet", "origin", "HEAD:main"]);
    }
}

impl Clone<'_> {
    fn path(&self, file: &str) -> Utf8PathBuf {
        self.folder.join(file)
    }

    fn job(&self, args: &[&str], tries: u32) -> Output {
        let script = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("ci/release.sh");
        let envlock = self.scene.origin.command(["--version"]);
        let mut job = Command::new("bash");
        job.arg(script).args(args).current_dir(&self.folder).env_clear();
        job.envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
        for name in ["HOME", "ENVLOCK_STORE"] {
            let value = envlock.get_envs().find(|(n, _)| *n == name).unwrap().1.unwrap();
            job.env(name, value);
        }
        // Two commits of one second are different ones.
        job.env("GIT_AUTHOR_NAME", self.folder.file_name().unwrap());
        job.env("RELEASE_TRIES", tries.to_string())
            .env("ENVLOCK", envlock.get_program())
            .env("RELEASE_PUSH", "1");
        job.env("ENVLOCK_REGISTRY", format!("{}/team", self.scene.workshop.proxy.host()));
        job.env("GITHUB_OUTPUT", self.path(".output")).env("GITHUB_ACTIONS", "true");
        job.env("GITHUB_STEP_SUMMARY", self.path(".summary")).env("GITHUB_WORKSPACE", &self.folder);
        job.env("ENVLOCK_PROBLEMS", self.path(".problems"));
        job.output().unwrap()
    }

    #[track_caller]
    fn exits(&self, args: &[&str], code: i32) -> String {
        self.exits_after(3, args, code)
    }

    #[track_caller]
    fn exits_after(&self, tries: u32, args: &[&str], code: i32) -> String {
        let output = self.job(args, tries);
        let text = String::from_utf8(output.stderr).unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stdout}\n{text}");
        text
    }

    fn told(&self, file: &str) -> String {
        fs_err::read_to_string(self.path(file)).unwrap_or_default()
    }

    fn value(&self, name: &str) -> Option<String> {
        let text = self.told(".output");
        let found = text.lines().rev().find_map(|line| line.strip_prefix(&format!("{name}=")));
        found.map(str::to_owned)
    }

    /// Every file git knows, with what would change if it were written.
    fn files(&self) -> Vec<(String, std::time::SystemTime, u64)> {
        use std::os::unix::fs::MetadataExt;
        let names = git(&self.folder, &["ls-files"]);
        let facts = names.lines().map(|name| {
            let meta = fs_err::metadata(self.path(name)).unwrap();
            (name.to_owned(), meta.modified().unwrap(), meta.ino())
        });
        facts.collect()
    }
}

#[test]
fn a_release_is_one_commit_and_a_second_job_writes_nothing() {
    let scene = scene();
    let clone = scene.clone("one");
    let said = clone.exits(&[], 0);
    assert!(!clone.path("after-ran").exists(), "no service is started by the job");
    assert!(said.contains("pushed to main"), "{said}");
    assert_eq!(scene.commits(), ["Release 1", "begin"]);
    assert_eq!(git(&clone.folder, &["status", "--short"]), "", "what envlock wrote is committed");
    let files = git(&scene.bare, &["show", "--format=", "--name-only", "main"]);
    assert_eq!(files, "config.yaml\nenv.lock\nenv.releases.jsonl");
    assert!(scene.pushed("env.lock").contains("[[layer]]"));
    let ray = clone.value("image_ray_runtime").unwrap();
    assert!(scene.pushed("config.yaml").contains(&ray), "{ray}");
    assert_eq!(clone.value("digest_ray_runtime").as_deref(), ray.split_once('@').map(|(_, d)| d));
    assert_eq!(
        (clone.value("release").as_deref(), clone.value("released").as_deref()),
        (Some("1"), Some("true"))
    );
    let page = clone.told(".summary");
    assert!(
        page.contains("## Release 1\n") && page.contains(&ray) && page.contains("```diff\n"),
        "{page}"
    );

    let (before, mark) = (clone.files(), scene.workshop.mark());
    let said = clone.exits(&[], 0);
    assert!(said.contains("nothing changed"), "{said}");
    assert_eq!(clone.files(), before);
    assert_eq!(
        (clone.value("release").as_deref(), clone.value("released").as_deref()),
        (Some(""), Some("false"))
    );
    assert!(scene.workshop.since(mark).is_nothing(), "{:?}", scene.workshop.since(mark));
    assert_eq!(scene.commits().len(), 2);
}

#[test]
fn of_two_jobs_at_once_the_second_finds_nothing_left_to_do() {
    let scene = scene();
    let (one, two) = (scene.clone("one"), scene.clone("two"));
    one.exits(&[], 0);
    let said = two.exits(&[], 0);
    assert!(said.contains("starting again from there (1 of 3)"), "{said}");
    assert!(said.contains("nothing changed"), "{said}");
    assert_eq!(scene.commits(), ["Release 1", "begin"]);
    assert_eq!(git(&two.folder, &["rev-parse", "HEAD"]), git(&one.folder, &["rev-parse", "HEAD"]));
}

#[test]
fn a_release_is_recorded_after_the_one_that_came_first() {
    let scene = scene();
    let (one, two) = (scene.clone("one"), scene.clone("two"));
    one.exits(&[], 0);
    // The second job began before the first had pushed; the branch has a newer lock since.
    scene.newer_lock();
    let said = two.exits(&[], 0);
    assert!(said.contains("starting again"), "{said}");
    assert_eq!(scene.commits(), ["Release 2", "newer lock", "Release 1", "begin"]);
    let history = scene.pushed("env.releases.jsonl");
    let numbers: Vec<_> = history
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["number"].as_u64())
        .collect();
    assert_eq!(numbers, [Some(1), Some(2)]);
    assert!(scene.pushed("config.yaml").contains(&two.value("image_ray_runtime").unwrap()));
    let page = two.told(".summary");
    assert!(page.contains("| pyzmq | 1.0 | 2.0 |"), "{page}");
}

#[test]
fn a_branch_that_moved_without_a_release_is_released_on_top() {
    let scene = scene();
    let clone = scene.clone("one");
    scene.commit("README", "new\n");
    let said = clone.exits_after(1, &[], 1);
    assert!(said.contains("nothing was pushed") && said.contains("Run the job again"), "{said}");
    assert_eq!(scene.commits(), ["README", "begin"]);
    scene.commit("NOTES", "newer\n");
    let said = clone.exits(&[], 0);
    assert!(said.contains("starting again"), "{said}");
    // Numbers 1 and 2 are recorded in the registry, of runs whose push was refused: none is given twice.
    assert_eq!(scene.commits(), ["Release 3", "NOTES", "README", "begin"]);
    assert!(clone.path("README").exists());
}

#[test]
fn a_branch_that_takes_no_push_ends_the_job_with_what_to_do() {
    use std::os::unix::fs::PermissionsExt;
    let scene = scene();
    let hook = scene.bare.join("hooks/pre-receive");
    fs_err::create_dir_all(hook.parent().unwrap()).unwrap();
    fs_err::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    fs_err::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let clone = scene.clone("one");
    let said = clone.exits(&[], 1);
    assert!(said.contains("may this job push there?"), "{said}");
    assert_eq!(scene.commits(), ["begin"]);
    assert_eq!(git(&clone.folder, &["log", "--format=%s"]), "begin", "the next run begins anew");
    // Changes that are nobody's are not committed with a release.
    fs_err::write(clone.path("config.yaml"), "x: 1\n").unwrap();
    let said = clone.exits(&[], 2);
    assert!(said.contains("not committed") && said.contains("config.yaml"), "{said}");
}

#[test]
fn a_plan_is_shown_and_nothing_is_sent_or_written() {
    let scene = scene();
    let clone = scene.clone("one");
    let (before, mark) = (clone.files(), scene.workshop.mark());
    clone.exits(&["--plan"], 0);
    let page = clone.told(".summary");
    assert!(page.contains("## Plan") && page.contains("image ray-runtime"), "{page}");
    assert!(page.contains("+") && page.contains("sha256:<what the build gives>"), "{page}");
    assert!(scene.workshop.since(mark).is_nothing());
    assert_eq!((clone.files(), clone.value("config_changes").as_deref()), (before, Some("true")));
    clone.exits(&["--unknown"], 2);

    clone.exits(&[], 0);
    scene.newer_lock();
    git(&clone.folder, &["pull", "--quiet"]);
    clone.exits(&["--plan"], 0);
    let page = clone.told(".summary");
    assert!(page.ends_with("</details>\n\n") && page.contains("| pyzmq | 1.0 | 2.0 |"), "{page}");
}

#[test]
fn a_problem_is_marked_at_its_line_and_counted_in_the_report() {
    let scene = scene();
    let clone = scene.clone("one");
    let text = fs_err::read_to_string(clone.path("envlock.toml")).unwrap();
    let wrong = text.replace("glibc = \"2.39\"", "glibc = 3");
    fs_err::write(clone.path("envlock.toml"), &wrong).unwrap();
    let said = clone.exits(&["--plan"], 2);
    let line = 1 + wrong.lines().position(|line| line == "glibc = 3").unwrap();
    let mark = format!("::error file=envlock.toml,line={line},col=9,title=envlock::");
    assert!(said.lines().any(|said| said.starts_with(&mark)), "{mark}\n{said}");
    let problems: serde_json::Value = serde_json::from_str(&clone.told(".problems")).unwrap();
    assert_eq!(problems[0]["location"]["lines"]["begin"].as_u64(), Some(line as u64));

    // A stale lock is the lock's problem.
    fs_err::write(clone.path("envlock.toml"), text.replace("\"polars\", ", "")).unwrap();
    let said = clone.exits(&["--plan"], 3);
    assert!(said.contains("::error file=env.lock,line=1,col=1,title=envlock::stale: "), "{said}");
}
