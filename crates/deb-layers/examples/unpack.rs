//! Packages → layer: what ci/agree-with-dpkg.py compares with what dpkg makes of the same packages.
//!
//!     unpack OUT.tar[.gz|.zst] [--merged-usr] [--epoch SECONDS] PACKAGE.deb…
//!
//! `--merged-usr` starts with the links that debootstrap makes before it unpacks. What was made and how long that took is
//! printed as one line of JSON.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use deb_layers::{Compression, Deb, LayerSettings, Package, Tree, unpack, write_layer};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = PathBuf::from(arguments.next().ok_or("usage: unpack OUT PACKAGE…")?);
    let mut base = Tree::default();
    let mut epoch = 1_767_225_600;
    let mut packages = Vec::new();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--merged-usr" => base = Tree::merged_usr(),
            "--epoch" => epoch = arguments.next().ok_or("--epoch SECONDS")?.parse()?,
            path => {
                let path = Path::new(path);
                let name = path.file_name().ok_or("a package has a name")?;
                packages.push(Package {
                    name: name.to_string_lossy().into_owned(),
                    path: path.to_owned(),
                    unpacked: 16 << 30,
                });
            }
        }
    }
    let started = Instant::now();
    let debs = Deb::read_all(&packages, &std::env::temp_dir())?;
    let read = started.elapsed();
    let tree = unpack(base, &debs)?;
    let unpacked = started.elapsed();
    let compression = match out.extension().and_then(|end| end.to_str()) {
        Some("zst") => Compression::Zstd,
        _ => Compression::Gzip,
    };
    let mut file = BufWriter::new(File::create(&out)?);
    let measured = write_layer(&tree, LayerSettings { epoch, compression }, &mut file)?;
    file.flush()?;
    let entries = tree.changes().count();
    let seconds = |duration: std::time::Duration| duration.as_secs_f64();
    let report = serde_json::json!({
        "packages": debs.len(),
        "entries": entries,
        "layer": measured,
        "seconds": {
            "read": seconds(read),
            "unpack": seconds(unpacked - read),
            "write": seconds(started.elapsed() - unpacked),
        },
    });
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}
