//! What debconf answers where nobody is asked: the defaults of a package's templates, as its config script leaves them. A script
//! that asks is known together with them, since the same text does something else when a default changes.

use std::fmt::Write as _;

use super::text::Text;

/// What a script that asks debconf depends on, as text: each template with its type and default, and the hash of the config
/// script. Empty for a package that asks nothing.
pub(crate) fn answers(
    config: Option<&str>,
    templates: Option<&str>,
    architecture: &str,
    package: &str,
) -> String {
    let mut answers = String::new();
    // debconf-devel(7): stanzas of fields; a localised field has another name.
    for stanza in templates.unwrap_or_default().split("\n\n") {
        let field =
            |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        if let Some(name) = field("Template") {
            let (kind, default) =
                (field("Type").unwrap_or_default(), field("Default").unwrap_or_default());
            let _ = writeln!(answers, "{}\t{}\t{}", name.trim(), kind.trim(), default.trim());
        }
    }
    if let Some(config) = config {
        let _ = writeln!(answers, "config\t{}", Text::of(config, architecture, package).sha256());
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_and_a_config_script_count_and_a_translation_does_not() {
        let templates = "Template: x/a\nType: boolean\nDefault: true\nDescription: A?\n\nTemplate: x/b\nType: note\n";
        let of = |config, templates: &str| answers(config, Some(templates), "amd64", "x");
        assert_eq!(of(None, templates), "x/a\tboolean\ttrue\nx/b\tnote\t\n");
        assert_eq!(
            of(None, templates),
            of(None, &templates.replace("A?", "B?\nDescription-de.UTF-8: C?\nDefault-de: false"))
        );
        assert_ne!(of(None, templates), of(None, &templates.replace("true", "false")));
        assert_ne!(of(None, templates), of(Some("#!/bin/sh\ndb_set x/a false\n"), templates));
        assert_eq!(answers(None, None, "amd64", "x"), "");
    }
}
