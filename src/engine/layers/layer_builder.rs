//! Makes the layers of a lock: from the base image's files, from the interpreter, from wheels.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camino::Utf8PathBuf;
use pep508_rs::PackageName;
use wheel_layers::tree::{Kind, Node, Owner, Tree};
use wheel_layers::{
    Environment, GZIP_LAYER, Measured, PathContent, PathEntry, Progress, Segments, Source,
    SpliceError, Wheel, ZSTD_LAYER, install, measure_with, splice, write_zstd_with,
};

use super::bytecode::{self, Compiler};
use super::error::Error;
use super::lazy_blob::LayerBytes;
use super::packages::PackageLayers;
use super::python::{self, ENVIRONMENT};
use super::standalone;
use super::system::{self, RAY};
use super::timings::{Phase, Timings};
use crate::base_image::BaseSystem;
use crate::blocking::blocking;
use crate::digest::Sha256;
use crate::engine::gather::Gatherer;
use crate::exit::{Exit, Failure};
use crate::image::{ContextFile, LayerSettings, OwnLayer, WheelLayer};
use crate::lock::Lock;
use crate::spec::{Compression, PythonSource};
use crate::ui::{Bar, Stage, Ui};

/// The store's kind of facts about the paths in a layer; their key is the layer's.
const BROUGHT: &str = "claims-2";

/// The paths of files in a layer, to be compared with those of other layers.
pub(super) type Brought = Vec<(String, PathEntry)>;

/// Makes the layers of a lock on one base.
pub(super) struct LayerBuilder {
    pub(super) gatherer: Arc<Gatherer>,
    pub(super) lock: Arc<Lock>,
    pub(super) settings: LayerSettings,
    pub(super) base: Arc<BaseSystem>,
    pub(super) ui: Ui,
    pub(super) timings: Arc<Timings>,
    /// Makes the layers of system packages.
    pub(super) packages: Arc<PackageLayers>,
    /// What layers bring where the store could not keep it: the comparison of paths needs it all the same.
    pub(super) unkept: Mutex<BTreeMap<Sha256, Brought>>,
}

