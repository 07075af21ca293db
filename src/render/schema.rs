//! Validates config.yaml by its published JSON Schema: `render` finds what editors mark, with the same messages.

use std::sync::LazyLock;

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;

use super::Problem;

/// The JSON Schema of config.yaml: each part has a `title` that completes "it is not …", and a `description`.
pub const CONFIG_SCHEMA: &str = include_str!("../../schemas/config.json");

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(CONFIG_SCHEMA).expect("the schema is JSON: a test reads it")
});
static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&SCHEMA).expect("the schema is one: a test builds it")
});

/// The parts of `config` that the schema does not allow: wrong values, and unknown keys.
pub fn conform(config: &Value) -> (Vec<Problem>, Vec<Problem>) {
    let (mut mistakes, mut unknown) = (Vec::new(), Vec::new());
    for error in VALIDATOR.iter_errors(config) {
        let keys: Vec<String> = error.instance_path().iter().map(|key| key.to_string()).collect();
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                unknown.extend(unexpected.iter().map(|key| unknown_key(&error, &keys, key)));
            }
            ValidationErrorKind::Required { property } => {
                let key = property.as_str().unwrap_or_default();
                let path = [keys.as_slice(), &[key.to_owned()]].concat().join(".");
                let help = format!("add it: {}", description(part(&error).get("properties"), key));
                mistakes.push(Problem {
                    message: format!("{path} is missing"),
                    help,
                    is_key: true,
                    keys,
                });
            }
            ValidationErrorKind::PropertyNames { error } => {
                let name = error.instance().as_str().unwrap_or_default().to_owned();
                let message = format!("{}: `{name}` is not {}", keys.join("."), title(part(error)));
                let keys = [keys, vec![name]].concat();
                mistakes.push(Problem {
                    keys,
                    is_key: true,
                    message,
                    help: "rename it".to_owned(),
                });
            }
            _ => mistakes.push(mistake(&error, keys)),
        }
    }
    (mistakes, unknown)
}

fn mistake(error: &ValidationError<'_>, keys: Vec<String>) -> Problem {
    let part = part(error);
    let place = if keys.is_empty() { "the file".to_owned() } else { keys.join(".") };
    let found = match error.instance().as_ref() {
        Value::Null => "nothing".to_owned(),
        Value::Object(_) => "a map".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        scalar => scalar.to_string(),
    };
    let message = match error.kind() {
        ValidationErrorKind::UniqueItems => format!("{place}: something is in the list twice"),
        ValidationErrorKind::MinItems { .. } => format!("{place}: the list is empty"),
        _ => format!("{place}: {found} is not {}", title(part)),
    };
    let help = part.get("description").and_then(Value::as_str);
    let help = help.map_or_else(|| format!("write {}", title(part)), str::to_owned);
    Problem { keys, is_key: false, message, help }
}

fn unknown_key(error: &ValidationError<'_>, keys: &[String], key: &str) -> Problem {
    let known = part(error).get("properties").and_then(Value::as_object);
    let known: Vec<&str> =
        known.into_iter().flat_map(|map| map.keys().map(String::as_str)).collect();
    let path = [keys, &[key.to_owned()]].concat();
    let help = match nearest(key, &known) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("known here: {}; keys that begin with x- are yours", known.join(", ")),
    };
    let message = format!("{}: this key is not known", path.join("."));
    Problem { keys: path, is_key: true, message, help }
}

/// The part of the schema that an error is about: what holds the keyword.
fn part(error: &ValidationError<'_>) -> &'static Value {
    let mut path = error.schema_path().as_str();
    // An error inside `anyOf` and the like is no use by itself; a named definition has a title.
    while let Some((above, _)) = path.rsplit_once('/') {
        path = above;
        match SCHEMA.pointer(path) {
            Some(part) if part.get("title").is_some() => return part,
            _ => {}
        }
    }
    &SCHEMA
}

fn title(part: &Value) -> &str {
    part.get("title").and_then(Value::as_str).unwrap_or("what belongs here")
}

fn description<'v>(properties: Option<&'v Value>, key: &str) -> &'v str {
    let part = properties.and_then(|properties| properties.get(key));
    part.map(|part| part.get("description").and_then(Value::as_str).unwrap_or(title(part)))
        .unwrap_or("the schema wants it")
}

