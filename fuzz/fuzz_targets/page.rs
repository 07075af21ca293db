//! What both kinds of pages go through: the links become candidates, each of them is found again.

use envlock::catalog::Target;
use envlock::index::pages::page::{Format, Page};
use envlock::platform::Platform;

pub fn read(data: &[u8], format: Format) {
    let text = String::from_utf8_lossy(data).into_owned();
    let url = "https://index.example/simple/torch/".parse().unwrap();
    let page = Page { url, format, text };
    let glibc = "2.39".to_owned().try_into().unwrap();
    let target = Target::new(
        Platform::LINUX_AMD64,
        "3.14.2".parse().unwrap(),
        glibc,
        "cu130".parse().unwrap(),
    );
    let (name, source) = ("torch".parse().unwrap(), "pypi".parse().unwrap());
    let Ok(project) = page.project(&name, &source, &target) else { return };
    for candidate in project.candidates {
        assert_eq!(candidate.name, name);
        assert!(page.find(&candidate.file).unwrap().is_some(), "{}", candidate.file);
        assert!(candidate.location.path.starts_with('/'), "{}", candidate.location);
    }
}
