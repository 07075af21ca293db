//! Packages that several distributions share: each brings the same `__init__.py`, which says that there is more elsewhere
//! on the path and nothing else. Whichever of them is there, the package is the same ("Packaging namespace packages" of
//! the Python Packaging User Guide: pkgutil-style and pkg_resources-style). Pure.

use std::sync::LazyLock;

use regex::Regex;

/// Bytes of a file that may say so; shorter ones cannot, longer ones do not.
const SIZES: std::ops::RangeInclusive<u64> = 40..=2048;

/// Whether a file with this name and size in bytes may be such a file.
pub(crate) fn may_be(name: &str, size: u64) -> bool {
    name.ends_with("/__init__.py") && SIZES.contains(&size)
}

/// Whether the text says it and nothing else, comments and a docstring aside.
pub(crate) fn is_declared(text: &str) -> bool {
    static STATEMENTS: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r"(?x)^(?:'''(?:[^']|'[^']|''[^'])*''')?(?:
            try: | except(?:ImportError|Exception|ModuleNotFoundError)?: | importpkgutil | importpkg_resources
            | frompkgutilimportextend_path
            | __path__=(?:__import__\('pkgutil'\)\.|pkgutil\.)?extend_path\(__path__,__name__\)
            | (?:__import__\('pkg_resources'\)|pkg_resources)\.declare_namespace\(__name__\)
        )+$";
        Regex::new(pattern).expect("a fixed pattern")
    });
    let code = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let code: String = code.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect();
    let code = code.replace('"', "'");
    STATEMENTS.is_match(&code)
        && (code.contains("extend_path(") || code.contains("declare_namespace("))
}

/// The `__init__.py` that this file is compiled from, `a/__pycache__/__init__.cpython-314.pyc`.
pub(crate) fn source_of(compiled: &str) -> Option<String> {
    let (package, file) = compiled.split_once("/__pycache__/__init__.")?;
    file.ends_with(".pyc").then(|| format!("{package}/__init__.py"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_nothing_else_is_a_declaration() {
        for text in [
            "from pkgutil import extend_path\n\n__path__ = extend_path(__path__, __name__)  # type: ignore\n",
            "# why\n__path__ = __import__(\"pkgutil\").extend_path(__path__, __name__)",
            "__import__('pkg_resources').declare_namespace(__name__)\r\n",
            "try:\n    __import__('pkg_resources').declare_namespace(__name__)\nexcept ImportError:\n    \
             from pkgutil import extend_path\n    __path__ = extend_path(__path__, __name__)\n",
            "\"\"\"\nOf `sys.path`, of package\u{2019}s.\n\"\"\"\nfrom pkgutil import extend_path\n\n\
             __path__ = extend_path(__path__, __name__)\n",
            "import pkg_resources\npkg_resources.declare_namespace(__name__)",
        ] {
            assert!(is_declared(text), "{text}");
        }
        for text in [
            "",
            "# from pkgutil import extend_path",
            "from pkgutil import extend_path",
            "try:\nexcept ImportError:",
            "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\nfrom .a import b\n",
            "__path__ = extend_path(__path__, 'other')",
            "'''a'''\nimport b\n'''c'''\n__path__ = extend_path(__path__, __name__)",
        ] {
            assert!(!is_declared(text), "{text}");
        }
        let source = source_of("x/a/__pycache__/__init__.cpython-314.pyc");
        assert_eq!(source.as_deref(), Some("x/a/__init__.py"));
        assert_eq!(source_of("x/a/__pycache__/b.cpython-314.pyc"), None);
    }
}
