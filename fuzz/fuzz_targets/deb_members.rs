#![no_main]
//! Any bytes as the inner archives of a package, in an outer one that is as it should be: what random bytes rarely reach.

use std::io::Write;

use deb_layers::{Deb, Package, Tree, unpack};

fn member(out: &mut Vec<u8>, name: &str, bytes: &[u8]) {
    let _ = write!(out, "{name:<16}{:<32}{:<10}`\n", 0, bytes.len());
    out.extend_from_slice(bytes);
    out.resize(out.len().next_multiple_of(2), b'\n');
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // The first two bytes say where control.tar ends.
    let Some((length, rest)) = data.split_first_chunk::<2>() else { return };
    let (control, data) = rest.split_at(rest.len().min(usize::from(u16::from_le_bytes(*length))));
    let mut bytes = b"!<arch>\n".to_vec();
    member(&mut bytes, "debian-binary", b"2.0\n");
    member(&mut bytes, "control.tar", control);
    member(&mut bytes, "data.tar", data);
    let Ok(folder) = tempfile::tempdir_in("/dev/shm") else { return };
    let path = folder.path().join("x.deb");
    std::fs::write(&path, &bytes).unwrap();
    let package = Package { name: "x.deb".to_owned(), path, unpacked: 1 << 20 };
    let _ = Deb::control(&package);
    let Ok(debs) = Deb::read_all(&[package], folder.path()) else { return };
    let Ok(tree) = unpack(Tree::merged_usr(), &debs) else { return };
    for (path, _) in tree.iter() {
        assert!(path.is_empty() || path.split('/').all(|part| !matches!(part, "" | "." | "..")));
    }
});
