//! Python packaging standards: wheel names, tags, metadata, markers. Thin over libraries, pure.
mod glibc;
mod lenient;
mod markers;
mod metadata;
mod tags;
mod version_py;
mod wheel_name;

pub use glibc::{BadGlibcVersion, GlibcVersion};
pub use lenient::{plain_markers, requirement, specifiers, strict};
pub use markers::marker_environment;
pub use metadata::{BadMetadata, CoreMetadata};
pub use tags::{Rank, TargetTags};
pub use version_py::cuda_build;
pub use wheel_name::{BadWheelName, WheelName, same_project, same_version, sdist_version};
