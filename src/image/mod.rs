//! Lock → plan: which images, in which layers, from which files. Values in, values out; the engines carry plans out.
mod arguments;
mod bake;
mod budget;
mod config;
mod destination;
mod devel;
mod dockerfile;
mod error;
mod fit;
mod layer_key;
mod layering;
mod package_layer;
mod pinned;
mod plan;
mod planning;
mod settings;
mod show;
mod stages;

pub use crate::reference::Repository;
pub use arguments::{arguments, base_image};
pub use bake::{Places, Use, bake, build_args, command_line};
pub use budget::{Below, budget};
pub use config::{AddedLayer, BaseDocuments, Documents, documents};
pub use destination::Destination;
pub use devel::is_devel;
pub use error::Error;
pub use fit::{dockerfile_fits, stages_fit};
pub use layer_key::LayerSettings;
pub use layering::{
    ImageLayers, OwnLayer, WheelLayer, groups, layer_keys, layering, layers_of_all,
};
pub use package_layer::{PackageLayer, deb_settings};
pub use pinned::packages_of;
pub use plan::{ContextFile, GroupContext, ImagePlan, LayerPlan, PackagePlan, Plan};
pub use planning::{PlanRequest, plan};
pub use show::show;
pub use stages::{Stage, Stages};
