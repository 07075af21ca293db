//! Core metadata (PEP 566/643): the few fields that decide what is installed.

use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{ExtraName, PackageName, Requirement, VerbatimUrl};
use wheel_layers::metadata::{BadMetadata, fields};

use super::lenient;

/// The fields of a METADATA file that the solver needs.
#[derive(Debug, Clone, PartialEq)]
pub struct CoreMetadata {
    /// Normalized.
    pub name: PackageName,
    /// As written.
    pub version: Version,
    /// Requires-Dist, in file order.
    pub requires: Vec<Requirement<VerbatimUrl>>,
    /// Requires-Python.
    pub requires_python: Option<VersionSpecifiers>,
    /// Provides-Extra, normalized.
    pub extras: Vec<ExtraName>,
}

impl CoreMetadata {
    /// Reads the header of a METADATA file; the description below it is ignored. Requirements
    /// in the forms of old tools are corrected.
    ///
    /// # Errors
    ///
    /// [`BadMetadata`], which quotes the line that cannot be read.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadMetadata> {
        let (mut name, mut version, mut requires_python) = (None, None, None);
        let (mut requires, mut extras) = (Vec::new(), Vec::new());
        for (field, value) in fields(bytes) {
            let value = value.trim();
            let is = |name: &str| field.eq_ignore_ascii_case(name);
            if is("Requires-Dist") {
                requires.push(BadMetadata::read("Requires-Dist", value, lenient::requirement)?);
            } else if is("Provides-Extra") {
                // An extra that has no valid name can never be asked for.
                extras.extend(value.parse::<ExtraName>().ok());
            } else if is("Name") {
                name = Some(BadMetadata::read("Name", value, str::parse)?);
            } else if is("Version") {
                version = Some(BadMetadata::read("Version", value, str::parse)?);
            } else if is("Requires-Python") && !value.is_empty() {
                requires_python =
                    Some(BadMetadata::read("Requires-Python", value, lenient::specifiers)?);
            }
        }
        Ok(Self {
            name: name.ok_or(BadMetadata::Missing("Name"))?,
            version: version.ok_or(BadMetadata::Missing("Version"))?,
            requires,
            requires_python,
            extras,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read_and_the_body_is_not() {
        let text = b"Metadata-Version: 2.1\r\nName: Torch_Geometric\r\nVersion: 2.8.0\r\n\
            requires-python: >=3.10\r\nRequires-Dist: numpy\r\n\
            Requires-Dist: torch (==2.9.0) ;\r\n  extra == 'full'\r\n\
            Provides-Extra: Full_Set\r\nSummary: a: b\r\n\r\nRequires-Dist: not this one\r\n";
        let metadata = CoreMetadata::parse(text).unwrap();
        assert_eq!(metadata.name.as_ref(), "torch-geometric");
        assert_eq!(metadata.version.to_string(), "2.8.0");
        let requires: Vec<_> = metadata.requires.iter().map(ToString::to_string).collect();
        assert_eq!(requires, ["numpy", "torch==2.9.0 ; extra == 'full'"]);
        assert_eq!(metadata.requires_python.unwrap().to_string(), ">=3.10");
        assert_eq!(metadata.extras[0].as_ref(), "full-set");
    }

    #[test]
    fn a_line_that_cannot_be_read_is_quoted() {
        let text = "Name: a\nVersion: 1\nRequires-Dist: b => 3\n";
        let error = CoreMetadata::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("Requires-Dist: b => 3"), "{error}");
        assert_eq!(CoreMetadata::parse(b"Name: a\n"), Err(BadMetadata::Missing("Version")));
        assert_eq!(CoreMetadata::parse(b""), Err(BadMetadata::Missing("Name")));
    }
}
