//! Packages laid over a base in order, as `dpkg --unpack` and `--configure` do it: who may take whose file, what becomes of
//! directories and links. The rules are dpkg's: Debian Policy 6.6 and 7.6, dpkg(1) `--force-overwrite`.

use std::collections::{HashMap, HashSet};

use crate::base::{self, BasePackage};
use crate::conffile;
use crate::database;
use crate::deb::Deb;
use crate::diversion::{self, Diversion, divert};
use crate::error::{Error, Flaw};
use crate::known::{Known, Origin};
use crate::node::{Kind, Node};
use crate::path::PathError;
use crate::relation;
use crate::tree::Tree;

/// Lays packages over what is in the tree, in their order, and writes into dpkg's database what dpkg would: all but what their
/// scripts do. Paths go where the tree's links lead.
///
/// # Errors
///
/// [`Error::Conflict`] and [`Error::Shared`] for files that two packages have, [`Error::Path`] for files without a place,
/// [`Error::Refused`] for a control file that dpkg would not take, [`Error::Database`] for a base that dpkg would not read.
pub fn unpack(mut tree: Tree, debs: &[Deb]) -> Result<Tree, Error> {
    let (form, installed) = base::read(&tree)?;
    let mut work = Unpacking::on(&mut tree, &installed)?;
    for deb in debs {
        work.add(deb)?;
    }
    let packages = work.packages;
    database::write(&mut tree, form, &packages)?;
    Ok(tree)
}

struct Unpacking<'a, 't> {
    tree: &'t mut Tree,
    diversions: Vec<Diversion>,
    /// Which packages have what is at a place, and how they list it.
    owners: HashMap<String, Vec<(usize, String)>>,
    packages: Vec<Known<'a>>,
}

/// What becomes of an entry.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Take,
    /// It is there already, and listed all the same.
    Keep,
    /// Another package replaces it.
    Leave,
}

impl<'a, 't> Unpacking<'a, 't> {
    fn on(tree: &'t mut Tree, installed: &'a [BasePackage]) -> Result<Self, Error> {
        let diversions = diversion::read(tree)?;
        let mut work = Unpacking { tree, diversions, owners: HashMap::new(), packages: vec![] };
        for package in installed {
            let list = base::list(work.tree, package)?;
            for path in &list {
                work.own(path, &package.name)
                    .map_err(|source| Error::Path { package: package.name.clone(), source })?;
            }
            work.packages.push(Known {
                name: &package.name,
                version: &package.version,
                architecture: &package.architecture,
                replaces: &package.replaces,
                multi_arch_same: package.multi_arch_same,
                origin: Origin::Base(package),
                list,
                changed: false,
                conffiles: Vec::new(),
            });
        }
        Ok(work)
    }

    /// The package that comes next has this path in its list.
    fn own(&mut self, listed: &str, package: &str) -> Result<(), PathError> {
        let path = divert(&self.diversions, listed.trim_start_matches('/'), package);
        let place = self.tree.resolve(path)?;
        let owner = (self.packages.len(), listed.to_owned());
        self.owners.entry(place).or_default().push(owner);
        Ok(())
    }

    fn add(&mut self, deb: &'a Deb) -> Result<(), Error> {
        let control = &deb.control;
        let replaces = control.stanza.get("Replaces").unwrap_or("");
        relation::parse("Replaces", replaces).map_err(|flaw| flaw.of(&deb.file, "control"))?;
        let mut me = Known {
            name: &control.name,
            version: &control.version,
            architecture: &control.architecture,
            replaces,
            multi_arch_same: control.multi_arch_same,
            origin: Origin::Deb(deb),
            list: Vec::new(),
            changed: true,
            conffiles: Vec::new(),
        };
        // dpkg makes symbolic links last, and lists them so.
        let is_link = |node: &Node| matches!(node.kind, Kind::Symlink { .. });
        let (links, others): (Vec<_>, Vec<_>) =
            deb.entries.iter().partition(|(_, node)| is_link(node));
        let mut places = HashMap::new();
        for (path, node) in others.into_iter().chain(links) {
            self.entry(deb, &mut me, path, node, &mut places)?;
        }
        let old = self.upgraded(&me);
        let bad_path = |source| Error::Path { package: deb.file.clone(), source };
        me.conffiles = conffile::hashes(deb)?;
        self.packages.push(me);
        if let Some(old) = old {
            self.remove_old(old).map_err(bad_path)?;
        }
        Ok(())
    }

    /// The package of the base whose place this one takes.
    fn upgraded(&self, me: &Known) -> Option<usize> {
        self.packages.iter().position(|other| {
            let both_stay = other.multi_arch_same && me.multi_arch_same;
            other.name == me.name
                && (other.architecture == me.architecture || !both_stay)
                && !matches!(other.origin, Origin::Gone)
        })
    }

