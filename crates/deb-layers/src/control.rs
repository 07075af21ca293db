//! What control.tar says of a package: its stanza, its conffiles, and the files that dpkg keeps of it.

use std::collections::BTreeMap;
use std::io::Read;

use bytes::Bytes;

use crate::error::Flaw;
use crate::path::clean;
use crate::stanza::{LONGEST, Stanza, is_architecture, is_name, is_version};
use crate::tar_stream::{Bad, HeaderKind, TarStream};

/// The longest name of a control file: dpkg's MAXCONTROLFILENAME.
const LONGEST_NAME: usize = 100;
/// The most that control.tar may unpack to, bytes: the md5sums of a kernel's headers are 3 MB.
pub(crate) const LIMIT: u64 = 64 << 20;

/// What is known of a package besides its files.
#[derive(Debug, Clone)]
pub struct Control {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture; `all` for one that suits any.
    pub architecture: String,
    /// `Multi-Arch: same`: packages of this name for several architectures can be there together.
    pub multi_arch_same: bool,
    /// The control file.
    pub stanza: Stanza,
    /// The configuration files that it names, in their order.
    pub conffiles: Vec<Conffile>,
    /// The other files of control.tar by name: `postinst`, `md5sums`, `triggers`, …
    pub members: BTreeMap<String, ControlFile>,
}

/// A line of `conffiles`, by deb-conffiles(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conffile {
    /// Without the leading slash.
    pub path: String,
    /// The package no longer has it; an upgrade takes it away.
    pub remove_on_upgrade: bool,
}

/// A file of control.tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlFile {
    /// Permission bits.
    pub mode: u32,
    /// Its bytes.
    pub bytes: Bytes,
}

impl Control {
    /// Name, and architecture where several can be there: as dpkg names its files and prints it.
    pub fn full_name(&self) -> String {
        if self.multi_arch_same {
            format!("{}:{}", self.name, self.architecture)
        } else {
            self.name.clone()
        }
    }

    /// A maintainer script by its name, `postinst`; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`Flaw::Text`] for a script that is not UTF-8.
    pub fn script(&self, name: &str) -> Result<Option<&str>, Flaw> {
        self.text(name)
    }

    fn text(&self, name: &str) -> Result<Option<&str>, Flaw> {
        text_of(&self.members, name)
    }

    /// Reads control.tar.
    pub(crate) fn read(tar: &mut TarStream<impl Read>) -> Result<Self, Bad> {
        let mut members = BTreeMap::new();
        while let Some(header) = tar.next()? {
            let bad = |flaw| Bad::Flaw(header.name.clone(), flaw);
            let name = clean(&header.name).map_err(|_| bad(Flaw::Name("leads out")))?;
            let size = match header.kind {
                HeaderKind::File { size } => size,
                HeaderKind::Directory if name.is_empty() => continue,
                _ => return Err(bad(Flaw::Name("is no file, as all of control.tar must be"))),
            };
            let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+".contains(&byte);
            if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(usual) {
                return Err(bad(Flaw::Name("no control file has")));
            }
            if name == "list" {
                return Err(bad(Flaw::Name("dpkg keeps for itself")));
            }
            if name == "control" && size > LONGEST {
                return Err(bad(Flaw::Large { limit: LONGEST, unit: "bytes" }));
            }
            // The stream has a limit of LIMIT, and ends before more is read than there is.
            let mut bytes = Vec::new();
            let mut buffer = [0; 8192];
            loop {
                let length = tar.read_content(&mut buffer)?;
                if length == 0 {
                    break;
                }
                bytes.extend_from_slice(&buffer[..length]);
            }
            let file = ControlFile { mode: header.mode, bytes: bytes.into() };
            if members.insert(name, file).is_some() {
                return Err(bad(Flaw::Twice));
            }
        }
        Control::of(members).map_err(|(name, flaw)| Bad::Flaw(name.to_owned(), flaw))
    }

    fn of(mut members: BTreeMap<String, ControlFile>) -> Result<Self, (&'static str, Flaw)> {
        let in_control = |flaw| ("control", flaw);
        let text = text_of(&members, "control").map_err(in_control)?;
        let stanza = Stanza::parse(text.ok_or(("control", Flaw::Missing))?).map_err(in_control)?;
        let text = text_of(&members, "conffiles").map_err(|flaw| ("conffiles", flaw))?;
        let conffiles = conffiles(text.unwrap_or("")).map_err(|flaw| ("conffiles", flaw))?;
        members.remove("control");
        let multi_arch = stanza.get("Multi-Arch").unwrap_or("no");
        Ok(Control {
            name: stanza.required("Package", is_name).map_err(in_control)?,
            version: stanza.required("Version", is_version).map_err(in_control)?,
            architecture: stanza.required("Architecture", is_architecture).map_err(in_control)?,
            multi_arch_same: multi_arch.eq_ignore_ascii_case("same"),
            conffiles,
            stanza,
            members,
        })
    }
}