/// The known key that was probably meant.
fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    let close = |name: &&str| strsim::normalized_damerau_levenshtein(&plain(key), &plain(name));
    let best = known.iter().max_by(|a, b| close(a).total_cmp(&close(b)))?;
    (close(best) > 0.6).then_some(*best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(yaml: &str) -> (Vec<String>, Vec<String>) {
        let (mistakes, unknown) = conform(&yaml_serde::from_str(yaml).unwrap());
        let lines = |problems: Vec<Problem>| {
            let line = |p: Problem| format!("{} | {}", p.message, p.help);
            problems.into_iter().map(line).collect()
        };
        (lines(mistakes), lines(unknown))
    }

    /// `below` is put under services.ray.cpu.
    fn cpu(below: &str) -> String {
        format!("project: {{name: p}}\nservices: {{ray: {{cpu: {{image: a, {below}}}}}}}\n")
    }

    #[test]
    fn every_kind_of_mistake_is_a_sentence_with_its_place() {
        for (yaml, expected) in [
            (
                cpu("ports: {dashboard: 70000}"),
                "services.ray.cpu.ports.dashboard: 70000 is not a port from 1 to 65535",
            ),
            (cpu("ports: {client: 0}"), "services.ray.cpu.ports.client: 0 is not a port"),
            (cpu("ports: {client: \"80\"}"), "services.ray.cpu.ports.client: \"80\" is not a port"),
            (
                cpu("shm_size: lots"),
                "services.ray.cpu.shm_size: \"lots\" is not a size such as 8gb",
            ),
            (cpu("memory: -1"), "services.ray.cpu.memory: -1 is not a size"),
            (cpu("cpus: 0"), "services.ray.cpu.cpus: 0 is not a number of processors"),
            (cpu("gpus: some"), "services.ray.cpu.gpus: \"some\" is not all, a number"),
            (cpu("gpus: [0]"), "services.ray.cpu.gpus.0: 0 is not a GPU's id in quotes"),
            (cpu("gpus: []"), "services.ray.cpu.gpus: the list is empty"),
            (cpu("bind: everywhere"), "services.ray.cpu.bind: \"everywhere\" is not an IP address"),
            (
                cpu("build: {enabled: \"no\"}"),
                "services.ray.cpu.build.enabled: \"no\" is not true or false",
            ),
            (
                cpu("restart: false"),
                "services.ray.cpu.restart: false is not no (in quotes), always",
            ),
            (cpu("role: boss"), "services.ray.cpu.role: \"boss\" is not auto, head or worker"),
            (cpu("networks: [a, a]"), "services.ray.cpu.networks: something is in the list twice"),
            (cpu("environment: {A: [1]}"), "services.ray.cpu.environment.A: a list is not text"),
            (cpu("volumes: [x]"), "services.ray.cpu.volumes.0: \"x\" is not a volume"),
            ("services: {}\nproject: {}\n".to_owned(), "project.name is missing"),
            ("services: {}\n".to_owned(), "project is missing"),
            (
                "project: {name: Übung}\nservices: {}\n".to_owned(),
                "project.name: \"Übung\" is not a name of small letters",
            ),
            (
                "project: {name: p}\nservices: {}\nnetworks: {\"a b\": ~}\n".to_owned(),
                "networks: `a b` is not a network's name",
            ),
            ("[1]".to_owned(), "the file: a list is not config.yaml"),
        ] {
            let (mistakes, unknown) = of(&yaml);
            assert_eq!(
                (mistakes.len(), unknown.len()),
                (1, 0),
                "{yaml} {mistakes:#?} {unknown:#?}"
            );
            assert!(mistakes[0].starts_with(expected), "{yaml}\n{}", mistakes[0]);
        }
    }

    #[test]
    fn an_unknown_key_is_no_mistake_and_the_nearest_is_named() {
        let (mistakes, unknown) = of(&cpu("shm-size: 1gb, x-mine: 1, colour: red"));
        assert_eq!(mistakes, [""; 0]);
        assert_eq!(unknown.len(), 2);
        assert_eq!(
            unknown[0],
            "services.ray.cpu.shm-size: this key is not known | did you mean shm_size?"
        );
        assert!(
            unknown[1].contains("services.ray.cpu.colour")
                && unknown[1].contains("known here: image, build")
        );
    }

    #[test]
    fn what_can_be_wrong_has_a_title() {
        fn titled(at: &str, part: &Value) {
            if let Value::Object(map) = part {
                let checks = ["type", "enum", "pattern"]
                    .iter()
                    .any(|k| map.get(*k).is_some_and(|v| !v.is_object()));
                assert!(!checks || map.contains_key("title"), "{at} has no title");
                map.iter().for_each(|(key, part)| titled(&format!("{at}/{key}"), part));
            }
        }
        titled("", &SCHEMA);
    }
}
