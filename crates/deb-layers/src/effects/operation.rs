//! What scripts do, as typed operations.

use serde::Deserialize;

/// One effect of a script on a file system. Owners are written as chown(1) takes them: `root:mail`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Operation {
    /// `cp -p` of a default, where nothing is yet.
    Copy {
        /// The default, a file of the package.
        from: String,
        /// Where it goes.
        to: String,
    },
    /// A directory, where nothing is yet. Those above it are made too.
    Directory {
        /// Its path.
        path: String,
        /// Its permission bits.
        #[serde(default = "executable")]
        mode: u32,
        /// Whose it is.
        #[serde(default = "root")]
        owner: String,
    },
    /// A file with a text of the script's own, where nothing is yet.
    File {
        /// Its path.
        path: String,
        /// Its bytes.
        #[serde(default)]
        text: String,
        /// Its permission bits.
        #[serde(default = "readable")]
        mode: u32,
        /// Whose it is.
        #[serde(default = "root")]
        owner: String,
    },
    /// `ln -sf`: a symbolic link in place of what is there, which may be an empty directory.
    Link {
        /// Its path.
        path: String,
        /// Where it points.
        to: String,
        /// Only where nothing is yet.
        #[serde(default)]
        missing: bool,
    },
    /// `rm -f`.
    Remove {
        /// The path of a file or link.
        path: String,
    },
    /// chown(1) and chmod(1) of what the package brings; dpkg-statoverride(1) knows no other wish on a fresh install.
    Permissions {
        /// The path.
        path: String,
        /// Permission bits.
        mode: u32,
        /// Whose it is.
        #[serde(default = "root")]
        owner: String,
    },
    /// `dpkg-statoverride --update --add`.
    Override {
        /// The path.
        path: String,
        /// Permission bits.
        mode: u32,
        /// Whose it is.
        owner: String,
    },
    /// The lines of a script that call `update-alternatives --install`, as they stand there.
    Alternatives(String),
    /// `dpkg-divert --no-rename --add`.
    Divert {
        /// The package whose own files are not diverted.
        package: String,
        /// The path that is diverted.
        path: String,
        /// Where files of other packages go.
        to: String,
    },
    /// `addgroup --system`.
    Group {
        /// Its name.
        name: String,
    },
    /// `adduser --system` without a home that is made.
    User {
        /// Its name.
        name: String,
        /// Its group; `nogroup` without one.
        #[serde(default = "nogroup")]
        group: String,
        /// Its home.
        #[serde(default = "nonexistent")]
        home: String,
    },
    /// base-passwd's postinst: /etc/passwd and /etc/group from the master files, where they are missing.
    MasterAccounts,
    /// `shadowconfig on`: /etc/shadow and /etc/gshadow for the accounts there are.
    Shadow,
    /// sysusers.d(5) files by name, as systemd-sysusers(8) reads them.
    Sysusers(String),
    /// tmpfiles.d(5) files by name, as `systemd-tmpfiles --create` reads them, where that program is.
    Tmpfiles(String),
    /// `deb-systemd-helper enable` of units, where `was-enabled` says so of a new one.
    EnableUnits(String),
    /// The same for units of users.
    EnableUserUnits(String),
    /// `deb-systemd-helper update-state` of units that are not enabled unless they were.
    RememberUnits(String),
    /// `update-rc.d NAME defaults`.
    InitScript(String),
    /// pam-auth-update: /etc/pam.d/common-* from the profiles.
    PamProfiles,
    /// update-ca-certificates: the bundle and the links by hash.
    CaCertificates,
    /// update-shells: /etc/shells.
    Shells,
    /// The package database's own architecture.
    NativeArchitecture,
    /// ucf(1): a configuration file of a package, known by its hash.
    Ucf {
        /// The package.
        package: String,
        /// The file it brings.
        from: String,
        /// Where it goes.
        to: String,
    },
    /// /etc/locale.gen without a locale chosen, from the list of those there are.
    LocaleList,
    /// Lines of dh_usrlocal: a directory each, and `default`.
    LocalDirectories(String),
    /// Something that a program would compute and that is made where it is wanted, or is not needed: a cache. It is reported.
    Omitted(String),
}

impl Operation {
    /// Whether what it takes from a script's text can be read to the end.
    pub(crate) fn is_understood(&self) -> bool {
        match self {
            Operation::Alternatives(commands) => super::alternatives::is_understood(commands),
            _ => true,
        }
    }
}

fn root() -> String {
    "root:root".to_owned()
}

fn nogroup() -> String {
    "nogroup".to_owned()
}

fn nonexistent() -> String {
    "/nonexistent".to_owned()
}

fn executable() -> u32 {
    0o755
}

fn readable() -> u32 {
    0o644
}
