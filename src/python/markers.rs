//! The values of environment markers on the target.

use pep440_rs::Version;
use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder};

use crate::platform::{Markers, Platform};

/// Markers of CPython `python` (a full version, `3.14.2`) on `platform`. `platform_release` and
/// `platform_version` are empty: they name the kernel of a machine, and a lock has none.
pub fn marker_environment(platform: Platform, python: &Version) -> MarkerEnvironment {
    let Markers { os_name, sys_platform, platform_system, platform_machine } = platform.markers();
    let full = python.to_string();
    let minor = python.release().get(1).copied().unwrap_or_default();
    let short = format!("{}.{minor}", python.release().first().copied().unwrap_or_default());
    let builder = MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: &full,
        os_name,
        platform_machine,
        platform_python_implementation: "CPython",
        platform_release: "",
        platform_system,
        platform_version: "",
        python_full_version: &full,
        python_version: &short,
        sys_platform,
    };
    builder.try_into().expect("a version's own text is a version")
}

#[cfg(test)]
mod tests {
    use pep508_rs::{Requirement, VerbatimUrl};

    use super::*;

    #[test]
    fn markers_see_the_target() {
        let environment = marker_environment(Platform::LINUX_AMD64, &"3.14.1".parse().unwrap());
        let holds = |marker: &str| {
            let text = format!("a; {marker}");
            let requirement: Requirement<VerbatimUrl> = text.parse().unwrap();
            requirement.evaluate_markers(&environment, &[])
        };
        assert!(holds("python_version >= '3.14' and python_version < '3.15'"));
        assert!(holds("python_full_version == '3.14.1' and sys_platform == 'linux'"));
        assert!(holds("platform_machine == 'x86_64' and implementation_name == 'cpython'"));
        assert!(holds("platform_system == 'Linux' and os_name != 'nt'"));
        assert!(!holds("extra == 'test'"));
        assert!(!holds("platform_python_implementation == 'PyPy' or python_version < '3'"));
        let arm = marker_environment(Platform::LINUX_ARM64, &"3.14.1".parse().unwrap());
        assert_eq!(arm.platform_machine(), "aarch64");
    }
}
