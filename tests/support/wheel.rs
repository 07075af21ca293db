//! Generated wheels, as the fake index serves and lists them.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use envlock::digest::Sha256;
use zip::write::SimpleFileOptions;

use super::FakeIndex;

/// A wheel to be. [`WheelBuilder::add`] puts it on the index.
pub struct WheelBuilder<'a> {
    index: &'a FakeIndex,
    name: String,
    version: String,
    tags: String,
    metadata: Vec<String>,
    files: BTreeMap<String, Vec<u8>>,
    compression: zip::CompressionMethod,
    record: Box<dyn Fn(String) -> String>,
    bare_metadata: bool,
    wheel: Wheel,
}

/// A wheel as it is served.
#[derive(Debug, Clone, Default)]
pub struct Wheel {
    pub file: String,
    pub bytes: Vec<u8>,
    pub sha256: Option<Sha256>,
    pub(super) metadata: String,
    page_hash: PageHash,
    pub(super) sidecar: Option<Option<Sha256>>,
    attributes: Vec<(&'static str, String)>,
    yanked: bool,
    size: Option<u64>,
    pub(super) pyg_page: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum PageHash {
    #[default]
    Right,
    Wrong,
    None,
}

impl<'a> WheelBuilder<'a> {
    pub(super) fn new(index: &'a FakeIndex, name: &str, version: &str) -> Self {
        Self {
            index,
            name: name.to_owned(),
            version: version.to_owned(),
            tags: "py3-none-any".to_owned(),
            metadata: vec![],
            files: BTreeMap::new(),
            compression: zip::CompressionMethod::Deflated,
            record: Box::new(|text| text),
            bare_metadata: false,
            wheel: Wheel::default(),
        }
    }
    pub fn tags(mut self, tags: &str) -> Self {
        self.tags = tags.to_owned();
        self
    }
    pub fn requires(mut self, requirement: &str) -> Self {
        self.metadata.push(format!("Requires-Dist: {requirement}"));
        self
    }
    pub fn extra(mut self, name: &str) -> Self {
        self.metadata.push(format!("Provides-Extra: {name}"));
        self
    }
    /// In METADATA and on the page.
    pub fn requires_python(mut self, specifiers: &str) -> Self {
        self.metadata.push(format!("Requires-Python: {specifiers}"));
        self.wheel.attributes.push(("requires-python", specifiers.to_owned()));
        self
    }
    pub fn uploaded(mut self, time: &str) -> Self {
        self.wheel.attributes.push(("upload-time", time.to_owned()));
        self
    }
    pub fn yanked(mut self) -> Self {
        self.wheel.yanked = true;
        self
    }
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.to_owned(), content.into());
        self
    }
    /// Its files are not compressed: much faster to make, where they are large.
    pub fn stored(mut self) -> Self {
        self.compression = zip::CompressionMethod::Stored;
        self
    }
    /// Its METADATA has the version without its local part.
    pub fn bare_metadata(mut self) -> Self {
        self.bare_metadata = true;
        self
    }
    /// Its RECORD becomes what this makes of it.
    pub fn record(mut self, edit: impl Fn(String) -> String + 'static) -> Self {
        self.record = Box::new(edit);
        self
    }
    /// The page states no sha256.
    pub fn without_hash(mut self) -> Self {
        self.wheel.page_hash = PageHash::None;
        self
    }
    /// The page states another file's sha256.
    pub fn with_wrong_hash(mut self) -> Self {
        self.wheel.page_hash = PageHash::Wrong;
        self
    }
    /// JSON pages state this size instead of the real one.
    pub fn with_stated_size(mut self, size: u64) -> Self {
        self.wheel.size = Some(size);
        self
    }
    /// METADATA stands beside the wheel, announced with its hash.
    pub fn with_sidecar(mut self) -> Self {
        self.wheel.sidecar = Some(None);
        self
    }
    /// The same, announced with another hash.
    pub fn with_wrong_sidecar(mut self) -> Self {
        self.wheel.sidecar = Some(Some(Sha256::of("wrong")));
        self
    }
    /// Listed on a PyG page, `torch-2.12.0+cu130`, and nowhere else.
    pub fn on_pyg_page(mut self, page: &str) -> Self {
        self.wheel.pyg_page = Some(page.to_owned());
        self
    }

