#![no_main]
//! Any bytes as a METADATA file, and as a `version.py`.

use envlock::platform::Platform;
use envlock::python::{CoreMetadata, cuda_build, marker_environment};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(metadata) = CoreMetadata::parse(data) {
        let environment = marker_environment(Platform::LINUX_AMD64, &"3.14.2".parse().unwrap());
        for requirement in &metadata.requires {
            requirement.evaluate_markers(&environment, &metadata.extras);
            let _ = requirement.to_string();
        }
    }
    let _ = cuda_build(&String::from_utf8_lossy(data));
});
