#![no_main]
//! Any bytes as a package: refused, or a tree whose paths stay in it and a layer that tar readers can read.

use std::io::Write;

use deb_layers::{Compression, Deb, LayerSettings, Package, Tree, unpack, write_layer};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(folder) = tempfile::tempdir_in("/dev/shm") else { return };
    let path = folder.path().join("x.deb");
    std::fs::File::create(&path).and_then(|mut file| file.write_all(data)).unwrap();
    let package = Package { name: "x.deb".to_owned(), path, unpacked: 1 << 20 };
    let Ok(debs) = Deb::read_all(&[package], folder.path()) else { return };
    let Ok(tree) = unpack(Tree::merged_usr(), &debs) else { return };
    for (path, _) in tree.iter() {
        assert!(path.is_empty() || path.split('/').all(|part| !matches!(part, "" | "." | "..")));
    }
    let settings = LayerSettings { epoch: 1_767_225_600, compression: Compression::Zstd };
    write_layer(&tree, settings, std::io::sink()).unwrap();
});