    /// Puts it on the index; what is served is returned.
    pub fn add(mut self) -> Wheel {
        let module = self.name.replace(['-', '.'], "_");
        let stem = format!("{module}-{}", self.version);
        let lines = self.metadata.join("\n");
        let stated = match self.bare_metadata {
            true => self.version.split('+').next().unwrap_or_default(),
            false => &self.version,
        };
        let metadata = format!(
            "Metadata-Version: 2.1\nName: {}\nVersion: {stated}\n{lines}\n\nA description.\n",
            self.name
        );
        let init = format!("{module}/__init__.py");
        self.files.entry(init).or_insert_with(|| format!("version = {:?}\n", self.version).into());
        let info = format!("{stem}.dist-info");
        let tags = self.tags.split('.').map(|t| format!("Tag: {t}\n")).collect::<String>();
        let about = format!("Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n{tags}");
        let record = format!("{info}/RECORD");
        let mut files: Vec<_> = self.files.into_iter().collect();
        files.push((format!("{info}/METADATA"), metadata.clone().into()));
        files.push((format!("{info}/WHEEL"), about.into()));
        let row = |(path, content): &(String, Vec<u8>)| {
            let hash = BASE64_URL_SAFE_NO_PAD.encode(Sha256::of(content).as_bytes());
            format!("{path},sha256={hash},{}\n", content.len())
        };
        let rows: String = files.iter().map(row).collect();
        files.push((record.clone(), (self.record)(format!("{rows}{record},,\n")).into()));
        let mut zip = zip::ZipWriter::new(Cursor::new(vec![]));
        let options = SimpleFileOptions::default().compression_method(self.compression);
        for (path, content) in &files {
            zip.start_file(path, options).unwrap();
            zip.write_all(content).unwrap();
        }
        let wheel = Wheel {
            file: format!("{stem}-{}.whl", self.tags),
            bytes: zip.finish().unwrap().into_inner(),
            metadata,
            ..self.wheel
        };
        let wheel = Wheel { sha256: Some(Sha256::of(&wheel.bytes)), ..wheel };
        self.index.serve_wheel(wheel.clone());
        wheel
    }
}

impl Wheel {
    pub(super) fn stub(file: &str) -> Self {
        Wheel { file: file.to_owned(), page_hash: PageHash::None, ..Wheel::default() }
    }

    fn stated_hash(&self) -> Option<Sha256> {
        match self.page_hash {
            PageHash::Right => self.sha256,
            PageHash::Wrong => Some(Sha256::of("wrong")),
            PageHash::None => None,
        }
    }

    fn sidecar_hash(&self) -> Option<Sha256> {
        self.sidecar.map(|stated| stated.unwrap_or_else(|| Sha256::of(&self.metadata)))
    }

    pub(super) fn href(&self) -> String {
        self.file.replace('+', "%2B")
    }

    pub(super) fn is_of(&self, project: &str) -> bool {
        let normal = |name: &str| name.to_lowercase().replace(['_', '.'], "-");
        normal(&self.file).starts_with(&format!("{project}-")) && self.pyg_page.is_none() && {
            let rest = &self.file[project.len() + 1..];
            rest.starts_with(|c: char| c.is_ascii_digit())
        }
    }

    pub(super) fn html(&self) -> String {
        let hash = self.stated_hash().map(|h| format!("#sha256={h}")).unwrap_or_default();
        let mut attributes = String::new();
        for (name, value) in &self.attributes {
            let value = value.replace('<', "&lt;").replace('>', "&gt;");
            attributes += &format!(" data-{name}=\"{value}\"");
        }
        if self.yanked {
            attributes += " data-yanked=\"\"";
        }
        if let Some(hash) = self.sidecar_hash() {
            attributes += &format!(
                " data-dist-info-metadata=\"sha256={hash}\" data-core-metadata=\"sha256={hash}\""
            );
        }
        format!(
            "<a href=\"../../files/{}{hash}\"{attributes}>{}</a><br/>\n",
            self.href(),
            self.file
        )
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let hashes = self.stated_hash().map(|h| ("sha256".to_owned(), h.to_string().into()));
        let mut file = serde_json::json!({
            "filename": self.file,
            "url": format!("../../files/{}", self.href()),
            "hashes": serde_json::Map::from_iter(hashes),
            "yanked": self.yanked,
            "size": self.size.unwrap_or(self.bytes.len() as u64),
        });
        for (name, value) in &self.attributes {
            file[*name] = value.as_str().into();
        }
        if let Some(hash) = self.sidecar_hash() {
            file["core-metadata"] = serde_json::json!({ "sha256": hash.to_string() });
        }
        file
    }
}
