//! Choosing the built-in stack from `catalog.txt`: the wheels of one real answer, and what each requires.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use envlock::catalog::{Candidate, Catalog, Problem, Project, Target};
use envlock::cuda::CudaTag;
use envlock::index::pages::page::{Format, Page};
use envlock::platform::Platform;
use envlock::python::{CoreMetadata, GlibcVersion, marker_environment};
use envlock::solve::solve;
use envlock::spec;
use pep508_rs::PackageName;

const SPEC: &str = concat!("[python]\nversion = \"3.14.2\"\n", include_str!("stack.toml"));

struct Recorded {
    projects: HashMap<PackageName, Arc<Project>>,
    metadata: HashMap<String, Arc<CoreMetadata>>,
}

impl Recorded {
    fn read(text: &str) -> Self {
        let python = "3.14.2".parse().expect("a version");
        let cuda = "cu130".parse().expect("a tag");
        let target =
            Target::new(Platform::LINUX_AMD64, python, GlibcVersion { major: 2, minor: 39 }, cuda);
        let source = "pypi".parse().expect("a name");
        let url: url::Url = "https://index.example/simple/x/".parse().expect("an address");
        let (mut projects, mut metadata) = (HashMap::new(), HashMap::new());
        // Each wheel's name stands at the start of a line, its requirements indented below.
        for wheel in text.split_inclusive('\n').fold(Vec::<String>::new(), |mut all, line| {
            match all.last_mut() {
                Some(wheel) if line.starts_with(' ') => wheel.push_str(line),
                _ => all.push(line.to_owned()),
            }
            all
        }) {
            let mut lines = wheel.lines();
            let file = lines.next().expect("a wheel").to_owned();
            let [name, version] = [0, 1].map(|at| file.split('-').nth(at).expect("a wheel's name"));
            let requires: String =
                lines.map(|line| format!("Requires-Dist: {}\n", line.trim())).collect();
            let head =
                format!("Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{requires}");
            let read = CoreMetadata::parse(head.as_bytes()).expect("METADATA");
            let page = Page {
                url: url.clone(),
                format: Format::Html,
                text: format!("<a href={file}>x</a>"),
            };
            let project = page.project(&read.name, &source, &target).expect("a page");
            projects.insert(read.name.clone(), Arc::new(project));
            metadata.insert(file, Arc::new(read));
        }
        Self { projects, metadata }
    }
}

impl Catalog for Recorded {
    fn project(&self, name: &PackageName) -> Result<Arc<Project>, Problem> {
        let project = self.projects.get(name).cloned();
        project.ok_or_else(|| Problem::NotFound(format!("{name} is not in catalog.txt")))
    }
    fn metadata(&self, candidate: &Candidate) -> Result<Arc<CoreMetadata>, Problem> {
        let metadata = self.metadata.get(&candidate.file).cloned();
        metadata
            .ok_or_else(|| Problem::NotFound(format!("{} is not in catalog.txt", candidate.file)))
    }
    fn cuda_build(&self, _: &Candidate) -> Result<Option<CudaTag>, Problem> {
        Ok("cu130".parse().ok())
    }
}

fn solving(criterion: &mut Criterion) {
    let catalog = Recorded::read(include_str!("catalog.txt"));
    let spec = spec::parse("the benchmark", SPEC).expect("a spec");
    let environment =
        marker_environment(Platform::LINUX_AMD64, &"3.14.2".parse().expect("a version"));
    let kept = BTreeMap::new();
    let solution = solve(&spec, &environment, &catalog, &kept).expect("a solution");
    let label = format!("solve, {} packages", solution.chosen.len());
    criterion.bench_function(&label, |bencher| {
        bencher.iter(|| solve(black_box(&spec), &environment, &catalog, &kept));
    });
}

criterion_group!(benches, solving);
criterion_main!(benches);
