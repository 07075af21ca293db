//! A Docker engine, where `ENVLOCK_TEST_ENGINE=1` says that there is one.

use super::Envlock;
use super::release::CONFIG;

/// What the environment names: BUILDX_BUILDER, a builder that pushes by digest; ENGINE_REGISTRY; ENVLOCK_TEST_BASE, a
/// base image with Python 3.14 where Docker Hub and GitHub cannot be reached.
pub struct Engine {
    pub builder: String,
    /// `HOST:PORT`
    pub registry: String,
    base: Option<String>,
}

impl Engine {
    pub fn find() -> Option<Self> {
        if !std::env::var("ENVLOCK_TEST_ENGINE").is_ok_and(|v| v == "1") {
            super::left_out(
                "no engine (ENVLOCK_TEST_ENGINE=1 says that there is one; ci/test.sh starts one)",
            );
            return None;
        }
        let variable =
            |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
        Some(Engine {
            builder: variable("BUILDX_BUILDER"),
            registry: variable("ENGINE_REGISTRY"),
            base: std::env::var("ENVLOCK_TEST_BASE").ok(),
        })
    }

    /// A project with the platform's config.yaml; `spec` is envlock.toml but for the base image.
    pub fn project(&self, spec: &str) -> Envlock {
        let envlock = Envlock::new();
        let base = self.base.as_ref().map_or(String::new(), |base| {
            format!(
                "[python]\nsource = \"base\"\n[base]\nruntime = \"{base}\"\ndevel = \"{base}\"\n"
            )
        });
        envlock.write("envlock.toml", base + spec);
        envlock.write("config.yaml", CONFIG);
        envlock
    }

    /// `build --push` with one of envlock's engines.
    pub fn push(&self, engine: &str, prefix: &str) -> Vec<String> {
        let destination = format!("{}/{prefix}", self.registry);
        let mut words = vec!["build", "--push", "--json", "--engine", engine];
        words.extend(["--registry", &destination]);
        if engine == "dockerfile" {
            words.extend(["--builder", &self.builder]);
        }
        words.into_iter().map(str::to_owned).collect()
    }
}
