//! What the table of reviewed maintainer scripts does not know of packages, for the review of the next one:
//!
//! ```sh
//! dpkg-deb --control curl_8.14.1-2_amd64.deb control/curl
//! cargo run -p deb-layers --example unknown_scripts control/*
//! ```

#![allow(clippy::print_stdout, reason = "it is a program")]

use std::path::Path;

use deb_layers::effects::{Scripts, Settings, Text, check};

fn main() -> std::io::Result<()> {
    let (mut packages, mut scripts, mut refused) = (0, 0, 0);
    for folder in std::env::args().skip(1) {
        let read = |name: &str| match std::fs::read_to_string(Path::new(&folder).join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        let control = read("control")?.unwrap_or_default();
        let field = |name: &str| {
            let line = control.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.unwrap_or_default()
        };
        let (preinst, postinst) = (read("preinst")?, read("postinst")?);
        let architecture = match field("Architecture") {
            "all" => "amd64",
            architecture => architecture,
        };
        let (config, templates) = (read("config")?, read("templates")?);
        let package = Scripts {
            config: config.as_deref(),
            templates: templates.as_deref(),
            package: field("Package"),
            version: field("Version"),
            architecture,
            preinst: preinst.as_deref(),
            postinst: postinst.as_deref(),
        };
        packages += 1;
        scripts += usize::from(preinst.is_some()) + usize::from(postinst.is_some());
        for (name, script) in [("preinst", &preinst), ("postinst", &postinst)] {
            let alone = Scripts {
                preinst: preinst.as_deref().filter(|_| name == "preinst"),
                postinst: postinst.as_deref().filter(|_| name == "postinst"),
                ..package
            };
            for error in check(&[alone], &Settings::default()) {
                refused += 1;
                println!("{error}");
                let text = script.as_deref().unwrap_or_default();
                println!("{}", Text::of(text, architecture, package.package).own);
            }
        }
    }
    println!("{packages} packages, {scripts} scripts, {refused} refused");
    Ok(())
}
