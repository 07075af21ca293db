//! What the probe reports: the JSON of `probe.py`.

use serde::Deserialize;

/// What a container of an image found in itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Facts {
    /// `3.14.8`
    pub python: String,
    /// What is installed, name and version, sorted.
    pub distributions: Timed<Vec<(String, String)>>,
    /// The files of all RECORDs.
    pub files: Files,
    /// Who runs.
    pub user: User,
    /// The ways in.
    pub layout: Layout,
    /// What was imported and computed.
    pub imports: Imports,
}

/// Something that took a while to find.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Timed<T> {
    /// What.
    pub found: T,
    /// How long.
    pub seconds: f64,
}

/// The files of all RECORDs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Files {
    /// How many were looked for.
    pub count: usize,
    /// How many are not there.
    pub missing: usize,
    /// The first of them.
    pub missing_named: Vec<String>,
    /// How many have another size.
    pub changed: usize,
    /// The first of them.
    pub changed_named: Vec<String>,
    /// How long that took.
    pub seconds: f64,
}

/// Who a container runs as.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// Its number.
    pub uid: u32,
    /// Its group's.
    pub gid: u32,
    /// Empty: it has none.
    pub name: String,
    /// Where it is at home.
    pub home: String,
    /// Whether it may write there.
    pub home_is_writable: bool,
}

/// The ways into an image.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Layout {
    /// All that were tried.
    pub ways: Vec<String>,
    /// Those that lead nowhere, and why.
    pub broken: Vec<(String, String)>,
    /// How long that took.
    pub seconds: f64,
}

/// What was imported and computed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Imports {
    /// In the order that was asked for.
    pub found: Vec<Import>,
    /// What torch says of itself.
    pub torch: Option<Computed<Torch>>,
    /// A layer of PyTorch Geometric.
    pub layer: Option<Computed<Layer>>,
}

/// A module that was imported.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Import {
    /// `torch_geometric`
    pub name: String,
    /// Its `__version__`; may be empty.
    pub version: String,
    /// Why it was not.
    pub error: Option<String>,
    /// How long that took.
    pub seconds: f64,
}

/// Something that was computed, or why not.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Computed<T> {
    /// Why not.
    pub error: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// What came out.
    #[serde(flatten)]
    pub value: Option<T>,
}

/// What torch says of itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Torch {
    /// `13.0`; `None`: it is built without.
    pub cuda: Option<String>,
    /// `sm_90`, …
    pub archs: Vec<String>,
    /// Of (0 1 2; 3 4 5) and its transpose.
    pub product: Vec<Vec<f64>>,
}

/// What a graph convolution gave.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Layer {
    /// Of three nodes, four features in, two out.
    pub shape: Vec<u64>,
    /// Every number is one.
    pub finite: bool,
}

/// What tasks on a cluster gave.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OfCluster {
    /// The version on this side.
    pub ray: String,
    /// Of 0 to 3.
    pub squares: Vec<u64>,
    /// The hosts they were computed on.
    pub nodes: Vec<String>,
    /// `CPU`, `GPU`.
    pub resources: std::collections::BTreeMap<String, f64>,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OfServer {
    /// 200
    pub status: u16,
    /// The beginning of it.
    pub body: String,
}

/// What the GPUs gave.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OfGpu {
    /// What they are.
    pub names: Vec<String>,
    /// What each got when all added up ones.
    pub sums: Vec<f64>,
}
