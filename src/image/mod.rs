//! Lock → plan: which images, in which layers, from which files. Values in, values out; the engines act on them.
mod bake;
mod budget;
mod config;
mod destination;
mod dockerfile;
mod envelope;
mod error;
mod fit;
mod layering;
mod pinned;
mod plan;
mod settings;
mod show;
mod stages;

pub use bake::{Places, Use, bake, build_args, command_line};
pub use budget::{Below, budget};
pub use config::{AddedLayer, BaseDocuments, Documents, documents};
pub use destination::{Destination, Repository};
pub use envelope::Envelope;
pub use error::Error;
pub use fit::{dockerfile_fits, stages_fit};
pub use layering::{
    ImageLayers, OwnLayer, WheelLayer, groups, layer_keys, layering, layers_of_all,
};
pub use pinned::packages_of;
pub use plan::{
    ContextFile, GroupContext, ImagePlan, LayerPlan, PackagePlan, Plan, Wanted, arguments,
    base_image, is_devel, plan,
};
pub use show::show;
pub use stages::{Stage, Stages};
