//! The system layer: what `docker/build/base.sh` makes of a base image, without running it. The two give equal
//! file trees. Pure.

use bytes::Bytes;
use wheel_layers::tree::{Content, Kind, Node, Owner, Tree};

use super::error::Error;
use crate::base_image::{BaseSystem, EntryKind};

/// The user of the images.
pub const RAY: Owner = Owner { uid: 1000, gid: 1000 };
const ROOT: Owner = Owner { uid: 0, gid: 0 };
const FOLDER: Node = Node { mode: 0o755, owner: ROOT, kind: Kind::Folder };
const DAY: i64 = 86400;

/// Files of every image: path, mode, bytes.
const FILES: [(&str, u32, &[u8]); 3] = [
    ("opt/conda/bin/conda", 0o755, include_bytes!("../../../docker/files/conda")),
    ("usr/local/bin/marimo-serve", 0o755, include_bytes!("../../../docker/files/marimo-serve")),
    ("etc/profile.d/envlock.sh", 0o644, include_bytes!("../../../docker/files/profile.sh")),
];

const PAM: &str = "# envlock: ray may become ray without a password\n\
    auth [success=ignore default=1] pam_succeed_if.so quiet user = ray\n\
    auth sufficient pam_succeed_if.so quiet use_uid user = ray\n";

/// The files that say who may become another user.
pub(super) const PAM_FILES: [&str; 2] = ["etc/pam.d/su", "etc/pam.d/su-l"];

/// Such a file, in which ray may become ray; `None`: it says so already.
pub(super) fn with_pam(text: &str) -> Option<String> {
    (!text.contains("envlock")).then(|| format!("{PAM}{text}"))
}

/// The layer between `base` and the interpreter; `epoch` is the lock's time, seconds since 1970-01-01 UTC.
///
/// # Errors
///
/// [`Error::Path`].
pub fn system(base: &BaseSystem, epoch: i64) -> Result<Tree, Error> {
    let mut layer = Layer { base, tree: Tree::default() };
    layer.accounts(epoch)?;
    layer.home()?;
    for path in ["opt/conda/envs", "opt/conda/envs/py", "workspace"] {
        layer.folder_of_ray(path)?;
    }
    for (path, mode, bytes) in FILES {
        layer.file(path, Node { mode, owner: ROOT, kind: content(Bytes::from_static(bytes)) })?;
    }
    for path in PAM_FILES {
        if let Some((text, node)) = layer.text(path)?
            && let Some(text) = with_pam(&text)
        {
            layer.file(path, Node { kind: content(text), ..node })?;
        }
    }
    Ok(layer.tree)
}

/// The folders that lead to a path of a layer, with the owners and modes that the base gives them: an extractor
/// that creates them itself would lose the base's.
///
/// # Errors
///
/// [`Error::Path`].
pub fn insert_folders(tree: &mut Tree, base: &BaseSystem, path: &str) -> Result<(), Error> {
    for (end, _) in path.match_indices('/') {
        let folder = &path[..end];
        if tree.get(folder).is_none() {
            tree.insert(folder, folder_of(base, folder)?)?;
        }
    }
    Ok(())
}

fn folder_of(base: &BaseSystem, path: &str) -> Result<Node, Error> {
    let Some(entry) = base.entry(path) else { return Ok(FOLDER) };
    match entry.kind {
        EntryKind::Folder => Ok(Node { mode: entry.mode, owner: owner(entry), kind: Kind::Folder }),
        ref kind => Err(unfit(path, kind, "a folder")),
    }
}

fn owner(entry: &crate::base_image::Entry) -> Owner {
    // User numbers have 32 bits; a larger number becomes the one that means no user.
    let id = |id: u64| u32::try_from(id).unwrap_or(u32::MAX);
    Owner { uid: id(entry.uid), gid: id(entry.gid) }
}

fn unfit(path: &str, kind: &EntryKind, expected: &'static str) -> Error {
    let found = match kind {
        EntryKind::Folder => "a folder",
        EntryKind::File(Some(_)) => "a file that is no text",
        EntryKind::File(None) => "a file that is too long to be read",
        EntryKind::Link(_) => "a symbolic link",
        EntryKind::Other => "a device",
    };
    Error::Path { path: path.to_owned(), found, expected }
}

