#![no_main]
//! Any text as a Release file of an archive.

use debian_archive::Release;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(release) = Release::parse(text) else { return };
    for (path, _) in release.files() {
        assert!(
            !path.starts_with('/') && path.split('/').all(|part| part != ".." && !part.is_empty())
        );
    }
    for component in &release.components {
        for architecture in &release.architectures {
            let _ = release.packages(component, architecture);
        }
    }
});
