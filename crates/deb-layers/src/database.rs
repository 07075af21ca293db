//! dpkg's database as dpkg leaves it: the status, the lists and control files of each package, and who is interested in
//! which trigger. Everything that is there stays, so that it can be written onto a base.

use std::collections::BTreeMap;

use crate::base::{ADMIN, Form, STATUS, STATUS_D, text};
use crate::control::Control;
use crate::deb::Deb;
use crate::error::{Error, Flaw};
use crate::known::{Known, Origin};
use crate::node::Node;
use crate::path::PathError;
use crate::status::stanza;
use crate::tree::Tree;

/// Writes what became of the packages into the tree.
pub(crate) fn write(tree: &mut Tree, form: Form, packages: &[Known]) -> Result<(), Error> {
    if packages.iter().all(|package| !matches!(package.origin, Origin::Deb(_))) {
        return Ok(());
    }
    match form {
        Form::Status => Database { tree }.status(packages),
        Form::StatusD => Database { tree }.status_d(packages),
    }
}

struct Database<'t> {
    tree: &'t mut Tree,
}

impl Database<'_> {
    fn status(&mut self, packages: &[Known]) -> Result<(), Error> {
        let mut stanzas = BTreeMap::new();
        for package in packages {
            let text = match package.origin {
                Origin::Gone => continue,
                Origin::Base(base) => base.text.clone(),
                Origin::Deb(deb) => {
                    self.info(deb)?;
                    self.triggers(deb)?;
                    stanza(&deb.control, &package.conffiles).map_err(in_control(deb))?
                }
            };
            if package.changed {
                self.list(package)?;
            }
            stanzas.insert((package.name, package.architecture), text);
        }
        let status: Vec<String> = stanzas.into_values().collect();
        self.put(STATUS, 0o644, status.join("\n") + "\n")?;
        // What dpkg and apt make where it is missing.
        for (path, mode, content) in [
            ("info/format", 0o644, "1\n"),
            ("lock", 0o640, ""),
            ("lock-frontend", 0o640, ""),
            ("triggers/Lock", 0o600, ""),
            ("triggers/Unincorp", 0o644, ""),
        ] {
            let path = format!("{ADMIN}/{path}");
            if self.tree.get(&path).is_none() {
                self.put(&path, mode, content.to_owned())?;
            }
        }
        let updates = format!("{ADMIN}/updates");
        if self.tree.get(&updates).is_none() {
            self.tree.put(&updates, Node::directory(0o755)).map_err(path_error(&updates))?;
        }
        Ok(())
    }

    /// distroless: the control file of each package, and the MD5s of its files.
    fn status_d(&mut self, packages: &[Known]) -> Result<(), Error> {
        for package in packages {
            let Origin::Deb(deb) = package.origin else { continue };
            let fields = deb.control.stanza.fields();
            let text: String = fields.map(|(name, value)| format!("{name}: {value}\n")).collect();
            let path = format!("{STATUS_D}/{}", deb.control.name);
            self.put(&path, 0o644, text)?;
            if let Some(sums) = deb.control.members.get("md5sums") {
                let node = Node::file(0o644, sums.bytes.clone());
                self.tree.put(&format!("{path}.md5sums"), node).map_err(path_error(&path))?;
            }
        }
        Ok(())
    }

    /// The members of control.tar, by the name of the package.
    fn info(&mut self, deb: &Deb) -> Result<(), Error> {
        let name = deb.control.full_name();
        let old: Vec<String> = self
            .tree
            .inside(&format!("{ADMIN}/info"))
            .map(|(path, _)| path)
            .filter(|path| is_of(path, &deb.control))
            .map(str::to_owned)
            .collect();
        for path in old {
            self.tree.remove(&path).map_err(path_error(&path))?;
        }
        for (member, file) in &deb.control.members {
            let path = format!("{ADMIN}/info/{name}.{member}");
            let node = Node::file(file.mode, file.bytes.clone());
            self.tree.put(&path, node).map_err(path_error(&path))?;
        }
        Ok(())
    }

    fn list(&mut self, package: &Known) -> Result<(), Error> {
        let name = match package.origin {
            Origin::Base(base) => base.full_name(),
            Origin::Deb(deb) => deb.control.full_name(),
            Origin::Gone => return Ok(()),
        };
        let text: String = package.list.iter().map(|path| format!("{path}\n")).collect();
        self.put(&format!("{ADMIN}/info/{name}.list"), 0o644, text)
    }

    /// Who is interested in what, by deb-triggers(5): paths in one file, other names in one file each.
    fn triggers(&mut self, deb: &Deb) -> Result<(), Error> {
        let bad = |flaw: Flaw| flaw.of(&deb.file, "triggers");
        let Some(member) = deb.control.members.get("triggers") else { return Ok(()) };
        let lines = std::str::from_utf8(&member.bytes)
            .map_err(|_| bad(Flaw::Text("it is not UTF-8".to_owned())))?;
        let name = deb.control.full_name();
        for line in lines.lines().map(str::trim) {
            let mut words = line.split_ascii_whitespace();
            let (Some(directive), Some(trigger)) = (words.next(), words.next()) else { continue };
            let noawait = match directive {
                "interest" | "interest-await" => "",
                "interest-noawait" => "/noawait",
                _ => continue,
            };
            let (file, line) = if trigger.starts_with('/') {
                ("File", format!("{trigger} {name}{noawait}"))
            } else if is_trigger(trigger) {
                (trigger, format!("{name}{noawait}"))
            } else {
                let why = format!("`{}` is no name of a trigger", trigger.escape_debug());
                return Err(bad(Flaw::Text(why)));
            };
            let path = format!("{ADMIN}/triggers/{file}");
            let before = text(self.tree, &path)?.unwrap_or_default();
            let who = line.trim_end_matches("/noawait");
            let mut lines: Vec<&str> =
                before.lines().filter(|line| line.trim_end_matches("/noawait") != who).collect();
            lines.push(&line);
            self.put(&path, 0o644, lines.join("\n") + "\n")?;
        }
        Ok(())
    }

    fn put(&mut self, path: &str, mode: u32, text: String) -> Result<(), Error> {
        self.tree.put(path, Node::file(mode, text)).map_err(path_error(path))
    }
}

/// Whether a file in dpkg's info folder is one of this package: of an older version, or of a layout that has no architecture.
fn is_of(path: &str, control: &Control) -> bool {
    let file = path.rsplit_once('/').map_or(path, |(_, file)| file);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    stem == control.name || stem == format!("{}:{}", control.name, control.architecture)
}

/// A trigger's name becomes a file's: by deb-triggers(5), and no path.
fn is_trigger(name: &str) -> bool {
    !name.starts_with('.')
        && !matches!(name, "File" | "Lock" | "Unincorp")
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-+._".contains(&byte))
}

fn path_error(path: &str) -> impl Fn(PathError) -> Error {
    move |source| Error::Database { path: path.to_owned(), detail: source.to_string() }
}

fn in_control(deb: &Deb) -> impl Fn(Flaw) -> Error {
    move |flaw| flaw.of(&deb.file, "control")
}