fn content(bytes: impl Into<Bytes>) -> Kind {
    Kind::File(Content::Bytes(bytes.into()))
}

struct Layer<'a> {
    base: &'a BaseSystem,
    tree: Tree,
}

impl Layer<'_> {
    fn file(&mut self, path: &str, node: Node) -> Result<(), Error> {
        insert_folders(&mut self.tree, self.base, path)?;
        if let Some(entry) = self.base.entry(path).filter(|e| e.kind == EntryKind::Folder) {
            return Err(unfit(path, &entry.kind, "a file"));
        }
        Ok(self.tree.insert(path, node)?)
    }

    fn folder_of_ray(&mut self, path: &str) -> Result<(), Error> {
        insert_folders(&mut self.tree, self.base, path)?;
        folder_of(self.base, path)?;
        Ok(self.tree.insert(path, Node { owner: RAY, ..FOLDER })?)
    }

    /// The text of a file of the base and what it is, else.
    fn text(&self, path: &str) -> Result<Option<(String, Node)>, Error> {
        let Some(entry) = self.base.entry(path) else { return Ok(None) };
        let text = match &entry.kind {
            EntryKind::File(Some(bytes)) => String::from_utf8(bytes.to_vec()).ok(),
            _ => None,
        };
        let text = text.ok_or_else(|| unfit(path, &entry.kind, "a text file"))?;
        let node = Node { mode: entry.mode, owner: owner(entry), kind: content(text.clone()) };
        Ok(Some((text, node)))
    }

    /// `ray` has the number 1000; another user with that number is removed, with a home folder that only they use.
    fn accounts(&mut self, epoch: i64) -> Result<(), Error> {
        let new = || (String::new(), Node { mode: 0o644, owner: ROOT, kind: content("") });
        let id = |line: &str| line.split(':').nth(2) == Some("1000");
        let ray = |line: &str| line.starts_with("ray:");
        let (passwd, _) = self.text("etc/passwd")?.unwrap_or_else(new);
        for line in passwd.lines().filter(|line| id(line) && !ray(line)) {
            let name = line.split(':').next().unwrap_or_default();
            let home = format!("home/{name}");
            let theirs = line.split(':').nth(5) == Some(&format!("/{home}"));
            if theirs && !name.is_empty() && self.base.entry(&home).is_some() {
                insert_folders(&mut self.tree, self.base, &home)?;
                self.tree.insert(home, Node { mode: 0, owner: ROOT, kind: Kind::Whiteout })?;
            }
        }
        for (path, line) in
            [("etc/passwd", "ray:x:1000:1000::/home/ray:/bin/bash"), ("etc/group", "ray:x:1000:")]
        {
            let (text, node) = self.text(path)?.unwrap_or_else(new);
            let others = text.lines().filter(|line| !id(line) && !ray(line));
            let text: String = others.chain([line]).map(|line| format!("{line}\n")).collect();
            self.file(path, Node { kind: content(text), ..node })?;
        }
        let days = epoch / DAY;
        for (path, line) in
            [("etc/shadow", format!("ray:!:{days}::::::")), ("etc/gshadow", "ray:!::".to_owned())]
        {
            if let Some((text, node)) = self.text(path)?
                && !text.lines().any(ray)
            {
                let lines = text.lines().chain([line.as_str()]);
                let text: String = lines.map(|line| format!("{line}\n")).collect();
                self.file(path, Node { kind: content(text), ..node })?;
            }
        }
        Ok(())
    }

    /// A home folder that is missing starts as a copy of the base's skeleton.
    fn home(&mut self) -> Result<(), Error> {
        const HOME: &str = "home/ray";
        let base = self.base;
        let is_new = base.entry(HOME).is_none();
        self.folder_of_ray(HOME)?;
        for (path, entry) in base.skeleton().filter(|_| is_new) {
            let kind = match &entry.kind {
                EntryKind::Folder => Kind::Folder,
                EntryKind::File(Some(bytes)) => content(bytes.clone()),
                EntryKind::Link(target) => Kind::Symlink { target: target.clone() },
                kind => return Err(unfit(&format!("etc/skel/{path}"), kind, "a small file")),
            };
            // As with umask 022.
            let mode =
                if matches!(kind, Kind::Symlink { .. }) { 0o777 } else { entry.mode & 0o755 };
            self.tree.insert(format!("{HOME}/{path}"), Node { mode, owner: RAY, kind })?;
        }
        let target = "/opt/conda/envs/py".to_owned();
        let link = Node { mode: 0o777, owner: RAY, kind: Kind::Symlink { target } };
        Ok(self.tree.insert(format!("{HOME}/anaconda3"), link)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base_image::system::tests::base;

    const ETC: &[(&str, &str)] = &[
        ("etc/", ""),
        (
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nubuntu:x:1000:1000:U:/home/ubuntu:/bin/bash",
        ),
        ("etc/group", "root:x:0:\nubuntu:x:1000:\nsudo:x:27:ubuntu\n"),
        ("etc/shadow", "root:*:1::::::\n"),
        ("etc/skel/", ""),
        ("etc/skel/.bashrc", "alias"),
        ("home/", ""),
        ("home/ubuntu/", ""),
        ("etc/pam.d/su", "auth\n"),
    ];

    fn shown(tree: &Tree) -> String {
        let line = |(path, node): (&str, &Node)| {
            let what = match &node.kind {
                Kind::Folder => "folder".to_owned(),
                Kind::Symlink { target } => format!("→ {target}"),
                Kind::Whiteout => "gone".to_owned(),
                Kind::File(content) => format!("{} bytes", content.size()),
            };
            let Owner { uid, gid } = node.owner;
            format!("{:04o} {uid}:{gid} {path} {what}\n", node.mode)
        };
        tree.iter().map(line).collect()
    }

    fn text(tree: &Tree, path: &str) -> String {
        match &tree.get(path).unwrap().kind {
            Kind::File(Content::Bytes(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
            kind => panic!("{kind:?}"),
        }
    }

    #[test]
    fn a_base_with_a_user_of_its_own_gets_ray_instead() {
        let tree = system(&base(&[ETC]), 20454 * DAY + 5).unwrap();
        insta::assert_snapshot!(shown(&tree));
        let passwd = "root:x:0:0:root:/root:/bin/sh\nray:x:1000:1000::/home/ray:/bin/bash\n";
        assert_eq!(text(&tree, "etc/passwd"), passwd);
        assert_eq!(text(&tree, "etc/group"), "root:x:0:\nsudo:x:27:ubuntu\nray:x:1000:\n");
        assert_eq!(text(&tree, "etc/shadow"), "root:*:1::::::\nray:!:20454::::::\n");
        assert_eq!(text(&tree, "etc/pam.d/su"), format!("{PAM}auth\n"));
    }

    #[test]
    fn a_base_that_has_ray_keeps_its_home_and_password() {
        let upper: &[_] = &[
            ("etc/passwd", "ray:x:1000:100::/home/ray:/bin/sh\n"),
            ("etc/shadow", "ray:secret:1::::::\n"),
            ("home/ray/", ""),
            ("etc/pam.d/su", "# envlock was here\n"),
        ];
        let tree = system(&base(&[ETC, upper]), 0).unwrap();
        assert_eq!(text(&tree, "etc/passwd"), "ray:x:1000:1000::/home/ray:/bin/bash\n");
        for path in ["etc/shadow", "etc/pam.d/su", "home/ray/.bashrc", "home/ubuntu"] {
            assert!(tree.get(path).is_none(), "{path}");
        }
        assert_eq!(tree.get("home/ray").unwrap().owner, RAY);
    }

    #[test]
    fn a_base_whose_folders_are_links_is_refused_by_name() {
        let error = system(&base(&[ETC, &[("opt", "->var/opt")]]), 0).unwrap_err();
        assert!(matches!(&error, Error::Path { path, .. } if path == "opt"), "{error}");
        let error = system(&base(&[ETC, &[("etc/passwd", "->/usr/lib/passwd")]]), 0).unwrap_err();
        assert!(matches!(&error, Error::Path { path, .. } if path == "etc/passwd"), "{error}");
    }
}
