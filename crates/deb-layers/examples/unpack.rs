//! Packages → layer: what ci/agree-with-dpkg.py compares with what dpkg makes of the same packages.
//!
//!     unpack OUT.tar[.gz|.zst] [--merged-usr] [--epoch SECONDS] [--configured FILE] PACKAGE.deb…
//!
//! `--merged-usr` begins with the links that debootstrap makes before it unpacks, and they are in the layer. With
//! `--configured` the effects of the packages' scripts are applied, in the order of the names in that file. What was made
//! and how long that took is printed as one line of JSON.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use deb_layers::effects::{Scripts, Settings, apply};
use deb_layers::{Compression, Deb, LayerSettings, Package, Tree, unpack, write_layer};

/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;

struct Arguments {
    out: PathBuf,
    merged_usr: bool,
    epoch: i64,
    configured: Option<String>,
    packages: Vec<Package>,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let out = words.next().ok_or("usage: unpack OUT PACKAGE…")?.into();
    let mut all = Arguments {
        out,
        merged_usr: false,
        epoch: 1_767_225_600,
        configured: None,
        packages: vec![],
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--merged-usr" => all.merged_usr = true,
            "--epoch" => all.epoch = words.next().ok_or("--epoch SECONDS")?.parse()?,
            "--configured" => {
                let file = words.next().ok_or("--configured FILE")?;
                all.configured = Some(std::fs::read_to_string(file)?);
            }
            path => {
                let path = Path::new(path);
                let name = path.file_name().ok_or("a package has a name")?;
                let name = name.to_string_lossy().into_owned();
                all.packages.push(Package { name, path: path.to_owned(), unpacked: 16 << 30 });
            }
        }
    }
    Ok(all)
}

/// The packages' scripts, in the order of these names.
fn scripts<'a>(debs: &'a [Deb], configured: &str) -> Result<Vec<Scripts<'a>>, Box<dyn Error>> {
    let mut native = debs.iter().map(|deb| deb.control.architecture.as_str());
    let native = native.find(|architecture| *architecture != "all").unwrap_or("amd64");
    let of = |name: &str| {
        let deb = debs.iter().find(|deb| deb.control.name == name);
        let control = &deb.ok_or_else(|| format!("{name} is not among the packages"))?.control;
        Ok(Scripts {
            package: &control.name,
            version: &control.version,
            architecture: if control.architecture == "all" {
                native
            } else {
                &control.architecture
            },
            config: control.script("config")?,
            templates: control.script("templates")?,
            preinst: control.script("preinst")?,
            postinst: control.script("postinst")?,
        })
    };
    configured.lines().map(of).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { out, merged_usr, epoch, configured, packages } = arguments()?;
    let started = Instant::now();
    let debs = Deb::read_all(&packages, &std::env::temp_dir())?;
    let read = started.elapsed();
    let base = if merged_usr { Tree::merged_usr() } else { Tree::default() };
    let mut tree = unpack(base, &debs)?;
    let unpacked = started.elapsed();
    let mut applied = None;
    if let Some(configured) = configured {
        let day = u32::try_from(epoch / DAY)?;
        let settings = Settings { day, ..Settings::default() };
        applied = Some(apply(&mut tree, &scripts(&debs, &configured)?, &settings)?);
    }
    let effects = started.elapsed();
    let compression = match out.extension().and_then(|end| end.to_str()) {
        Some("zst") => Compression::Zstd,
        _ => Compression::Gzip,
    };
    let mut file = BufWriter::new(File::create(&out)?);
    let measured = write_layer(&tree, LayerSettings { epoch, compression }, &mut file)?;
    file.flush()?;
    let seconds = |duration: Duration| (duration.as_secs_f64() * 1000.0).round() / 1000.0;
    let report = serde_json::json!({
        "packages": debs.len(),
        "entries": tree.changes().count(),
        "scripts": applied.as_ref().map(|applied| applied.scripts),
        "omitted": applied.map(|applied| applied.omitted),
        "layer": measured,
        "seconds": {
            "read": seconds(read),
            "unpack": seconds(unpacked - read),
            "effects": seconds(effects - unpacked),
            "write": seconds(started.elapsed() - effects),
        },
    });
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}
