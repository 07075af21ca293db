//! The published schemas against what envlock really writes, and against what it reads.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::sync::LazyLock;

use clap::CommandFactory;
use envlock::cli::Cli;
use envlock::reports;
use regex::Regex;
use serde_json::{Map, Value, json};

use super::resolve::{base, spec, stack};
use crate::support::workshop::Workshop;
use crate::support::{Envlock, Run};

/// Schemas of files, not of results.
const FILES: [&str; 4] = ["spec", "lock", "release", "config"];
/// What prints nothing that is JSON.
const SILENT: [&str; 3] = ["init", "completions", "docs"];

/// Every schema by its name, made once.
static SCHEMAS: LazyLock<BTreeMap<&str, Value>> = LazyLock::new(|| {
    let schemas = reports::schemas().into_iter();
    schemas.map(|(name, text)| (name, serde_json::from_str(&text).unwrap())).collect()
});

fn schema(name: &str) -> &'static Value {
    &SCHEMAS[name]
}

/// Fails with every place where `value` is not what the schema says.
#[track_caller]
pub fn fits(name: &str, value: &Value) {
    let validator = jsonschema::validator_for(schema(name)).unwrap();
    let wrong: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{name}: {wrong:#?}\n{value:#}");
}

/// The result on stdout, which must fit the schema of its command.
#[track_caller]
pub fn result(name: &str, run: &Run) -> Value {
    let stdout = run.stdout();
    let value = serde_json::from_str(&stdout);
    let value: Value = value.unwrap_or_else(|e| panic!("{name}: {e}\n{stdout}\n{}", run.stderr()));
    fits(name, &value);
    value
}

#[test]
fn every_command_that_prints_json_has_a_schema() {
    let commands = Cli::command();
    let commands: BTreeSet<&str> =
        commands.get_subcommands().map(|c| c.get_name()).filter(|n| !SILENT.contains(n)).collect();
    let named: BTreeSet<&str> =
        SCHEMAS.keys().copied().filter(|name| !FILES.contains(name)).collect();
    assert_eq!(named, commands, "reports::schemas()");
    let envlock = Envlock::new();
    for (name, text) in reports::schemas() {
        assert_eq!(envlock.run(["schema", name]).exits(0).stdout(), text);
        assert!(jsonschema::meta::is_valid(schema(name)), "{name}");
        let id = schema(name)["$id"].as_str().unwrap();
        assert!(id.ends_with(&format!("/raw/main/schemas/{name}.json")), "{id}");
    }
    let unknown = envlock.run(["schema", "nothing"]).exits(2);
    assert!(unknown.stderr().contains("there is spec, lock"), "{}", unknown.stderr());
    let names = result("schema", &envlock.run(["schema", "--json"]).exits(0));
    assert_eq!(names["schemas"].as_array().unwrap().len(), SCHEMAS.len());
}

/// With ENVLOCK_WRITE_SCHEMAS=1 it writes them instead.
#[test]
fn the_files_in_schemas_are_what_the_types_give() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas");
    let mut names = BTreeSet::new();
    for (name, text) in reports::schemas() {
        let file = format!("{folder}/{name}.json");
        names.insert(format!("{name}.json"));
        if std::env::var_os("ENVLOCK_WRITE_SCHEMAS").is_some() {
            std::fs::write(&file, text.as_bytes()).unwrap();
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(committed == *text, "{file}: ENVLOCK_WRITE_SCHEMAS=1 cargo test --test it schemas");
    }
    let files = std::fs::read_dir(folder).unwrap();
    let files: BTreeSet<_> =
        files.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(files, names, "schemas/ has a file that belongs to nothing");
}

/// An object that admits unknown fields would never be found to differ.
#[test]
fn no_object_of_a_schema_is_open() {
    fn closed(at: &str, value: &Value) {
        let object = value.get("properties").is_some() && value.get("type").is_some();
        let is_closed = |key: &str| value[key] == json!(false);
        assert!(
            !object || is_closed("additionalProperties") || is_closed("unevaluatedProperties"),
            "{at}"
        );
        match value {
            // The parts of an object that is closed as a whole.
            Value::Object(map) => {
                let parts = is_closed("unevaluatedProperties").then_some("oneOf");
                let entries = map.iter().filter(|(key, _)| Some(key.as_str()) != parts);
                entries.for_each(|(k, v)| closed(&format!("{at}/{k}"), v));
            }
            Value::Array(list) => list.iter().for_each(|v| closed(at, v)),
            _ => {}
        }
    }
    for (name, schema) in &*SCHEMAS {
        closed(name, schema);
    }
}

#[test]
fn every_report_has_the_version_and_its_keys_are_snake_case() {
    let snake = Regex::new("^[a-z][a-z0-9]*(_[a-z0-9]+)*$").unwrap();
    let is_properties = |map: &Map<String, Value>| {
        map.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
    };
    fn objects<'a>(value: &'a Value, found: &mut Vec<&'a Map<String, Value>>) {
        match value {
            Value::Object(map) => {
                found.push(map);
                map.values().for_each(|value| objects(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| objects(value, found)),
            _ => {}
        }
    }
    for (name, schema) in SCHEMAS.iter().filter(|(name, _)| !FILES.contains(name)) {
        let whole = json!([schema]);
        let shapes = schema.get("anyOf").unwrap_or(&whole).as_array().unwrap();
        for shape in shapes {
            assert_eq!(shape["properties"]["version"]["const"], 2, "{name}: {shape}");
            assert!(shape["required"].as_array().unwrap().contains(&json!("version")), "{name}");
        }
        let mut found = Vec::new();
        objects(schema, &mut found);
        for key in found.into_iter().flat_map(is_properties).map(|(key, _)| key) {
            assert!(snake.is_match(&key), "{name}: {key}");
        }
    }
}

#[test]
fn what_the_resolver_prints_fits_its_schemas() {
    let (_registry, base) = base();
    let (index, envlock) = (stack(), Envlock::new());
    envlock.write("envlock.toml", spec(&index, &base, "[\"torch\"]", "[\"pyg_lib\"]"));
    let planned = result("resolve", &envlock.run(["resolve", "--json", "--dry-run"]).exits(0));
    assert!(planned["lock"]["package"].as_array().unwrap().len() > 3);
    assert!(planned["lock"]["target"]["source_date_epoch"].is_i64());
    envlock.run(["resolve"]).exits(0);
    let lock: Value = toml::from_str(&envlock.read("env.lock")).unwrap();
    fits("lock", &lock);
    result("resolve", &envlock.run(["resolve", "--json", "--check"]).exits(0));
    envlock.write("before.lock", envlock.read("env.lock"));
    index.wheel("numpy", "2.6.0").tags("cp314-cp314-manylinux_2_28_x86_64").add();
    let behind = result("outdated", &envlock.run(["outdated", "--json"]).exits(0));
    let numpy = behind["outdated"].as_array().unwrap().iter().find(|b| b["name"] == "numpy");
    assert_eq!(numpy.unwrap()["requested"], false);
    envlock.run(["resolve", "--upgrade"]).exits(0);
    let diff = envlock.run(["resolve", "--json", "--diff", "before.lock"]).exits(0);
    assert_eq!(result("resolve", &diff)["diff"]["changed"].as_array().unwrap().len(), 1);
    let why = result("why", &envlock.run(["why", "--json", "numpy"]).exits(0));
    assert!(!why["paths"][0].as_array().unwrap().is_empty());
    let matrix = result("matrix", &envlock.run(["matrix", "--json"]).exits(0));
    assert!(!matrix["tables"][0]["rows"].as_array().unwrap().is_empty());
    for format in ["requirements", "cyclonedx", "pylock"] {
        let run = envlock.run(["export", "--json", "--format", format]).exits(0);
        assert!(result("export", &run)["text"].is_string());
    }
    let run = envlock.run(["export", "--json", "--format", "requirements", "-o", "r.txt"]).exits(0);
    assert_eq!(result("export", &run)["file"], "r.txt");
    result("cache", &envlock.run(["cache", "dir", "--json"]).exits(0));
    result("cache", &envlock.run(["cache", "prune", "--json"]).exits(0));
    result("doctor", &Run(envlock.command(["doctor", "--json"]).output().unwrap()));
    let stale = spec(&index, &base, "[\"torch\", \"numpy\"]", "[\"pyg_lib\"]");
    envlock.write("envlock.toml", stale);
    let stale = result("resolve", &envlock.run(["resolve", "--json", "--check"]).exits(3));
    assert!(!stale["reasons"].as_array().unwrap().is_empty());
}

#[test]
fn what_a_release_prints_and_writes_fits_its_schemas() {
    let workshop = Workshop::new(2000);
    let envlock = workshop.project();
    let plan = result("build", &envlock.run(["build", "--json", "--dry-run"]).exits(0));
    assert!(plan["plan"]["images"][0]["repository"].is_null());
    let destination = format!("{}/team", workshop.proxy.host());
    let there = ["build", "--json", "--dry-run", "--registry", &destination];
    let plan = result("build", &envlock.run(there).exits(0));
    assert!(plan["plan"]["images"][0]["repository"].is_object());
    assert!(plan["config"].as_str().unwrap().contains("+++ "));
    result("build", &envlock.run(["build", "--json", "--prepare"]).exits(0));
    result("status", &envlock.run(["status", "--json"]).exits(0));
    result("history", &envlock.run(["history", "--json"]).exits(0));
    // Nothing is old yet, and that is a result, too.
    let nothing = result("prune", &envlock.run(["prune", "--json"]).exits(0));
    assert_eq!(nothing["removed"], json!([]));

    let pushed = result("build", &workshop.build(&envlock, "team").exits(0));
    assert_eq!(pushed["release"], 1);
    fits("lock", &toml::from_str(&envlock.read("env.lock")).unwrap());
    let again = result("build", &workshop.build(&envlock, "team").exits(0));
    assert!(again["release"].is_null());
    let arguments = workshop.arguments("other");
    let alone = envlock.run(arguments.iter().map(String::as_str).chain(["--no-config"])).exits(0);
    let alone = result("build", &alone);
    assert_eq!((alone["diff"].as_str(), alone["release"].as_u64()), (Some(""), Some(2)));
    let status = result("status", &envlock.run(["status", "--json", "--registry"]).exits(0));
    assert_eq!(status["roles"][0]["in_registry"], "there");
    assert_eq!(status["images"][0]["in_registry"], "there");
    result("rollback", &envlock.run(["rollback", "--json", "--dry-run"]).exits(0));
    let back = result("rollback", &envlock.run(["rollback", "--json"]).exits(0));
    assert_eq!((back["to"].as_u64(), back["release"].as_u64()), (Some(1), Some(3)));
    let history = result("history", &envlock.run(["history", "--json"]).exits(0));
    assert_eq!(history["releases"].as_array().unwrap().len(), 3);
    for line in envlock.read("env.releases.jsonl").lines() {
        fits("release", &serde_json::from_str(line).unwrap());
    }
    // The check itself can fail.
    let mut wrong: Value = history["releases"][0].clone();
    wrong["to"] = json!(1);
    assert!(std::panic::catch_unwind(|| fits("release", &wrong)).is_err());
}

#[test]
fn what_serve_prints_fits_its_schema() {
    let envlock = Envlock::new();
    let mut serve = envlock
        .command(["serve", "--json", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It is ready when it says that it serves; the report came before.
    let mut said = String::new();
    BufReader::new(serve.stderr.take().unwrap()).read_line(&mut said).unwrap();
    let _ = serve.kill();
    let mut text = String::new();
    serve.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    serve.wait().unwrap();
    fits("serve", &serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text} {said}")));
}

/// The keys of a table, from the error that names them; `unknown` is a document with `zzz` in that table.
fn known_keys(said: &str) -> BTreeSet<String> {
    let list = said.split_once("expected ").unwrap_or_else(|| panic!("{said}")).1;
    let quoted = Regex::new("`([^`]+)`").unwrap();
    quoted.captures_iter(list).map(|key| key[1].to_owned()).collect()
}

fn properties(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let object = schema.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
    object["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_schema_of_envlock_toml_has_the_keys_that_are_read() {
    let schema = schema("spec");
    let tables = [
        ("", ""),
        ("[python]", "/$defs/python"),
        ("[target]", "/$defs/target"),
        ("[cuda]", "/$defs/cuda"),
        ("[base]", "/$defs/base"),
        ("[groups.x]", "/$defs/group"),
        ("[packages.x]", "/$defs/package"),
        ("[metadata.x]", "/$defs/metadata"),
        ("[import]", "/$defs/import"),
        ("[sources.x]", "/$defs/source"),
        ("[images.x]", "/$defs/image"),
        ("[build]", "/$defs/build"),
        ("[system]", "/$defs/system"),
        ("[registry]", "/$defs/registry"),
        ("[network]", "/$defs/network"),
        ("[config]", "/$defs/config"),
        ("[[config.targets]]", "/$defs/config/properties/targets/items"),
        ("[release]", "/$defs/release"),
        ("[sign]", "/$defs/sign"),
        ("[profiles.x]", "/$defs/profile"),
    ];
    for (table, pointer) in tables {
        let error =
            envlock::spec::parse("envlock.toml", &format!("{table}\nzzz = 1\n")).unwrap_err();
        let mut known = known_keys(&error.to_string());
        if table == "[profiles.x]" {
            // Read, and refused with a better sentence.
            known.remove("profiles");
        }
        assert_eq!(properties(schema, pointer), known, "{table}: schemas/spec.json");
    }
    // Every table of the schema was compared; two forms of values are no tables.
    let tables_of_schema = schema["$defs"].as_object().unwrap();
    let tables_of_schema =
        tables_of_schema.keys().filter(|k| !["versions", "override"].contains(&k.as_str()));
    assert_eq!(tables_of_schema.count(), tables.len() - 2);
}

#[test]
fn files_people_write_fit_the_schema_and_mistakes_do_not() {
    let read = |text: &str| -> Value { toml::from_str(text).unwrap() };
    fits("spec", &read(envlock::spec::BUILTIN_TEXT));
    fits("spec", &json!({}));
    let workshop = Workshop::new(10);
    fits("spec", &read(&workshop.begun().read("envlock.toml")));
    let full = "exclude-newer = \"2026-11-23\"\nkeyring-provider = \"subprocess\"\n\
        [target]\ngpus = [\"9.0\"]\n[config.roles]\n\"services.x.image\" = \"ray-runtime\"\n\
        [[config.targets]]\nfile = \"k8s/ray.yaml\"\npath = \"spec.image\"\nimage = \"ray-runtime\"\n\
        [network]\npatience = \"1h 30m\"\n[release]\nafter = \"true\"\nkeep = 3\nrecords = \"required\"\n[sign]\nkey = \"cosign.key\"\n[registry.mirrors]\n\"docker.io\" = \"m.example/x\"\n\
        [constraints]\nnumpy = \"<3\"\nx = [\"<3; python_version < '3'\", \"*\"]\n[overrides]\na = false\nb = \"[c]==1\"\n\
        [deny]\nd = \"*\"\n[metadata.\"e==1\"]\nrequires-dist = [\"f\"]\n[packages]\ng = { prereleases = \"never\" }\n\
        [profiles.cpu.target]\ncuda = \"cpu\"\n";
    envlock::spec::parse("envlock.toml", full).unwrap();
    fits("spec", &read(full));
    for wrong in [
        "[python]\nsauce = \"base\"\n",
        "[target]\ncuda = \"130\"\n",
        "[build]\nengine = \"x\"\n",
        "[constraints]\na = \"2.0\"\n",
        "[deny]\na = false\n",
    ] {
        assert!(envlock::spec::parse("envlock.toml", wrong).is_err());
        assert!(std::panic::catch_unwind(|| fits("spec", &read(wrong))).is_err(), "{wrong}");
    }
}

#[test]
fn the_schema_of_the_lock_has_the_keys_that_are_read() {
    let workshop = Workshop::new(10);
    let text = workshop.project().read("env.lock");
    let (schema, mut tables) = (schema("lock"), BTreeMap::new());
    tables.insert("version = 1\n", "");
    tables.insert("[target]\n", "/$defs/Target");
    tables.insert("[python]\n", "/$defs/PythonPin");
    tables.insert("[[package]]\n", "/$defs/Package");
    for (table, pointer) in tables {
        assert!(text.contains(table), "{text}");
        let wrong = text.replacen(table, &format!("{table}zzz = 1\n"), 1);
        let error = envlock::lock::parse(&wrong).unwrap_err().to_string();
        assert_eq!(properties(schema, pointer), known_keys(&error), "{table}: schemas/lock.json");
    }
}
