//! A wheel → a layer with digest and diff id. Wants a wheel:
//! `ENVLOCK_BENCH_WHEEL=torch-….whl cargo bench --bench splice`.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wheel_layers::tree::{Content, Kind, Member, Method, Node, Owner, Tree};
use wheel_layers::{Source, measure, splice, write_zstd};

/// The members of a wheel as they lie in it; nothing is rewritten as installing would.
fn tree(wheel: &Path) -> Tree {
    let file = File::open(wheel).expect("the wheel");
    let mut zip = zip::ZipArchive::new(file).expect("a zip file");
    let mut tree = Tree::default();
    for index in 0..zip.len() {
        let entry = zip.by_index_raw(index).expect("an entry");
        if entry.is_dir() {
            continue;
        }
        let member = Member {
            file: 0,
            offset: entry.data_start().expect("an offset"),
            compressed: entry.compressed_size(),
            size: entry.size(),
            crc32: entry.crc32(),
            method: match entry.compression() {
                zip::CompressionMethod::Stored => Method::Stored,
                _ => Method::Deflate,
            },
            recorded: None,
        };
        let kind = Kind::File(Content::Member(member));
        let node = Node { mode: 0o644, owner: Owner { uid: 0, gid: 0 }, kind };
        tree.insert(entry.name(), node).expect("a path once");
    }
    tree
}

#[expect(clippy::print_stderr, reason = "a bench has no ui")]
fn wheel_to_layer(criterion: &mut Criterion) {
    let Some(wheel) = std::env::var_os("ENVLOCK_BENCH_WHEEL") else {
        eprintln!("ENVLOCK_BENCH_WHEEL names no wheel: nothing is measured");
        return;
    };
    let wheel = Path::new(&wheel);
    let tree = tree(wheel);
    let layer = || {
        let file = File::open(wheel).expect("the wheel");
        let name = wheel.display().to_string();
        splice(&tree, [Source { name, file }], 1_762_000_000).expect("a layer")
    };
    let size = wheel.metadata().expect("the wheel").len();
    let mut group = criterion.benchmark_group(format!("a wheel of {} MB", size / 1_000_000));
    group.sample_size(10).measurement_time(Duration::from_secs(30));
    group.throughput(Throughput::Bytes(size));
    group.bench_function("splice", |bencher| bencher.iter(layer));
    group.bench_function("splice, digest and diff id", |bencher| {
        bencher.iter(|| measure(&layer()).expect("a layer"));
    });
    group.bench_function("splice, recompress with zstd", |bencher| {
        bencher.iter(|| write_zstd(&layer(), std::io::sink()).expect("a layer"));
    });
    group.finish();
}

criterion_group!(benches, wheel_to_layer);
criterion_main!(benches);
