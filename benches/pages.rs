//! Scanning an index page: a thousand releases of ten wheels and an sdist each, in both forms.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use envlock::catalog::Target;
use envlock::index::pages::page::{Format, Page};
use envlock::platform::Platform;
use envlock::python::GlibcVersion;

const PYTHONS: [&str; 5] = ["cp310", "cp311", "cp312", "cp313", "cp314"];
const PLATFORMS: [&str; 2] = ["manylinux_2_17_x86_64.manylinux2014_x86_64", "win_amd64"];

fn files() -> impl Iterator<Item = String> {
    (0..1000).flat_map(|number| {
        let version = format!("{}.{}.{}", number / 100, number / 10 % 10, number % 10);
        let sdist = format!("grpcio-{version}.tar.gz");
        let wheels = PYTHONS.into_iter().flat_map(move |python| {
            let version = version.clone();
            PLATFORMS
                .map(move |platform| format!("grpcio-{version}-{python}-{python}-{platform}.whl"))
        });
        wheels.chain([sdist])
    })
}

fn page(format: Format) -> Page {
    let hash = "0123456789abcdef".repeat(4);
    let entries: Vec<String> = files()
        .map(|file| match format {
            Format::Html => format!(
                "<a href=\"https://files.example/packages/ab/cd/{hash}/{file}#sha256={hash}\" \
                 data-requires-python=\"&gt;=3.9\">{file}</a><br/>\n"
            ),
            Format::Json => format!(
                r#"{{"filename":"{file}","url":"https://files.example/packages/ab/cd/{hash}/{file}",
                "hashes":{{"sha256":"{hash}"}},"requires-python":">=3.9","size":123456,"yanked":false,
                "core-metadata":{{"sha256":"{hash}"}},"upload-time":"2026-11-01T00:00:00.000000Z"}}"#
            ),
        })
        .collect();
    let text = match format {
        Format::Html => format!("<!DOCTYPE html><html><body>{}</body></html>", entries.concat()),
        Format::Json => {
            format!(
                r#"{{"meta":{{"api-version":"1.4"}},"name":"grpcio","files":[{}]}}"#,
                entries.join(",")
            )
        }
    };
    let url = "https://index.example/simple/grpcio/".parse().expect("an address");
    Page { url, format, text }
}

fn pages(criterion: &mut Criterion) {
    let version = "3.14.2".parse().expect("a version");
    let cuda = "cu130".parse().expect("a tag");
    let target =
        Target::new(Platform::LINUX_AMD64, version, GlibcVersion { major: 2, minor: 39 }, cuda);
    let name = "grpcio".parse().expect("a name");
    let source = "pypi".parse().expect("a name");
    let mut group = criterion.benchmark_group("page of 11,000 files");
    for (label, format) in [("html", Format::Html), ("json", Format::Json)] {
        let page = page(format);
        group.throughput(Throughput::Bytes(page.text.len() as u64));
        group.bench_function(label, |bencher| {
            bencher.iter(|| black_box(&page).project(&name, &source, &target));
        });
    }
}

criterion_group!(benches, pages);
criterion_main!(benches);
