//! Python packaging standards: wheel names, tags, metadata, markers. Thin over libraries, pure.
mod glibc;
mod lenient;
mod markers;
mod metadata;
mod sdist_name;
mod tags;
mod version_py;

pub use glibc::{BadGlibcVersion, GlibcVersion};
pub use lenient::{plain_markers, requirement, specifiers, strict};
pub use markers::marker_environment;
pub use metadata::CoreMetadata;
pub use sdist_name::sdist_version;
pub use tags::{Rank, TargetTags};
pub use version_py::cuda_build;
pub use wheel_layers::metadata::BadMetadata;
pub use wheel_layers::{BadWheelName, WheelName, same_project, same_version};