impl LayerBuilder {
    /// The media type of its layers.
    pub(super) fn media_type(&self) -> &'static str {
        match self.settings.compression {
            Compression::Gzip => GZIP_LAYER,
            Compression::Zstd => ZSTD_LAYER,
        }
    }

    /// The key of a layer of wheels.
    pub(super) fn key(&self, layer: &WheelLayer) -> Sha256 {
        self.settings.key(self.files(layer).into_iter().map(|file| file.sha256))
    }

    /// Makes a layer: its digests, and its bytes as they are to be stored. What it is made of is fetched where it is missing.
    pub(super) async fn made(
        self: &Arc<Self>,
        layer: &OwnLayer,
        bar: &Bar,
    ) -> Result<(Measured, LayerBytes), Failure> {
        if let OwnLayer::SystemPackages(packages) = layer {
            return self.packages.make(packages, &self.timings, bar).await;
        }
        let segments = self.segments(layer, bar).await?;
        self.measured(segments, bar).await
    }

    /// The layer as segments of local files: missing wheels are fetched. `bar` is the layer's.
    async fn segments(self: &Arc<Self>, layer: &OwnLayer, bar: &Bar) -> Result<Segments, Failure> {
        let files = match layer {
            OwnLayer::System | OwnLayer::SystemPackages(_) => vec![],
            OwnLayer::Python => self.archive().into_iter().collect(),
            OwnLayer::Wheels(layer) if self.settings.bytecode.is_none() => self.files(layer),
            OwnLayer::Wheels(layer) => {
                self.files(layer).into_iter().chain(self.archive()).collect()
            }
        };
        let requested: Vec<&ContextFile> = files.iter().collect();
        let paths = self.timings.time(Phase::Fetch, self.gatherer.get(&requested, bar)).await?;
        bar.begin(Stage::Splice, None);
        let (builder, layer) = (Arc::clone(self), layer.clone());
        let spliced = blocking(move || {
            let (tree, sources) = match &layer {
                OwnLayer::System => (system::system(&builder.base, builder.epoch())?, vec![]),
                OwnLayer::Python => builder.python(&paths)?,
                OwnLayer::Wheels(layer) => builder.wheels(layer, &builder.files(layer), &paths)?,
                OwnLayer::SystemPackages(_) => unreachable!("`made` makes these"),
            };
            let mtime = u64::try_from(builder.epoch()).unwrap_or(0);
            Ok(splice(&tree, sources, mtime)?)
        });
        self.timings.time(Phase::Splice, spliced).await
    }

    /// The digests of a layer, and its bytes as they are to be stored.
    async fn measured(
        self: &Arc<Self>,
        segments: Segments,
        bar: &Bar,
    ) -> Result<(Measured, LayerBytes), Failure> {
        bar.begin(Stage::Hash, Some(segments.size()));
        let (builder, bar) = (Arc::clone(self), bar.clone());
        let measured = blocking(move || {
            let progress = move |bytes| bar.inc(bytes);
            match builder.settings.compression {
                Compression::Gzip => {
                    Ok((measure_with(&segments, &progress)?, LayerBytes::Segments(segments)))
                }
                Compression::Zstd => builder.recompressed(&segments, &progress),
            }
        });
        self.timings.time(Phase::Hash, measured).await
    }

    /// The paths in a layer that was made here.
    pub(super) fn brought(&self, key: &Sha256) -> Option<Brought> {
        self.gatherer.store().recall(BROUGHT, key).or_else(|| self.unkept().get(key).cloned())
    }

    fn unkept(&self) -> MutexGuard<'_, BTreeMap<Sha256, Brought>> {
        self.unkept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn epoch(&self) -> i64 {
        self.settings.epoch
    }

    fn files(&self, layer: &WheelLayer) -> Vec<ContextFile> {
        let package = |name: &PackageName| {
            self.lock.package(name).map(|package| ContextFile {
                file: package.file.clone(),
                sha256: package.sha256,
                package: Some(name.clone()),
            })
        };
        layer.packages.iter().filter_map(package).collect()
    }

    fn archive(&self) -> Option<ContextFile> {
        let archive = self.lock.python.archive.as_ref()?;
        let (file, sha256) = (archive.file.clone(), archive.sha256);
        Some(ContextFile { file, sha256, package: None })
    }

    fn python(
        &self,
        paths: &BTreeMap<Sha256, Utf8PathBuf>,
    ) -> Result<(Tree, Vec<Source>), Failure> {
        if self.lock.python.source == PythonSource::Base {
            return Ok((python::skeleton(&self.base, &self.lock)?, vec![]));
        }
        let archive = self.archive().and_then(|file| Some((paths.get(&file.sha256)?, file)));
        let Some((packed, file)) = archive else {
            return Err(Failure::message(Exit::LockStale, "the lock has no Python archive"));
        };
        let tar = self.gatherer.store().scratch(&format!("{}.tar", file.sha256))?;
        if !tar.is_file() {
            standalone::inflate(packed, &tar)?;
        }
        let tree = standalone::standalone(&tar, &self.base, &self.lock)?;
        Ok((tree, vec![open(&tar, file.file)?]))
    }

    fn wheels(
        &self,
        layer: &WheelLayer,
        files: &[ContextFile],
        paths: &BTreeMap<Sha256, Utf8PathBuf>,
    ) -> Result<(Tree, Vec<Source>), Failure> {
        let environment = Environment {
            root: ENVIRONMENT.to_owned(),
            python_minor: self.settings.python_minor.clone(),
            is_virtual: self.settings.is_virtual,
            owner: RAY,
            installer: "envlock".to_owned(),
        };
        let (mut sources, mut trees) = (Vec::new(), Vec::new());
        for (number, file) in files.iter().enumerate() {
            let path = paths.get(&file.sha256).ok_or_else(|| {
                Failure::message(Exit::Failed, format!("{} is not in the store", file.file))
            })?;
            let package = file.package.as_ref().and_then(|name| self.lock.package(name));
            let wheel = Wheel::open(path, &file.file, package.map(|p| p.unpacked_size))?;
            wheel.doubt().into_iter().for_each(|doubt| self.ui.warn(doubt));
            trees.push((file.file.clone(), install(&wheel, number, &environment)?));
            sources.push(open(path, file.file.clone())?);
        }
        if let Some(compiler) = self.compiler(paths)? {
            for (at, file) in files.iter().enumerate() {
                let source = self.compiled(&compiler, file, &paths[&file.sha256], &environment)?;
                let mut tree = bytecode::tree(&source, sources.len(), &environment)?;
                tree.declare_compiled(&trees[at].1);
                trees.push((format!("the compiled modules of {}", file.file), tree));
                sources.push(source);
            }
        }
        let mut tree = Tree::of_all(trees)?;
        let brought = tree.path_entries().filter(|(_, entry)| entry.what != PathContent::Folder);
        let brought: Brought = brought.map(|(path, entry)| (path.to_owned(), entry)).collect();
        let key = self.key(layer);
        if !self.gatherer.store().remember(BROUGHT, &key, &brought) {
            self.unkept().insert(key, brought);
        }
        // An extractor that creates these folders itself would lose the owners that lower layers gave them.
        let root = Owner { uid: 0, gid: 0 };
        for (path, owner) in [("opt", root), ("opt/conda", root), ("opt/conda/envs", RAY)] {
            let folder = Node { mode: 0o755, owner, kind: Kind::Folder };
            tree.insert(path, folder).map_err(|taken| {
                Failure::message(Exit::Build, format!("{} cannot be a folder: {taken}", layer.name))
            })?;
        }
        Ok((tree, sources))
    }

    /// The interpreter that compiles modules; `None`: they are not compiled.
    fn compiler(&self, paths: &BTreeMap<Sha256, Utf8PathBuf>) -> Result<Option<Compiler>, Failure> {
        if self.settings.bytecode.is_none() {
            return Ok(None);
        }
        let minor = &self.settings.python_minor;
        let mut python = Utf8PathBuf::from(format!("python{minor}"));
        if let Some(file) = self.archive()
            && let Some(packed) = paths.get(&file.sha256)
        {
            let folder = self.gatherer.store().scratch(&format!("{}.python", file.sha256))?;
            python = bytecode::unpacked(packed, &folder)?.join(format!("python/bin/python{minor}"));
        }
        Ok(Some(Compiler::of(&python, &self.lock.python.version.to_string())?))
    }

    fn compiled(
        &self,
        compiler: &Compiler,
        file: &ContextFile,
        wheel: &Utf8PathBuf,
        environment: &Environment,
    ) -> Result<Source, Failure> {
        let key = self.settings.key([file.sha256]);
        let out = self.gatherer.store().scratch(&format!("{key}.pyc.zip"))?;
        if !out.is_file() {
            let part = out.with_extension(format!("{}.part", std::process::id()));
            let site_packages = format!("/{}", environment.site_packages());
            let compiled = compiler.compile(wheel, &file.file, &site_packages, &part);
            compiled.inspect_err(|_| _ = fs_err::remove_file(&part))?;
            fs_err::rename(&part, &out).map_err(Error::file("keeping", &out))?;
        }
        open(&out, format!("the compiled modules of {}", file.file))
    }

    fn recompressed(
        &self,
        segments: &Segments,
        progress: &Progress,
    ) -> Result<(Measured, LayerBytes), Failure> {
        let store = self.gatherer.store();
        let folder = store.scratch("zstd")?;
        fs_err::create_dir_all(&folder).map_err(Error::file("making the folder", &folder))?;
        let part = tempfile::NamedTempFile::new_in(&folder);
        let mut part = part.map_err(Error::file("writing a layer to", &folder))?;
        let measured = match write_zstd_with(segments, part.as_file_mut(), progress) {
            Err(SpliceError::Write(source)) => {
                return Err(Error::file("writing a layer to", &folder)(source).into());
            }
            measured => measured?,
        };
        let path = folder.join(measured.digest.hex());
        part.persist(&path).map_err(|e| Error::file("keeping the layer", &path)(e.error))?;
        Ok((measured, LayerBytes::File(path)))
    }
}

fn open(path: &Utf8PathBuf, name: String) -> Result<Source, Failure> {
    let file = File::open(path).map_err(Error::file("opening", path))?;
    Ok(Source { name, file })
}
