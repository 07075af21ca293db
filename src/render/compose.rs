//! The compose file: its first line, the check that it is YAML, and the files it mounts.

use std::collections::BTreeSet;

use yaml_scalar_edit::{Document, Value};

use super::{Error, Rendered};

/// The rendered text as it is written: with a first line that names its origin, and a final line break.
///
/// # Errors
/// [`Error::NotYaml`], from either of two parsers.
pub fn finish(rendered: &Rendered, template: &str, config: &str) -> Result<String, Error> {
    let body = rendered.text.trim_start_matches(['\n', '\r']);
    let skipped = rendered.text.len() - body.len();
    let head = format!(
        "# Made by `envlock render` from {template} and {config}: change those. \
         生成されたファイルです。編集するのは元のファイルだけにしてください。\n"
    );
    let text = format!("{head}{}\n", body.trim_end());
    match Document::parse(text.as_bytes()) {
        Ok(_) => Ok(text),
        Err(error) => {
            let origin = |at: usize| rendered.origin((at + skipped).saturating_sub(head.len()));
            Err(Error::not_yaml(template, &text, error, origin))
        }
    }
}

/// The relative paths of the host that a compose file's services, secrets and configs name.
pub fn mounted(text: &str) -> BTreeSet<String> {
    let Ok(document) = Document::parse(text.as_bytes()) else { return BTreeSet::new() };
    let file = document.value();
    let values = |key: &str| {
        let map = file.get(key).and_then(Value::as_mapping);
        map.into_iter().flat_map(|map| map.values())
    };
    let volumes = values("services")
        .filter_map(|service| service.get("volumes")?.as_sequence())
        .flatten()
        .filter_map(|volume| match volume {
            Value::String(short) => short.split(':').next(),
            long => long.get("source")?.as_str(),
        });
    let files = ["secrets", "configs"].into_iter().flat_map(values);
    let files = files.filter_map(|entry| entry.get("file")?.as_str());
    let is_relative = |path: &&str| path.starts_with("./") || path.starts_with("../");
    let without_variables = |path: &&str| !path.contains('$');
    volumes.chain(files).filter(is_relative).filter(without_variables).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Template;
    use super::*;

    fn rendered(template: &str) -> Rendered {
        let part = |_: &str| Ok(Some("a: 1\n\tb: 2\n".to_owned()));
        let template = Template { name: "t.jinja2".to_owned(), text: template.to_owned() };
        template.render(Arc::new(part), &serde_json::json!({}), None).unwrap()
    }

    #[test]
    fn the_first_line_says_where_it_comes_from_and_only_yaml_passes() {
        let text = finish(&rendered("\n\na: 1\n\n"), "t.jinja2", "config.yaml").unwrap();
        let (first, rest) = text.split_once('\n').unwrap();
        assert!(first.starts_with("# Made by `envlock render` from t.jinja2 and config.yaml"));
        assert_eq!(rest, "a: 1\n");
        assert!(finish(&rendered("# nothing\n"), "t", "c").is_err());
    }

    #[test]
    fn what_is_no_yaml_is_told_with_the_line_of_the_template() {
        for (bad, line) in [
            ("\nx: y\n\n{% if true %}\na: 1\n b: 2\n{% endif %}\n", 6),
            ("a: 1\n{# c #}\n- b\n", 3),
            ("{% set x = 1 %}\n\na: 1\nb: {{ '*c' }}\n", 4),
            ("{% include 'part' %}\n", 2),
        ] {
            let error = finish(&rendered(bad), "t.jinja2", "config.yaml").unwrap_err();
            let Error::NotYaml { origin, span, message, .. } = error else { panic!("{error:?}") };
            let file = if bad.contains("include") { "part" } else { "t.jinja2" };
            assert_eq!(origin, format!(" (from {file}, line {line})"), "{bad} {message} {span:?}");
        }
    }

    #[test]
    fn paths_of_the_host_are_found_in_every_form() {
        let text = "services:\n  a:\n    volumes: [\"./x:/x:ro\", \"data:/d\", \"/abs:/y\", \"../${V}:/v\"]\n  b:\n    volumes:\n      - {type: bind, source: ../n, target: /n}\nsecrets: {t: {file: ./token}}\n";
        assert_eq!(mounted(text).into_iter().collect::<Vec<_>>(), ["../n", "./token", "./x"]);
    }
}
