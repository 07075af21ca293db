//! Reading and writing env.lock: what `resolve --check` and every build begin with.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use envlock::lock;

/// A lock of 126 packages.
fn text() -> String {
    let hash = |number: usize| format!("{number:064x}");
    let mut text = format!(
        "version = 1\nspec-sha256 = \"{0}\"\n\n[target]\nplatform = \"linux/amd64\"\nglibc = \"2.39\"\ncuda-tag = \"cu130\"\n\
         cuda-line = \"13.0\"\nmin-driver = 580\nsource-date-epoch = 1762000000\n\n[python]\nversion = \"3.14.2\"\n\
         source = \"base\"\n\n[base.runtime]\nreference = \"base:v1\"\nindex-digest = \"sha256:{0}\"\n\
         platform-digest = \"sha256:{0}\"\n\n[base.devel]\nreference = \"base:v1\"\nindex-digest = \"sha256:{0}\"\n\
         platform-digest = \"sha256:{0}\"\n",
        hash(0)
    );
    for (number, file) in
        include_str!("catalog.txt").lines().filter(|l| !l.starts_with(' ')).enumerate()
    {
        let [name, version] = [0, 1].map(|at| file.split('-').nth(at).expect("a wheel's name"));
        let name = name.replace(['_', '.'], "-").to_lowercase();
        text += &format!(
            "\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\ngroup = \"ray\"\nrequired-by = [\"ray\"]\n\
             file = \"{file}\"\nsize = 123456\nunpacked-size = 654321\nsha256 = \"{}\"\n\
             locations = [\"pypi:/packages/{file}\"]\n",
            hash(number)
        );
    }
    text
}

fn locks(criterion: &mut Criterion) {
    let text = text();
    let read = lock::parse(&text).expect("a lock");
    let mut group =
        criterion.benchmark_group(format!("env.lock, {} packages", read.packages.len()));
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("read", |bencher| bencher.iter(|| lock::parse(black_box(&text))));
    group.bench_function("write", |bencher| bencher.iter(|| lock::render(black_box(&read))));
}

criterion_group!(benches, locks);
criterion_main!(benches);
