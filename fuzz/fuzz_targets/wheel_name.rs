#![no_main]
//! Any text as a file name.

use envlock::platform::Platform;
use envlock::python::{TargetTags, WheelName, same_project, sdist_version};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let name = "torch-geometric".parse().unwrap();
    let _ = sdist_version(text, &name);
    let Ok(wheel) = WheelName::parse(text) else { return };
    let tags = TargetTags::new(Platform::LINUX_AMD64, 3, 14, "2.39".to_owned().try_into().unwrap());
    let _ = (wheel.version(), wheel.build_order(), tags.rank(&wheel), tags.has_platform(&wheel));
    let known = wheel.name().is_some_and(|found| found == name);
    assert_eq!(known, same_project(wheel.distribution, &name), "{}", wheel.distribution);
});
