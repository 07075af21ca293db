//! `version.py` in a wheel of the torch family: the only statement of the CUDA build in a wheel without a local version.

use pep440_rs::Version;

use crate::cuda::{CudaLine, CudaTag};

/// The CUDA build in a `version.py`: the local part of `__version__ = '2.14.1+cu130'`, or else `cuda = '13.0'`. `None`:
/// it does not say.
pub fn cuda_build(version_py: &str) -> Option<CudaTag> {
    let of_version = || {
        let version: Version = assigned(version_py, "__version__")?.parse().ok()?;
        version.local().iter().find_map(|part| part.to_string().parse::<CudaTag>().ok())
    };
    let of_cuda = || Some(CudaTag::Cuda(assigned(version_py, "cuda")?.parse::<CudaLine>().ok()?));
    of_version().or_else(of_cuda)
}

/// The string that a top-level line assigns to `name`, with or without a type.
fn assigned<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (left, right) = line.strip_prefix(name)?.split_once('=')?;
        let left = left.trim();
        if !(left.is_empty() || left.starts_with(':')) {
            return None;
        }
        let right = right.trim();
        let quote = right.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        right[1..].split_once(quote).map(|(value, _)| value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_is_read_from_either_line() {
        let tag = |text| cuda_build(text).map(|t| t.to_string());
        let torch = "from typing import Optional\n__all__ = ['__version__', 'cuda']\n\
            __version__ = '2.14.1+cu130'\ndebug = False\ncuda: Optional[str] = '13.0'\n";
        assert_eq!(tag(torch).as_deref(), Some("cu130"));
        assert_eq!(tag("__version__ = \"0.29.2+cu132\"\n").as_deref(), Some("cu132"));
        assert_eq!(
            tag("__version__ = '2.14.1'\ncuda: Optional[str] = '13.2'").as_deref(),
            Some("cu132")
        );
        assert_eq!(tag("__version__ = '2.14.1+cpu'\ncuda = None").as_deref(), Some("cpu"));
        assert_eq!(tag("__version__ = '1.0'\ncuda: Optional[str] = None\n"), None);
        assert_eq!(tag("__version__ == '1.0+cu130'\n"), None);
    }
}
