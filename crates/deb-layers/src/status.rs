//! A package's stanza in dpkg's status, as dpkg writes it: its own fields first and in its own order, relations in one
//! form, then what it does not know. dpkg(1), deb-control(5).

use crate::control::Control;
use crate::error::Flaw;
use crate::relation;
use crate::version;

/// Fields that dpkg writes first, in this order; relations and conffiles among them.
const BEFORE: [&str; 10] = [
    "Priority",
    "Section",
    "Installed-Size",
    "Origin",
    "Maintainer",
    "Bugs",
    "Architecture",
    "Multi-Arch",
    "Source",
    "Version",
];
/// Fields that dpkg writes elsewhere, otherwise, or not at all.
const KNOWN: [&str; 20] = [
    "Package",
    "Essential",
    "Protected",
    "Status",
    "Config-Version",
    "Conffiles",
    "Filename",
    "Size",
    "MD5sum",
    "MSDOS-Filename",
    "Description",
    "Triggers-Pending",
    "Triggers-Awaited",
    "Recommended",
    "Optional",
    "Class",
    "Revision",
    "Package-Revision",
    "Package_Revision",
    "Date",
];

/// The stanza of an installed package, with the last newline.
pub(crate) fn stanza(control: &Control, conffiles: &[(String, String)]) -> Result<String, Flaw> {
    let mut out = String::new();
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            out.push_str(&format!("{name}: {value}\n"));
        }
    };
    put("Package", &control.name);
    for flag in ["Essential", "Protected"] {
        let set = control.stanza.get(flag).is_some_and(|value| value.eq_ignore_ascii_case("yes"));
        put(flag, if set { "yes" } else { "" });
    }
    put("Status", "install ok installed");
    for field in BEFORE {
        let value = control.stanza.get(field).unwrap_or("");
        match field {
            "Version" => put(field, version::plain(value)),
            "Multi-Arch" if value.eq_ignore_ascii_case("no") => {}
            "Multi-Arch" => put(field, &value.to_ascii_lowercase()),
            _ => put(field, value),
        }
    }
    for field in relation::FIELDS {
        put(field, &relation::normal(field, control.stanza.get(field).unwrap_or(""))?);
    }
    if !conffiles.is_empty() {
        out.push_str("Conffiles:\n");
        for (path, hash) in conffiles {
            out.push_str(&format!(" /{path} {hash}\n"));
        }
    }
    let others = control.stanza.fields().filter(|(name, _)| {
        let mut known = BEFORE.iter().chain(&relation::FIELDS).chain(&KNOWN);
        !known.any(|known| known.eq_ignore_ascii_case(name))
    });
    let description = control.stanza.get("Description").map(|text| ("Description", text));
    for (name, value) in description.into_iter().chain(others) {
        out.push_str(&format!("{name}: {value}\n"));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stanza::Stanza;

    #[test]
    fn fields_are_in_dpkgs_order_and_form() {
        let text = "Package: xx\nSource: yy (1)\nVersion: 0:1.0\nArchitecture: amd64\nEssential: no\n\
            Protected: Yes\nMulti-Arch: Foreign\nMaintainer: A <a@example.org>\nDepends: aa(>=1)|bb\n\
            X-Own: 1\nSize: 7\nHomepage: https://example.org\nDescription: short\n long\n";
        let stanza = Stanza::parse(text).unwrap();
        let control = Control {
            name: "xx".to_owned(),
            version: "0:1.0".to_owned(),
            architecture: "amd64".to_owned(),
            multi_arch_same: false,
            stanza,
            conffiles: vec![],
            members: Default::default(),
        };
        let hashes = [("etc/a".to_owned(), "00".to_owned())];
        assert_eq!(
            super::stanza(&control, &hashes).unwrap(),
            "Package: xx\nProtected: yes\nStatus: install ok installed\n\
             Maintainer: A <a@example.org>\nArchitecture: amd64\nMulti-Arch: foreign\n\
             Source: yy (1)\nVersion: 1.0\nDepends: aa (>= 1) | bb\nConffiles:\n /etc/a 00\n\
             Description: short\n long\nX-Own: 1\nHomepage: https://example.org\n"
        );
    }
}