fn text_of<'a>(
    members: &'a BTreeMap<String, ControlFile>,
    name: &str,
) -> Result<Option<&'a str>, Flaw> {
    let Some(file) = members.get(name) else { return Ok(None) };
    let text = std::str::from_utf8(&file.bytes);
    text.map(Some).map_err(|_| Flaw::Text("it is not UTF-8".to_owned()))
}

fn conffiles(text: &str) -> Result<Vec<Conffile>, Flaw> {
    let mut all: Vec<Conffile> = Vec::new();
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        let bad = || Flaw::Text(format!("`{}` is no line of conffiles", line.escape_debug()));
        let (flag, path) = match line.split_once(' ') {
            Some((flag, path)) if !line.starts_with('/') => (Some(flag), path),
            _ => (None, line),
        };
        let known = matches!(flag, None | Some("remove-on-upgrade"));
        if !known || !path.starts_with('/') {
            return Err(bad());
        }
        let path = clean(path).map_err(|_| bad())?;
        if path.is_empty() || all.iter().any(|other| other.path == path) {
            return Err(bad());
        }
        all.push(Conffile { path, remove_on_upgrade: flag.is_some() });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Entry, control, tar};

    fn read(entries: &[Entry]) -> Result<Control, String> {
        let bytes = tar(entries);
        Control::read(&mut TarStream::new(&bytes[..], LIMIT)).map_err(|bad| match bad {
            Bad::Flaw(name, flaw) => format!("{name}: {flaw}"),
            Bad::Read(error) => error.to_string(),
        })
    }

    #[test]
    fn stanza_conffiles_and_scripts_are_read() {
        let control = read(&[
            Entry::directory("./"),
            Entry::file("./control", control("curl", "Multi-Arch: same\n")),
            Entry::file("./conffiles", "/etc/a.conf\nremove-on-upgrade /etc/b c\n"),
            Entry::file("./postinst", "#!/bin/sh\n").with_mode(0o755),
        ])
        .unwrap();
        assert_eq!((control.name.as_str(), control.version.as_str()), ("curl", "1.0"));
        assert_eq!(control.full_name(), "curl:amd64");
        let conffile =
            |path: &str, remove_on_upgrade| Conffile { path: path.to_owned(), remove_on_upgrade };
        assert_eq!(control.conffiles, [conffile("etc/a.conf", false), conffile("etc/b c", true)]);
        assert_eq!(control.script("postinst"), Ok(Some("#!/bin/sh\n")));
        assert_eq!(control.script("prerm"), Ok(None));
        assert_eq!(control.members["postinst"].mode, 0o755);
    }

    #[test]
    fn what_is_no_control_archive_is_refused_by_name() {
        let good = Entry::file("./control", control("curl", ""));
        let with = |entry| vec![good.clone(), entry];
        for (entries, told) in [
            (vec![], "control: it is missing"),
            (with(good.clone()), "./control: it is there twice"),
            (with(Entry::file("./list", "")), "./list: a name that dpkg keeps for itself"),
            (with(Entry::file("./a.b", "")), "./a.b: a name that no control file has"),
            (with(Entry::file("./../x", "")), "./../x: a name that leads out"),
            (with(Entry::file("./d/x", "")), "./d/x: a name that no control file has"),
            (with(Entry::symlink("./postinst", "/bin/sh")), "./postinst: a name that is no file"),
            (with(Entry::directory("./d")), "./d: a name that is no file"),
            (with(Entry::file("./conffiles", "etc/x\n")), "conffiles: `etc/x` is no line"),
            (with(Entry::file("./conffiles", "/a\n/a\n")), "conffiles: `/a` is no line"),
            (with(Entry::file("./conffiles", "/../a\n")), "conffiles: `/../a` is no line"),
            (with(Entry::file("./conffiles", vec![0xff])), "conffiles: it is not UTF-8"),
            (vec![Entry::file("./control", control("../x", ""))], "control: the field Package"),
            (vec![Entry::file("./control", "Package: ab\n")], "control: the field Version"),
        ] {
            let error = read(&entries).unwrap_err();
            assert!(error.starts_with(told), "{error}");
        }
    }
}
