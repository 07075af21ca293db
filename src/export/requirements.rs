//! A requirements file with hashes: pip and uv install exactly these wheels or nothing.

use std::collections::{BTreeMap, BTreeSet};

use pep508_rs::PackageName;
use url::Url;

use super::public;
use crate::lock::Lock;

/// A page, beside pip's own index, that wheels of the lock are on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Page {
    /// The folder of an index (PEP 503).
    Index(Url),
    /// One page of links.
    Links(Url),
}

/// The lock as a requirements file. `pages` are given to pip as further places to look: which file is
/// taken is decided by the hashes alone. `direct`: the wheels that are named by their
/// address.
pub fn requirements(
    lock: &Lock,
    pages: &BTreeSet<Page>,
    direct: &BTreeMap<PackageName, Url>,
) -> String {
    let target = &lock.target;
    let mut text = format!(
        "# Written by `envlock export`. For Python {}, {}, glibc {}, {}.\n",
        lock.python.version, target.platform, target.glibc, target.cuda_tag
    );
    for page in pages {
        text += &match page {
            Page::Index(url) => format!("--extra-index-url {}\n", public(url)),
            Page::Links(url) => format!("--find-links {}\n", public(url)),
        };
    }
    for package in &lock.packages {
        let (name, sha256) = (&package.name, package.sha256);
        let line = direct.get(name).map_or_else(
            || format!("{name}=={}", package.version),
            |url| format!("{name} @ {}", public(url)),
        );
        text += &format!("{line} \\\n    --hash=sha256:{sha256}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::sample;

    #[test]
    fn every_package_has_its_hash_and_no_login_is_written() {
        let url = |text: &str| text.parse::<Url>().unwrap();
        let pages = BTreeSet::from([
            Page::Links(url("https://pyg.example/torch-2.14.0+cu130.html")),
            Page::Index(url("https://me:secret@torch.example/whl/cu130/")),
        ]);
        let address = url("https://w.example/ray-2.60.0-py3-none-any.whl");
        let direct = BTreeMap::from([("ray".parse().unwrap(), address)]);
        insta::assert_snapshot!(requirements(&sample(), &pages, &direct));
    }
}
