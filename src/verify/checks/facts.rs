//! The report of the probe: the JSON of `probe.py`.

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
    /// The user that it runs as.
    pub user: User,
    /// The ways to start commands in it.
    pub layout: Layout,
    /// What was imported and computed.
    pub imports: Imports,
}

/// A fact, and the time it took.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Timed<T> {
    /// The fact.
    pub found: T,
    /// Seconds it took.
    pub seconds: f64,
}

/// The files of all RECORDs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Files {
    /// How many were looked for.
    pub count: usize,
    /// How many are missing.
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

/// The user that a container runs as.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// Its number.
    pub uid: u32,
    /// Its group's.
    pub gid: u32,
    /// Empty: it has none.
    pub name: String,
    /// Its home folder.
    pub home: String,
    /// Whether it may write there.
    pub home_is_writable: bool,
}

/// The ways to start commands in an image.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Layout {
    /// All that were tried.
    pub ways: Vec<String>,
    /// Those that do not work, and why.
    pub broken: Vec<(String, String)>,
    /// How long that took.
    pub seconds: f64,
}

/// What was imported and computed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Imports {
    /// In the requested order.
    pub found: Vec<Import>,
    /// Facts of torch.
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

/// A computation: its result, or why it failed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Computed<T> {
    /// Why not.
    pub error: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// The result.
    #[serde(flatten)]
    pub value: Option<T>,
}

/// Facts of torch.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Torch {
    /// `13.0`; `None`: it is built without.
    pub cuda: Option<String>,
    /// `sm_90`, …
    pub archs: Vec<String>,
    /// The product of (0 1 2; 3 4 5) and its transpose.
    pub product: Vec<Vec<f64>>,
}

/// The result of a graph convolution.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Layer {
    /// Of three nodes, four features in, two out.
    pub shape: Vec<u64>,
    /// Whether every result is a finite number.
    pub finite: bool,
}

/// The results of tasks on a cluster.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OfCluster {
    /// The version on this side.
    pub ray: String,
    /// The squares of 0 to 3.
    pub squares: Vec<u64>,
    /// The hosts they were computed on.
    pub nodes: Vec<String>,
    /// `CPU`, `GPU`.
    pub resources: std::collections::BTreeMap<String, f64>,
}

/// The answer of a server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OfServer {
    /// 200
    pub status: u16,
    /// The beginning of it.
    pub body: String,
}

/// The results of the GPUs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OfGpu {
    /// Their names.
    pub names: Vec<String>,
    /// The sum that each got when all added up ones.
    pub sums: Vec<f64>,
}