    fn entry(
        &mut self,
        deb: &Deb,
        me: &mut Known<'a>,
        path: &'a str,
        node: &Node,
        places: &mut HashMap<&'a str, String>,
    ) -> Result<(), Error> {
        let bad_path = |source| Error::Path { package: deb.file.clone(), source };
        let diverted = divert(&self.diversions, path, me.name).to_owned();
        let mut place = self.tree.resolve(&diverted).map_err(bad_path)?;
        let verdict = if self.exists_as_directory(&diverted, &place, node).map_err(bad_path)? {
            Verdict::Keep
        } else {
            self.judge(me, &place, node)?
        };
        if verdict == Verdict::Leave {
            return Ok(());
        }
        let listed = if path.is_empty() { "/.".to_owned() } else { format!("/{path}") };
        if verdict == Verdict::Take {
            let mut node = node.clone();
            if let Kind::HardLink { to } = &mut node.kind {
                let at = places.get(to.as_str()).cloned();
                *to = at.ok_or_else(|| Flaw::Link(to.clone()).of(&deb.file, path))?;
            }
            let is_conffile = deb.control.conffiles.iter().any(|conffile| conffile.path == path);
            if is_conffile {
                let old = self.upgraded(me).map(|at| &self.packages[at]);
                let known = old.and_then(|old| old.origin.conffile(path));
                place = conffile::place(self.tree, &place, &node, known)?;
            }
            self.tree.put(&place, node).map_err(bad_path)?;
            places.insert(path, place.clone());
        }
        self.owners.entry(place).or_default().push((self.packages.len(), listed.clone()));
        me.list.push(listed);
        Ok(())
    }

    /// Whether a directory, or a link to one, stays as it is.
    fn exists_as_directory(&self, path: &str, place: &str, node: &Node) -> Result<bool, PathError> {
        let there = self.tree.get(place);
        let is_directory = |path: &Option<String>| {
            let path = path.as_deref();
            path == Some("")
                || path.and_then(|path| self.tree.get(path)).is_some_and(Node::is_directory)
        };
        match &node.kind {
            Kind::Directory if path.is_empty() => Ok(there.is_some()),
            Kind::Directory => Ok(is_directory(&self.tree.follow(path)?)),
            Kind::Symlink { target } => match there.map(|there| &there.kind) {
                Some(Kind::Directory) => Ok(true),
                Some(Kind::Symlink { .. }) => {
                    let now = self.tree.follow(path)?;
                    let new = match target.strip_prefix('/') {
                        Some(target) => self.tree.follow_from("", target)?,
                        None => self.tree.follow_from(crate::path::parent(place), target)?,
                    };
                    Ok(is_directory(&now) && now == new)
                }
                _ => Ok(false),
            },
            _ => Ok(false),
        }
    }

    /// Whether a file may be where others have one.
    fn judge(&mut self, me: &Known, place: &str, node: &Node) -> Result<Verdict, Error> {
        let there = self.tree.get(place);
        let owners = self.owners.get(place).map_or(&[][..], Vec::as_slice);
        let mut verdict = Verdict::Take;
        let mut lose = HashSet::new();
        for (other, listed) in owners {
            let them = &self.packages[*other];
            if them.name == me.name {
                if !(them.multi_arch_same && me.multi_arch_same)
                    || them.architecture == me.architecture
                {
                    continue;
                }
                if !there.is_some_and(|there| self.same(there, node)) {
                    return Err(Error::Shared {
                        path: place.to_owned(),
                        first: format!("{}:{}", them.name, them.architecture),
                        second: format!("{}:{}", me.name, me.architecture),
                    });
                }
                verdict = Verdict::Keep;
            } else if node.is_directory() && there.is_none() {
            } else if me.replaces(them) {
                lose.insert((*other, listed.clone()));
            } else if them.replaces(me) {
                return Ok(Verdict::Leave);
            } else {
                return Err(Error::Conflict {
                    path: place.to_owned(),
                    first: format!("{} {}", them.name, them.version),
                    second: format!("{} {}", me.name, me.version),
                });
            }
        }
        for (other, listed) in &lose {
            let them = &mut self.packages[*other];
            them.list.retain(|path| path != listed);
            them.changed = true;
        }
        if let Some(owners) = self.owners.get_mut(place) {
            owners.retain(|owner| !lose.contains(owner));
        }
        Ok(verdict)
    }

    /// Whether both are one file of a package for two architectures.
    fn same(&self, there: &Node, node: &Node) -> bool {
        match (&there.kind, &node.kind) {
            (Kind::File(one), Kind::File(two)) => one.same(two).unwrap_or(false),
            (Kind::Symlink { target: one }, Kind::Symlink { target: two }) => one == two,
            (Kind::HardLink { to: one }, Kind::HardLink { to: two }) => one == two,
            _ => false,
        }
    }

    /// Takes away what only the old version of the package just unpacked had.
    fn remove_old(&mut self, old: usize) -> Result<(), PathError> {
        let new = self.packages.len() - 1;
        let kept: HashSet<String> = self.packages[new].list.iter().cloned().collect();
        let list = std::mem::take(&mut self.packages[old].list);
        for listed in list.iter().rev() {
            let path =
                divert(&self.diversions, listed.trim_start_matches('/'), self.packages[old].name);
            let place = self.tree.resolve(path)?;
            if let Some(owners) = self.owners.get_mut(&place) {
                owners.retain(|(owner, _)| *owner != old);
                if !owners.is_empty() {
                    continue;
                }
            }
            let is_conffile = self.packages[old].origin.conffile(path).is_some();
            if kept.contains(listed) || is_conffile || place.is_empty() {
                continue;
            }
            match self.tree.remove(&place) {
                Ok(()) | Err(PathError::NotEmpty(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.packages[old].origin = Origin::Gone;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
